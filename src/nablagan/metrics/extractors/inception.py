"""FID's Inception v3 (Szegedy et al. 2016, as trained for TensorFlow in 2015): the network of Heusel et al. 2017.

It is not the Inception v3 of other libraries: averages inside a block leave padding out, the very last block takes a
maximum where the paper takes an average, and there are 1008 classes. Names of tensors are those of the published port.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d, relu

from nablagan.metrics.extractors import resize, weights
from nablagan.metrics.features import Extractor

NAME = "fid_inception"
SIDE = 299
CLASSES = 1008
WEIGHTS = weights.Weights(
    file="pt_inception-2015-12-05-6726825d.pth",
    source="the releases of the GitHub project mseitzer/pytorch-fid, tag fid_weights; torch-fidelity's "
    "weights-inception-2015-12-05-6726825d.pth is the same file",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    licence="Apache-2.0",
)


def open_inception(file: Path | None = None, device: str | torch.device = "cpu") -> Extractor:
    """FID's Inception v3: 2048 pooled features, and probabilities of 1008 classes as the inception score takes them.

    Its logits leave the last layer's bias out, as in the score's first implementation (Salimans et al. 2016).
    InputError without the published file of weights.
    """
    return extractor_of(weights.opened(Inception, file, WEIGHTS, NAME).to(device))


def extractor_of(network: "Inception") -> Extractor:
    """The extractor around a network with its weights."""

    def features(images: Tensor) -> Tensor:
        return network.to(images.device)(_pixels(images))

    def probabilities(images: Tensor) -> Tensor:
        return (features(images) @ network.fc.weight.T).softmax(1)

    protocol = {
        "resize": "bilinear as in TensorFlow 1 (corners not aligned, no half-pixel centres, no antialiasing)",
        "side": SIDE,
        "values": "(x - 128) / 128",
        "layer": "pool_3; probabilities: logits without bias",
        "dimensions": 2048,
        "weights_sha256": WEIGHTS.sha256,
        "source": WEIGHTS.file,
    }
    return Extractor(NAME, features, protocol, probabilities)


class Stage(NamedTuple):
    """A convolution, its normalisation and ReLU; padded to keep the size unless it strides."""

    name: str
    channels: int
    kernel: int | tuple[int, int] = 1
    stride: int = 1


class Branch(NamedTuple):
    """One way through a block: pool, then stages in a row, then (where given) stages side by side."""

    stages: tuple[Stage, ...] = ()
    pool: Callable[[Tensor], Tensor] | None = None
    split: tuple[Stage, ...] = ()


average = partial(avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
maximum = partial(max_pool2d, kernel_size=3, stride=1, padding=1)
halved = partial(max_pool2d, kernel_size=3, stride=2)
ACROSS, DOWN = (1, 7), (7, 1)


class Inception(nn.Module):
    """(n, 3, 299, 299) in [-1, 1] -> (n, 2048) pooled features; `fc` holds the classes' layer."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = ConvolutionalUnit(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = ConvolutionalUnit(32, 32, 3, padding=0)
        self.Conv2d_2b_3x3 = ConvolutionalUnit(32, 64, 3)
        self.Conv2d_3b_1x1 = ConvolutionalUnit(64, 80, 1)
        self.Conv2d_4a_3x3 = ConvolutionalUnit(80, 192, 3, padding=0)
        for name, channels, branches in BLOCKS:
            self.add_module(name, Block(channels, branches))
        self.fc = nn.Linear(2048, CLASSES)

    def forward(self, pixels: Tensor) -> Tensor:
        """Features; the classes are the caller's product with fc."""
        values = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(pixels)))
        values = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(halved(values)))
        values = halved(values)
        for name, _, _ in BLOCKS:
            values = self.get_submodule(name)(values)
        return values.mean((2, 3))


class ConvolutionalUnit(nn.Module):
    """Convolution without bias, batch normalisation (eps 0.001), ReLU."""

    def __init__(
        self, before: int, after: int, kernel: int | tuple[int, int], stride: int = 1, padding: int | None = None
    ) -> None:
        super().__init__()
        size = (kernel, kernel) if isinstance(kernel, int) else kernel
        same = (size[0] // 2, size[1] // 2) if stride == 1 else (0, 0)
        self.conv = nn.Conv2d(before, after, size, stride, same if padding is None else padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=0.001)

    def forward(self, values: Tensor) -> Tensor:
        """The stage's output."""
        return relu(self.bn(self.conv(values)))


class Block(nn.Module):
    """Branches side by side, their channels in a row."""

    def __init__(self, channels: int, branches: tuple[Branch, ...]) -> None:
        super().__init__()
        self.branches = branches
        for branch in branches:
            before = channels
            for stage in branch.stages:
                self.add_module(stage.name, ConvolutionalUnit(before, *stage[1:]))
                before = stage.channels
            for stage in branch.split:
                self.add_module(stage.name, ConvolutionalUnit(before, *stage[1:]))

    def forward(self, values: Tensor) -> Tensor:
        """All branches' outputs."""
        return torch.cat([part for branch in self.branches for part in self._through(branch, values)], 1)

    def _through(self, branch: Branch, values: Tensor) -> list[Tensor]:
        values = branch.pool(values) if branch.pool else values
        for stage in branch.stages:
            values = self.get_submodule(stage.name)(values)
        return [self.get_submodule(stage.name)(values) for stage in branch.split] or [values]


def _pixels(images: Tensor) -> Tensor:
    return (resize.tensorflow_bilinear(resize.rgb(images), SIDE) - 128) / 128


def _wide(pooled: int) -> tuple[Branch, ...]:
    """35x35 places."""
    return (
        Branch((Stage("branch1x1", 64),)),
        Branch((Stage("branch5x5_1", 48), Stage("branch5x5_2", 64, 5))),
        Branch((Stage("branch3x3dbl_1", 64), Stage("branch3x3dbl_2", 96, 3), Stage("branch3x3dbl_3", 96, 3))),
        Branch((Stage("branch_pool", pooled),), average),
    )


def _factored(inner: int) -> tuple[Branch, ...]:
    """17x17 places: 7x7 convolutions as products of 1x7 and 7x1."""
    double = zip((1, DOWN, ACROSS, DOWN, ACROSS), (inner, inner, inner, inner, 192), strict=True)
    return (
        Branch((Stage("branch1x1", 192),)),
        Branch(
            (Stage("branch7x7_1", inner), Stage("branch7x7_2", inner, ACROSS), Stage("branch7x7_3", 192, DOWN)),
        ),
        Branch(tuple(Stage(f"branch7x7dbl_{i}", after, kernel) for i, (kernel, after) in enumerate(double, 1))),
        Branch((Stage("branch_pool", 192),), average),
    )


def _narrow(pool: Callable[[Tensor], Tensor]) -> tuple[Branch, ...]:
    """8x8 places."""
    return (
        Branch((Stage("branch1x1", 320),)),
        Branch(
            (Stage("branch3x3_1", 384),),
            split=(Stage("branch3x3_2a", 384, (1, 3)), Stage("branch3x3_2b", 384, (3, 1))),
        ),
        Branch(
            (Stage("branch3x3dbl_1", 448), Stage("branch3x3dbl_2", 384, 3)),
            split=(Stage("branch3x3dbl_3a", 384, (1, 3)), Stage("branch3x3dbl_3b", 384, (3, 1))),
        ),
        Branch((Stage("branch_pool", 192),), pool),
    )


BLOCKS: tuple[tuple[str, int, tuple[Branch, ...]], ...] = (
    ("Mixed_5b", 192, _wide(32)),
    ("Mixed_5c", 256, _wide(64)),
    ("Mixed_5d", 288, _wide(64)),
    (
        "Mixed_6a",
        288,
        (
            Branch((Stage("branch3x3", 384, 3, 2),)),
            Branch((Stage("branch3x3dbl_1", 64), Stage("branch3x3dbl_2", 96, 3), Stage("branch3x3dbl_3", 96, 3, 2))),
            Branch(pool=halved),
        ),
    ),
    ("Mixed_6b", 768, _factored(128)),
    ("Mixed_6c", 768, _factored(160)),
    ("Mixed_6d", 768, _factored(160)),
    ("Mixed_6e", 768, _factored(192)),
    (
        "Mixed_7a",
        768,
        (
            Branch((Stage("branch3x3_1", 192), Stage("branch3x3_2", 320, 3, 2))),
            Branch(
                (
                    Stage("branch7x7x3_1", 192),
                    Stage("branch7x7x3_2", 192, ACROSS),
                    Stage("branch7x7x3_3", 192, DOWN),
                    Stage("branch7x7x3_4", 192, 3, 2),
                )
            ),
            Branch(pool=halved),
        ),
    ),
    ("Mixed_7b", 1280, _narrow(average)),
    ("Mixed_7c", 2048, _narrow(maximum)),
)
"""Name, channels before, branches; Heusel et al. 2017's network takes a maximum in the last."""
