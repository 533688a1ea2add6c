"""DINOv2's vision transformers with patches of 14 (Oquab et al. 2023): features learnt without labels.

Names of tensors are those of the published files; registers are left out, as in the networks first published.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, scaled_dot_product_attention

from nablagan.metrics.extractors import weights
from nablagan.metrics.extractors.square import square
from nablagan.metrics.features import Extractor

PATCH = 14
TRAINED_PLACES = 37
"""Patches a side in the published position table (518 / 14)."""
OFFSET = 0.1
"""The published code stretches the position table by (places + 0.1) / 37, and features contain that."""
STATISTICS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of ImageNet's channels."""


class Size(NamedTuple):
    """A published network."""

    width: int
    depth: int
    heads: int
    weights: weights.Weights


def _published(letter: str, sha256: str) -> weights.Weights:
    return weights.Weights(
        file=f"dinov2_vit{letter}14_pretrain.pth",
        source="the model table of the GitHub project facebookresearch/dinov2 (backbone only, no registers)",
        sha256=sha256,
        licence="Apache-2.0",
    )


SMALL = _published("s", "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9")
BASE = _published("b", "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73")
LARGE = _published("l", "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428")
SIZES = {
    "dinov2_vits14": Size(384, 12, 6, SMALL),
    "dinov2_vitb14": Size(768, 12, 12, BASE),
    "dinov2_vitl14": Size(1024, 24, 16, LARGE),
}


def open_dinov2(name: str, file: Path | None = None, device: str | torch.device = "cpu") -> Extractor:
    """The normalised class token of the DINOv2 network of that name, without a head; 384, 768 or 1024 features.

    InputError without the published file of weights.
    """
    size = SIZES[name]
    network = weights.opened(partial(VisionTransformer, *size[:3]), file, size.weights, name)
    return extractor_of(network.to(device), name, size.weights)


def extractor_of(network: "VisionTransformer", name: str, published: weights.Weights) -> Extractor:
    """The extractor around a network with its weights."""
    layer = "class token after the last normalisation"
    return square(name, network, STATISTICS, layer, network.norm.weight.numel(), published)


class VisionTransformer(nn.Module):
    """(n, 3, 14 k, 14 k) -> class token (n, width)."""

    def __init__(self, width: int, depth: int, heads: int, places: int = TRAINED_PLACES) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + places**2, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # of training; in the file
        self.patch_embed = Patches(width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, pixels: Tensor) -> Tensor:
        """The class token after the last normalisation."""
        patches = self.patch_embed(pixels)
        tokens = torch.cat([self.cls_token.expand(len(pixels), -1, -1), patches], 1)
        tokens = tokens + positions(self.pos_embed, pixels.shape[2] // PATCH)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens[:, 0])


def positions(table: Tensor, places: int) -> Tensor:
    """(1, 1 + places^2, width): the position table stretched to so many places a side, as published code does."""
    own = round((table.shape[1] - 1) ** 0.5)
    if places == own:
        return table
    square = table[:, 1:].reshape(1, own, own, -1).permute(0, 3, 1, 2)
    scale = (places + OFFSET) / own
    stretched = interpolate(square, scale_factor=(scale, scale), mode="bicubic")
    return torch.cat([table[:, :1], stretched.flatten(2).transpose(1, 2)], 1)


class Patches(nn.Module):
    """One token a patch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH, PATCH)

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, places^2, width)."""
        return self.proj(pixels).flatten(2).transpose(1, 2)


class Block(nn.Module):
    """Attention and a perceptron, each normalised before and scaled after."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.attn = Attention(width, heads)
        self.mlp = Perceptron(width)
        self.ls1, self.ls2 = Scale(width), Scale(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """The tokens after both."""
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))


class Attention(nn.Module):
    """Self-attention with one matrix for queries, keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, tokens, width)."""
        count, length, width = tokens.shape
        parts = self.qkv(tokens).reshape(count, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(*parts)
        return self.proj(mixed.transpose(1, 2).reshape(count, length, width))


class Perceptron(nn.Module):
    """Two layers, four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, tokens, width)."""
        return self.fc2(gelu(self.fc1(tokens)))


class Scale(nn.Module):
    """A learnt factor for each feature (Touvron et al. 2021)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor) -> Tensor:
        """The tokens, scaled."""
        return tokens * self.gamma
