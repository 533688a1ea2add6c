"""R3GAN's players (Huang et al. 2024, arXiv 2501.05441): residual, grouped, without normalisation.

Written from the published description. A stage is two residual blocks at one resolution; generator and
discriminator mirror each other. Stages are numbered from the lowest resolution up.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from nablagan.players import layers
from nablagan.players.precision import Staged
from nablagan.types import InputError

SIZES = {"tiny": 32, "small": 128, "base": 384}
"""Width of the four lowest stages; each stage above them has half the width of the one below, 16 at least."""


class ResidualBlock(nn.Module):
    """x + W₃ φ(W₂ * φ(W₁ x + b₁) + b₂): 1x1 C -> 2C, grouped 3x3, 1x1 2C -> C, φ leaky ReLU with slope 0.2.

    W₃ starts at zero, so a new network is linear in its stages; gain is L^(-1/4) √(2/1.04) with L blocks in
    all.
    """

    def __init__(self, width: int, group_size: int, gain: float) -> None:
        super().__init__()
        groups = 2 * width // group_size
        self.widen = layers.Convolution(width, 2 * width, 1, gain=gain)
        self.mix = layers.Convolution(2 * width, 2 * width, 3, groups=groups, gain=gain)
        self.narrow = layers.Convolution(2 * width, width, 1, gain=0.0, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = layers.leaky_relu(self.mix(layers.leaky_relu(self.widen(x))))
        return x + self.narrow(hidden)


class Filter(nn.Module):
    """The separable [1, 3, 3, 1] filter of both resamplings; a constant, not in the state dict."""

    taps: Tensor

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("taps", torch.outer(taps, taps)[None, None], persistent=False)

    def kernel(self, x: Tensor) -> Tensor:
        """(channels, 1, 4, 4) in the dtype of x; exact in bfloat16."""
        return self.taps.to(x.dtype).expand(x.shape[1], -1, -1, -1)


class Upsample(Filter):
    """Twice the resolution: zeros between pixels, then the filter with gain 4; darkens the outer border."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv_transpose2d(x, 4 * self.kernel(x), stride=2, padding=1, groups=x.shape[1])


class Downsample(Filter):
    """Half the resolution: the filter at every other pixel; the adjoint of Upsample over 4."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.kernel(x), stride=2, padding=1, groups=x.shape[1])


class Plan(NamedTuple):
    """What both players are built from."""

    base: tuple[int, int]
    """(height, width) of the lowest stage."""
    widths: tuple[int, ...]
    """Channels of each stage, lowest first."""
    depth: int
    """Residual blocks in a stage."""
    group_size: int
    """Channels in a group of the 3x3 convolutions."""
    bfloat16_stages: int
    """How many of the highest run in bfloat16."""

    def blocks(self, width: int) -> nn.Sequential:
        """One stage's residual blocks."""
        gain = layers.LEAKY_RELU_GAIN * (self.depth * len(self.widths)) ** -0.25
        return nn.Sequential(*(ResidualBlock(width, self.group_size, gain) for _ in range(self.depth)))


class Generator(Staged):
    """(latent, label) -> images (batch, *shape): a learned base scaled by the latent, then stages."""

    def __init__(self, shape: Sequence[int], latent_size: int, classes: int, plan: Plan) -> None:
        super().__init__(len(plan.widths), plan.bfloat16_stages)
        widths = plan.widths
        self.start = layers.LatentAndLabel(latent_size, classes)
        self.basis = nn.Parameter(torch.randn(widths[0], *plan.base))
        self.modulation = layers.Linear(self.start.width, widths[0])
        raises = [nn.Sequential(*_match(a, b), Upsample()) for a, b in pairwise(widths)]
        self.stages = nn.ModuleList(
            nn.Sequential(raised, plan.blocks(width))
            for raised, width in zip([nn.Identity(), *raises], widths, strict=True)
        )
        self.out = layers.Convolution(widths[-1], shape[0], 1)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        start = self.start(latent.to(self.masters), label)
        x = self.basis * self.modulation(start)[:, :, None, None]
        for number, stage in enumerate(self.stages):
            x = stage(self.entering(x, number))
        return self.out(x.to(self.masters))


class Discriminator(Staged):
    """(images, label) -> logits (batch,): stages, a learned sum over pixels, a projection."""

    def __init__(self, shape: Sequence[int], classes: int, plan: Plan) -> None:
        super().__init__(len(plan.widths), plan.bfloat16_stages)
        widths = plan.widths
        self.shape = tuple(shape)
        self.enter = layers.Convolution(shape[0], widths[-1], 1)
        lowers = [nn.Sequential(Downsample(), *_match(b, a)) for a, b in pairwise(widths)]
        self.stages = nn.ModuleList(
            nn.Sequential(plan.blocks(width), lowered)
            for width, lowered in zip(widths, [nn.Identity(), *lowers], strict=True)
        )
        self.pool = nn.Parameter(torch.randn(widths[0], *plan.base) / (plan.base[0] * plan.base[1]) ** 0.5)
        self.judgement = layers.Judgement(widths[0], classes)

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        layers.check_samples(images, self.shape, "an image batch")
        x = self.enter(images.to(self.masters))
        for number, stage in reversed(list(enumerate(self.stages))):
            x = stage(self.entering(x, number))
        features = (self.pool * x.to(self.masters)).sum((2, 3))
        return self.judgement(features, label)


def generator(
    shape: Sequence[int],
    latent_size: int = 64,
    classes: int = 0,
    size: str = "small",
    widths: Sequence[int] | None = None,
    depth: int = 2,
    group_size: int = 16,
    bfloat16_stages: int = 0,
) -> Generator:
    """A generator of images (batch, *shape); the label's embedding is appended to the latent.

    `widths`, one a stage and lowest first, replace those of `size` (tiny, small, base); CIFAR-10's of the
    paper are (768,) * 4, with depth 2. 2 * width must be a multiple of `group_size`. The `bfloat16_stages`
    highest stages run in bfloat16, from and to float32; with float64 parameters everything runs in float64.
    Raises InputError for an unknown size, for shapes that `layers.stages` refuses, and for widths and counts
    that do not fit.

    >>> import torch
    >>> generator((3, 32, 32), size="tiny")(torch.zeros(5, 64)).shape
    torch.Size([5, 3, 32, 32])
    """
    plan = _plan(shape, size, widths, depth, group_size, bfloat16_stages)
    return Generator(shape, latent_size, classes, plan)


def discriminator(
    shape: Sequence[int],
    classes: int = 0,
    size: str = "small",
    widths: Sequence[int] | None = None,
    depth: int = 2,
    group_size: int = 16,
    bfloat16_stages: int = 0,
) -> Discriminator:
    """A discriminator of images, with projection on the class embedding; options as in `generator`.

    Logits come in the dtype of the parameters, whatever the stages run in.

    >>> import torch
    >>> discriminator((3, 32, 32), size="tiny")(torch.zeros(5, 3, 32, 32)).shape
    torch.Size([5])
    """
    return Discriminator(shape, classes, _plan(shape, size, widths, depth, group_size, bfloat16_stages))


def _plan(
    shape: Sequence[int],
    size: str,
    widths: Sequence[int] | None,
    depth: int,
    group_size: int,
    bfloat16_stages: int,
) -> Plan:
    _, height, width = layers.image_shape(shape, "players.r3gan")
    base_height, base_width, doublings = layers.stages(height, width)
    if widths is None:
        base = layers.size_named(size, SIZES)
        widths = [max(base >> max(stage - 3, 0), 16) for stage in range(doublings + 1)]
    widths = layers.check_widths(widths, doublings + 1)
    if any(2 * width % group_size for width in widths):
        raise InputError(f"widths {widths}: their doubles must be multiples of {group_size}")
    if depth < 1:
        raise InputError(f"depth={depth}: give 1 or more")
    return Plan((base_height, base_width), widths, depth, group_size, bfloat16_stages)


def _match(inputs: int, outputs: int) -> list[nn.Module]:
    """A 1x1 convolution where the widths differ, nothing where they agree."""
    return [] if inputs == outputs else [layers.Convolution(inputs, outputs, 1, bias=False)]
