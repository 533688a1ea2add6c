"""The usual GradientTape loop, corrected, with Keras players that take the weights of ours and give them back.

Corrected means: logits and softplus instead of logarithms of probabilities, both losses minimised, and the generated
samples made inside the one tape that both gradients come from. Images are NHWC here and NCHW there.
"""

import keras
import numpy as np
import tensorflow as tf
import torch
from keras import layers
from tensorflow.nn import relu, silu, softplus

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)


# --- losses: (a, b) -> (L_G, L_D), scalars; a, b logits (batch,) of real and generated samples ------------------


def minimax(a, b):
    return -mean(softplus(b)), mean(softplus(-a) + softplus(b))


def non_saturating(a, b):
    return mean(softplus(-b)), mean(softplus(-a) + softplus(b))


def wasserstein(a, b):
    return -mean(b), mean(b) - mean(a)


def hinge(a, b):
    return -mean(b), mean(relu(1 - a)) + mean(relu(1 + b))


def least_squares(a, b):
    return mean((b - 1) ** 2) / 2, mean((a - 1) ** 2 + b**2) / 2


def relativistic(a, b):
    return mean(softplus(a - b)), mean(softplus(b - a))


mean = tf.reduce_mean


# --- players ----------------------------------------------------------------------------------------------------


def mlp_generator(latent_size, features, widths, dtype):
    hidden = [layers.Dense(width, activation=silu, dtype=dtype) for width in widths]
    return keras.Sequential([keras.Input((latent_size,), dtype=dtype), *hidden, layers.Dense(features, dtype=dtype)])


def mlp_discriminator(features, widths, dtype):
    return mlp_generator(features, 1, widths, dtype)


def convolutional_generator(latent_size, shape, widths, dtype):
    """A stage for each width: from the latent to the base resolution, then nearest-neighbour doublings."""
    height, width, channels = shape
    base = height >> (len(widths) - 1), width >> (len(widths) - 1)
    stages = [layers.Dense(widths[0] * base[0] * base[1], dtype=dtype)]
    stages += [layers.Reshape((widths[0], *base), dtype=dtype), layers.Permute((2, 3, 1), dtype=dtype)]
    stages.append(layers.Lambda(normalised, dtype=dtype))
    for filters in widths[1:]:
        stages.append(layers.Lambda(lambda x: tf.repeat(tf.repeat(x, 2, 1), 2, 2), dtype=dtype))
        stages += [*convolution(filters, 3, 1, dtype), layers.Lambda(normalised, dtype=dtype)]
    stages += convolution(channels, 3, 1, dtype)
    return keras.Sequential([keras.Input((latent_size,), dtype=dtype), *stages])


def convolutional_discriminator(shape, widths, kernel, dtype):
    """A convolution, then halvings, then a linear layer on what is flattened channels first, as torch does."""
    stages = []
    for index, filters in enumerate(reversed(widths)):
        stages += convolution(filters, kernel if index else 3, 2 if index else 1, dtype)
        stages.append(layers.Lambda(leaky_relu, dtype=dtype))
    stages += [layers.Permute((3, 1, 2), dtype=dtype), layers.Flatten(dtype=dtype), layers.Dense(1, dtype=dtype)]
    return keras.Sequential([keras.Input(shape, dtype=dtype), *stages])


def convolution(filters, kernel, stride, dtype):
    """With (kernel - 1) // 2 zeros on each side: "same" would pad one side only for a kernel of 3 at stride 2."""
    padding = layers.ZeroPadding2D((kernel - 1) // 2, dtype=dtype)
    return [padding, layers.Conv2D(filters, kernel, stride, "valid", dtype=dtype)]


def normalised(x):
    """Each pixel over its root mean square across channels, then leaky ReLU."""
    return leaky_relu(x * tf.math.rsqrt(tf.reduce_mean(x**2, -1, keepdims=True) + 1e-8))


def leaky_relu(x):
    """Slope 0.2. tf.nn.leaky_relu keeps its slope in float32, 1.5e-8 off, whatever the dtype of x."""
    return tf.maximum(x, 0.2 * x)


# --- weights, both ways -----------------------------------------------------------------------------------------

TO_KERAS = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}
TO_TORCH = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}
"""Axes by rank: bias; (out, in) and (in, out); (out, in, height, width) and (height, width, in, out)."""


def copy_to_keras(module, model):
    """Both players' layers stand in the same order."""
    for variable, parameter in zip(model.trainable_variables, module.parameters(), strict=True):
        variable.assign(np.transpose(parameter.detach().numpy(), TO_KERAS[parameter.ndim]))


@torch.no_grad()
def copy_to_torch(model, module):
    for variable, parameter in zip(model.trainable_variables, module.parameters(), strict=True):
        parameter.copy_(torch.from_numpy(np.transpose(variable.numpy(), TO_TORCH[parameter.ndim]).copy()))


def flat(tensors):
    """Keras-shaped tensors as one vector in torch's layout, (n,)."""
    return np.concatenate([np.transpose(t, TO_TORCH[len(t.shape)]).ravel() for t in tensors])


def like(variables, vector):
    """The parts of a vector in torch's layout, shaped like Keras variables."""
    torch_shapes = [tuple(variable.shape[axis] for axis in TO_TORCH[len(variable.shape)]) for variable in variables]
    parts = np.split(vector, np.cumsum([np.prod(shape, dtype=int) for shape in torch_shapes])[:-1])
    pairs = zip(parts, torch_shapes, strict=True)
    return [tf.constant(np.transpose(part.reshape(shape), TO_KERAS[len(shape)])) for part, shape in pairs]


def samples(tensor):
    """NCHW to NHWC; points stay."""
    return tf.constant(np.transpose(tensor.numpy(), (0, 2, 3, 1) if tensor.ndim == 4 else (0, 1)))


# --- the game ---------------------------------------------------------------------------------------------------


class KerasGame:
    """Both players' gradients from one tape; `r1`, `r2` weigh half the squared slope of the logits."""

    def __init__(self, generator, discriminator, loss, r1=0.0, r2=0.0):
        self.generator, self.discriminator, self.loss, self.r1, self.r2 = generator, discriminator, loss, r1, r2

    @property
    def variables(self):
        return self.generator.trainable_variables + self.discriminator.trainable_variables

    def gradients(self, real, latent):
        """(of L_G in theta, of L_D in psi)."""
        with tf.GradientTape(persistent=True) as tape:
            fake = self.generator(latent, training=True)
            real_logits = self.discriminator(real, training=True)[:, 0]
            fake_logits = self.discriminator(fake, training=True)[:, 0]
            generator_loss, discriminator_loss = self.loss(real_logits, fake_logits)
            discriminator_loss += self.r1 * self.half_squared_slope(real) + self.r2 * self.half_squared_slope(fake)
        return (
            tape.gradient(generator_loss, self.generator.trainable_variables),
            tape.gradient(discriminator_loss, self.discriminator.trainable_variables, unconnected_gradients="zero"),
        )

    def half_squared_slope(self, images):
        """E ||grad_x D||^2 / 2 by a tape inside the caller's, which differentiates it again."""
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = self.discriminator(images, training=True)
        slope = tape.gradient(logits, images)
        return tf.reduce_sum(slope**2) / (2 * len(images))

    def transposed_times(self, real, latent, vector):
        """J^T u: a tape around the tape. Samples made outside of it would lose the blocks between the players."""
        with tf.GradientTape() as tape:
            theta, psi = self.gradients(real, latent)
            along = [tf.reduce_sum(v * u) for v, u in zip(theta + psi, like(self.variables, vector), strict=True)]
            product = tf.add_n(along)
        return tape.gradient(product, self.variables, unconnected_gradients="zero")

    def alternating_step(self, real, latent, generator_optimizer, discriminator_optimizer):
        """The discriminator moves first; the generator answers it at its new place, on the same batch."""
        _, by_psi = self.gradients(real, latent)
        discriminator_optimizer.apply_gradients(zip(by_psi, self.discriminator.trainable_variables, strict=True))
        by_theta, _ = self.gradients(real, latent)
        generator_optimizer.apply_gradients(zip(by_theta, self.generator.trainable_variables, strict=True))

    def simultaneous_step(self, real, latent, generator_optimizer, discriminator_optimizer):
        by_theta, by_psi = self.gradients(real, latent)
        discriminator_optimizer.apply_gradients(zip(by_psi, self.discriminator.trainable_variables, strict=True))
        generator_optimizer.apply_gradients(zip(by_theta, self.generator.trainable_variables, strict=True))
