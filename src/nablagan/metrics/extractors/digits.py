"""A small classifier of handwritten digits, trained for this library: features and class probabilities, 290 kB.

Trained by benchmarks/digits_extractor.py on builtin:digits alone; the file's metadata hold its accuracy on
builtin:digits-heldout, which it has never seen.
"""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn.functional import pad

from nablagan.metrics.extractors import resize, weights
from nablagan.metrics.features import Extractor

NAME = "digits"
SIDE = 32
FILE = Path(__file__).with_name("digits.safetensors")


def open_digits(file: Path | None = None, device: str | torch.device = "cpu") -> Extractor:
    """The digits classifier's 64 pooled features and its probabilities of 0 ... 9, for grey digits of any size.

    28x28 images get the black border of 2 pixels that `data.open_dataset` gives them, other sizes are resized to
    32x32; colours are averaged (digits stacked in channels are to be taken apart first). Another file may hold
    weights of the same network.
    """
    path = file or FILE
    network = weights.fitted(DigitsNetwork(), weights.tensors_in(path), path).to(device)

    def features(images: Tensor) -> Tensor:
        return network.to(images.device).features(canvas(images))

    def probabilities(images: Tensor) -> Tensor:
        return network.to(images.device)(canvas(images)).softmax(1)

    return Extractor(NAME, features, _protocol(path), probabilities)


class DigitsNetwork(nn.Module):
    """Six 3x3 convolutions with ReLU, a mean over places, a linear layer: 72 thousand parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_stage(1, 16, 1), *_stage(16, 16, 1), nn.MaxPool2d(2),
            *_stage(16, 32, 1), *_stage(32, 32, 1), nn.MaxPool2d(2),
            *_stage(32, 64, 0), *_stage(64, 64, 0),
        )  # fmt: skip
        self.head = nn.Linear(64, 10)

    def features(self, digits: Tensor) -> Tensor:
        """(n, 1, 32, 32) in [0, 1] -> (n, 64)."""
        return self.body(digits).mean((2, 3))

    def forward(self, digits: Tensor) -> Tensor:
        """(n, 1, 32, 32) in [0, 1] -> logits (n, 10)."""
        return self.head(self.features(digits))


def canvas(images: Tensor) -> Tensor:
    """uint8 (n, C, H, W) -> float32 (n, 1, 32, 32) in [0, 1]."""
    grey = images.float().mean(1, keepdim=True)
    if images.shape[2:] == (28, 28):
        return pad(grey, (2, 2, 2, 2)) / 255
    return (grey if images.shape[2:] == (SIDE, SIDE) else resize.bicubic(grey, SIDE)) / 255


def _stage(before: int, after: int, padding: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(before, after, 3, padding=padding), nn.ReLU()


def _protocol(path: Path) -> dict[str, object]:
    return {
        "resize": "28x28 with a black border of 2, others bicubic and antialiased",
        "side": SIDE,
        "values": "x / 255, mean of the channels",
        "layer": "last convolution, mean over places",
        "dimensions": 64,
        "weights_sha256": weights.sha256_of(path),
        "source": "nablagan, benchmarks/digits_extractor.py",
        "training": _training(path),
    }


def _training(path: Path) -> object:
    """How the weights were trained, as their file tells; None where it does not, as a PyTorch file cannot."""
    if path.suffix != ".safetensors":
        return None
    with safe_open(path, "pt") as stream:
        return json.loads((stream.metadata() or {}).get("training", "null"))
