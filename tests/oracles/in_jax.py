"""The games of tests/oracle.py written in JAX, float64: losses, penalties, players, field; nothing of ours is called.

Parameters come as one flat vector, in the order and shapes of the torch modules' `named_parameters`.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.nn import leaky_relu, silu, softplus

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")


# --- losses: (a, b) -> (L_G, L_D) per sample; a, b logits of real and generated samples -------------------------


def minimax(a, b):
    return -softplus(b), softplus(-a) + softplus(b)


def non_saturating(a, b):
    return softplus(-b), softplus(-a) + softplus(b)


def wasserstein(a, b):
    return -b, b - a


def hinge(a, b):
    return -b, jnp.maximum(0, 1 - a) + jnp.maximum(0, 1 + b)


def least_squares(a, b):
    return (b - 1) ** 2 / 2, (a - 1) ** 2 / 2 + b**2 / 2


def signed_least_squares(a, b):
    return (b - 1) ** 2, (a - 1) ** 2 + (b + 1) ** 2


def relativistic(a, b):
    return softplus(a - b), softplus(b - a)


def relativistic_average(a, b):
    real, fake = a - b.mean(), b - a.mean()
    return softplus(real) + softplus(-fake), softplus(-real) + softplus(fake)


def f_gan(g, conjugate):
    """L_D = -g(a) + f*(g(b)), L_G = -f*(g(b)) from an output activation g and f* after it (Nowozin et al. 2016)."""
    return lambda a, b: (-conjugate(b), conjugate(b) - g(a))


kullback_leibler = f_gan(lambda t: t, lambda t: jnp.exp(t - 1))
reverse_kullback_leibler = f_gan(lambda t: -jnp.exp(-t), lambda t: t - 1)
pearson = f_gan(lambda t: t, lambda t: t**2 / 4 + t)
neyman = f_gan(lambda t: 1 - jnp.exp(-t), lambda t: 2 - 2 * jnp.exp(-t / 2))
squared_hellinger = f_gan(lambda t: 1 - jnp.exp(-t), lambda t: jnp.exp(t) - 1)
jensen_shannon = f_gan(lambda t: math.log(2) - softplus(-t), lambda t: softplus(t) - math.log(2))
total_variation = f_gan(lambda t: jnp.tanh(t) / 2, lambda t: jnp.tanh(t) / 2)


# --- penalties: (discriminator, real, fake) -> scalar, without their weight -------------------------------------


def slopes(discriminator, x):
    """grad_x D of each sample, (batch, features)."""
    return jax.grad(lambda x: discriminator(x).sum())(x).reshape(len(x), -1)


def r1(discriminator, real, fake):
    return (slopes(discriminator, real) ** 2).sum(1).mean() / 2


def r2(discriminator, real, fake):
    return (slopes(discriminator, fake) ** 2).sum(1).mean() / 2


def one_centred(discriminator, real, fake):
    """(||grad_x D|| - 1)^2 / 2 at generated samples, so that the points too move with the generator."""
    return ((jnp.linalg.norm(slopes(discriminator, fake), axis=1) - 1) ** 2).mean() / 2


# --- players: (parameters by name, input, label) -> output ------------------------------------------------------


def linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def mlp_generator(p, z, label):
    for layer in range(hidden_layers(p)):
        z = silu(linear(p, f"hidden.linears.{layer}", z))
    return linear(p, "out", z)


def mlp_discriminator(p, x, label):
    for layer in range(hidden_layers(p)):
        x = silu(linear(p, f"hidden.linears.{layer}", x))
    return linear(p, "judgement.linear", x)[:, 0]


def hidden_layers(p):
    return sum(name.startswith("hidden.linears") for name in p) // 2


def convolution(p, name, x, stride=1):
    """Cross-correlation, NCHW by OIHW, (kernel - 1) // 2 zeros on each side."""
    weight = p[f"{name}.weight"]
    padding = [((size - 1) // 2,) * 2 for size in weight.shape[2:]]
    layout = ("NCHW", "OIHW", "NCHW")
    y = lax.conv_general_dilated(x, weight, (stride, stride), padding, dimension_numbers=layout)
    return y + p[f"{name}.bias"][:, None, None]


def doubled(x):
    return x.repeat(2, axis=2).repeat(2, axis=3)


def pixel_norm(x):
    return x / jnp.sqrt((x**2).mean(1, keepdims=True) + 1e-8)


def dcgan_generator(p, z, label, base=(4, 5)):
    """A stage for each doubling of the base resolution, from the latent with the class embedding appended."""
    x = jnp.concatenate([z, p["start.embedding.weight"][label]], 1)
    x = linear(p, "stages.0.block.0", x).reshape(len(z), -1, *base)
    x = leaky_relu(pixel_norm(x), 0.2)
    for stage in range(1, 1 + sum(name.endswith("convolution.weight") for name in p)):
        x = convolution(p, f"stages.{stage}.block.convolution", doubled(x))
        x = leaky_relu(pixel_norm(x), 0.2)
    return convolution(p, "out", x)


def dcgan_discriminator(p, x, label):
    """Halvings after the first convolution, then w h + c and the projection on the class embedding over sqrt(width)."""
    count = sum(name.startswith("convolutions") for name in p) // 2
    for index in range(count):
        x = leaky_relu(convolution(p, f"convolutions.{index}", x, stride=2 if index else 1), 0.2)
    h = x.reshape(len(x), -1)
    projection = (p["judgement.embedding.weight"][label] * h).sum(1) / math.sqrt(h.shape[1])
    return linear(p, "judgement.linear", h)[:, 0] + projection


PLAYERS = {"mlp": (mlp_generator, mlp_discriminator), "dcgan": (dcgan_generator, dcgan_discriminator)}


# --- the game ---------------------------------------------------------------------------------------------------


def array(tensor):
    return None if tensor is None else jnp.asarray(tensor.detach().numpy())


def named(module, flat):
    """The flat vector's parts, by the torch module's names."""
    shapes = {name: tuple(p.shape) for name, p in module.named_parameters()}
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
    parts = jnp.split(flat, ends[:-1])
    return {name: part.reshape(shape) for part, (name, shape) in zip(parts, shapes.items(), strict=True)}


class JaxGame:
    """losses (2,) and field (n,) as functions of the flat point (n,); their derivatives are JAX's own."""

    def __init__(self, kind, modules, loss, penalties, batch):
        """`penalties` is {function of this file: weight}; `modules` give names and shapes only."""
        self.play, self.judge = PLAYERS[kind]
        self.modules, self.loss, self.penalties = modules, loss, penalties
        self.real, self.latent, self.label = (array(t) for t in (batch.real, batch.latent, batch.label))
        self.generator_size = sum(p.numel() for p in modules[0].parameters())

    def both(self, theta, psi):
        fake = self.play(named(self.modules[0], theta), self.latent, self.label)
        p = named(self.modules[1], psi)

        def discriminator(x):
            return self.judge(p, x, self.label)

        generator_loss, discriminator_loss = self.loss(discriminator(self.real), discriminator(fake))
        total = discriminator_loss.mean()
        for penalty, weight in self.penalties.items():
            total = total + weight * penalty(discriminator, self.real, fake)
        return generator_loss.mean(), total

    def losses(self, point):
        return jnp.stack(self.both(*self.split(point)))

    def field(self, point):
        theta, psi = self.split(point)
        by_theta = jax.grad(lambda t: self.both(t, psi)[0])(theta)
        by_psi = jax.grad(lambda p: self.both(theta, p)[1])(psi)
        return jnp.concatenate([by_theta, by_psi])

    def split(self, point):
        return point[: self.generator_size], point[self.generator_size :]
