"""What networks on normalised square images have in common: the protocol, and the extractor around them."""

from collections.abc import Sequence
from functools import partial

from torch import nn

from nablagan.metrics.extractors import resize, weights
from nablagan.metrics.features import Extractor

SIDE = 224


def square(
    name: str,
    network: nn.Module,
    statistics: tuple[Sequence[float], Sequence[float]],
    layer: str,
    dimensions: int,
    published: weights.Weights,
) -> Extractor:
    """The extractor of a network (n, 3, 224, 224) -> (n, dimensions); `statistics`: channels' mean and deviation."""
    mean, deviation = statistics
    protocol = {
        "resize": "bicubic, antialiased, rounded to grey levels; sides apart, so that images become square",
        "side": SIDE,
        "values": f"(x / 255 - mean) / deviation, mean {mean}, deviation {deviation}",
        "layer": layer,
        "dimensions": dimensions,
        "weights_sha256": published.sha256,
        "source": published.file,
    }
    pixels = partial(resize.normalised, side=SIDE, mean=mean, deviation=deviation)
    return Extractor(name, lambda images: network.to(images.device)(pixels(images)), protocol)
