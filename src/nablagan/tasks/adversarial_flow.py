"""Continuous adversarial flow: a velocity learnt against the derivative of a discriminator along it (Lin et al. 2026).

Data and noise are joined by x_t = (1 - t) data + t noise, whose velocity is v = noise - data. The discriminator D(x, t)
does not judge samples: the score of a velocity u at (x, t) is D's directional derivative along (u, 1),

    S(u) = <grad_x D, u> + dD/dt.

For the best D the score tells v from the generator's u(x, t); the generator moves u to where it cannot.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nablagan.game import Game
from nablagan.losses import signed_least_squares
from nablagan.penalties.guard import check_reverse_over_forward
from nablagan.penalties.noise import uniform
from nablagan.types import Batch, InputError, Loss, Outcome, Pair

Flow = Callable[..., Tensor]
"""(x (batch, ...), t (batch,)) -> velocities like x, or logits (batch,); with labels (x, t, label)."""
STREAM = 201
"""Of the noise that gives each sample its time."""


def uniform_time(batch: Batch) -> Tensor:
    """Each sample's t in (0, 1), (batch,), a function of its noise: the same batch has the same times."""
    return uniform(Pair(batch.real, batch.real, key=batch.latent), 1, STREAM).squeeze(1).to(batch.latent.dtype)


def adversarial_flow(
    velocity: nn.Module,
    discriminator: nn.Module,
    loss: Loss = signed_least_squares,
    centring: float = 0.001,
    transport: float = 0.0,
    time: Callable[[Batch], Tensor] = uniform_time,
    **options: Any,
) -> Game:
    """The game of Continuous Adversarial Flow Models (Lin et al. 2026, arXiv 2604.11521).

    L_D = (S(v) - 1)^2 + (S(u) + 1)^2 + centring D^2, L_G = (S(u) - 1)^2 + transport mean(u^2), at x_t with t from
    `time`; another `loss` may stand for the squares. Discriminator, generator and weights (0.001; transport 0 after
    pretraining) as in the authors' code, which makes 8 to 16 steps of D for one of G, from a pretrained velocity.

    `batch.real` is data, `batch.latent` standard normal noise of the same shape. Both players are called (x, t), or
    (x, t, label) where the batch has labels. Both scores share one pass of D. The generator's fake is u. Measures
    `real_logits`, `fake_logits` are scores, `penalty_centring` is D^2. Raises InputError for negative weights, noise
    not shaped like the data, and for live normalisations that PyTorch differentiates wrongly behind forward mode.

    >>> from nablagan import players
    >>> class Net(nn.Module):
    ...     def __init__(self, outputs):
    ...         super().__init__()
    ...         self.line = nn.Linear(3, outputs)
    ...     def forward(self, x, t):
    ...         return self.line(torch.cat([x, t[:, None]], 1).sin()).squeeze(1)
    >>> game = adversarial_flow(Net(2), Net(1))
    >>> game.field(Batch(torch.zeros(8, 2), torch.ones(8, 2))).shape
    torch.Size([12])
    """
    for name, weight in (("centring", centring), ("transport", transport)):
        if not weight >= 0:
            raise InputError(f"the weight {name} is {weight}: give a number >= 0")

    def play(generator: Flow, batch: Batch) -> Tensor:
        x, t, _ = path(batch, time(batch))
        return _called(generator, x, t, batch.label)

    def judged(critic: Flow, fake: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        x, t, v = path(batch, time(batch))
        value, scores = directional_scores(critic, x, t, torch.stack([v, fake]), batch.label)
        return value, scores[0], scores[1]

    def generator_loss(critic: Flow, fake: Tensor, batch: Batch) -> Outcome:
        _, real_score, fake_score = judged(critic, fake, batch)
        return Outcome(loss(real_score, fake_score).generator + transport * fake.flatten(1).square().mean(1), {})

    def discriminator_loss(critic: Flow, fake: Tensor, batch: Batch) -> Outcome:
        value, real_score, fake_score = judged(critic, fake, batch)
        square = value.square()
        measures = {"real_logits": real_score, "fake_logits": fake_score, "penalty_centring": square}
        return Outcome(loss(real_score, fake_score).discriminator + centring * square, measures)

    return Game(velocity, discriminator, play, generator_loss, discriminator_loss, **options)


def path(batch: Batch, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(x_t, t, v): the point between data and noise, its time and its velocity. InputError for other noise or times."""
    if batch.latent.shape != batch.real.shape:
        raise InputError(
            f"noise is {tuple(batch.latent.shape)}, data {tuple(batch.real.shape)}: give real and latent of one shape"
        )
    if t.shape != batch.real.shape[:1]:
        raise InputError(f"times are {tuple(t.shape)} for {len(batch.real)} samples: give (batch,)")
    wide = t.view(-1, *[1] * (batch.real.ndim - 1))
    return (1 - wide) * batch.real + wide * batch.latent, t, batch.latent - batch.real


def directional_scores(
    discriminator: Flow, x: Tensor, t: Tensor, velocities: Tensor, label: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """D(x, t), (batch,), and its derivatives along (u, 1) for each of `velocities` (k, batch, ...), (k, batch).

    Forward mode, one pass of D with k tangents; in float32 or better. Raises InputError for normalisations whose
    derivative PyTorch gets wrong behind it, and for values that are not (batch,).

    >>> directional_scores(lambda x, t: x[:, 0] * t, torch.ones(1, 2), torch.ones(1), 3 * torch.ones(1, 1, 2))
    (tensor([1.]), tensor([[4.]]))
    """
    check_reverse_over_forward(discriminator, "a directional score", "")

    def along(velocity: Tensor) -> tuple[Tensor, Tensor]:
        direction = (velocity, torch.ones_like(t))
        value, slope, *_ = torch.func.jvp(lambda x, t: _called(discriminator, x, t, label), (x, t), direction)
        return value, slope

    shared: Any = (None, 0)  # the value does not depend on the direction
    value, scores = torch.func.vmap(along, out_dims=shared, randomness="same")(velocities)
    if value.shape != t.shape:
        raise InputError(
            f"the discriminator gave {tuple(value.shape)} for {len(t)} samples: give one number a sample, (batch,)"
        )
    wide = torch.promote_types(value.dtype, torch.float32)
    return value.to(wide), scores.to(wide)


def integrated(velocity: Flow, noise: Tensor, steps: int = 32, label: Tensor | None = None) -> Tensor:
    """Samples like `noise`: dx/dt = u(x, t) from t = 1 to 0 by Heun's method; InputError for no step."""
    if steps < 1:
        raise InputError(f"{steps} steps from noise to data: give 1 or more")
    x, size = noise, 1 / steps
    for step in range(steps):
        t = torch.full(noise.shape[:1], 1 - step * size, dtype=noise.dtype, device=noise.device)
        first = _called(velocity, x, t, label)
        second = _called(velocity, x - size * first, t - size, label)
        x = x - size / 2 * (first + second)
    return x


def _called(player: Flow, x: Tensor, t: Tensor, label: Tensor | None) -> Tensor:
    return player(x, t) if label is None else player(x, t, label)
