"""CLIP's vision transformers (Radford et al. 2021): features learnt from captions.

Names of tensors are those of the published archives below `visual.`; the text's half is not read.
"""

from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nablagan.metrics.extractors import weights
from nablagan.metrics.extractors.square import SIDE, square
from nablagan.metrics.features import Extractor

STATISTICS = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Mean and deviation of the channels that CLIP was trained with."""
PREFIX = "visual."


class Size(NamedTuple):
    """A published network."""

    patch: int
    width: int
    depth: int
    heads: int
    outputs: int
    weights: weights.Weights


def _published(file: str, sha256: str) -> weights.Weights:
    return weights.Weights(
        file=file,
        source="the table of models in clip/clip.py of the GitHub project openai/CLIP",
        sha256=sha256,
        licence="MIT",
    )


BASE = _published("ViT-B-32.pt", "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af")
LARGE = _published("ViT-L-14.pt", "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836")
SIZES = {
    "clip_vitb32": Size(32, 768, 12, 12, 512, BASE),
    "clip_vitl14": Size(14, 1024, 24, 16, 768, LARGE),
}


def open_clip(name: str, file: Path | None = None, device: str | torch.device = "cpu") -> Extractor:
    """CLIP's image embedding, not normalised: 512 features (ViT-B/32) or 768 (ViT-L/14).

    InputError without the published archive, a TorchScript file that is opened only because its hash is known.
    """
    size = SIZES[name]
    network = weights.opened(partial(VisionTransformer, *size[:5]), file, size.weights, name, visual_tensors_in)
    return extractor_of(network.to(device), name, size.weights)


def visual_tensors_in(path: Path) -> dict[str, Tensor]:
    """The tensors of the archive's image half."""
    tensors = weights.scripted_tensors_in(path)
    return {name.removeprefix(PREFIX): value for name, value in tensors.items() if name.startswith(PREFIX)}


def extractor_of(network: "VisionTransformer", name: str, published: weights.Weights) -> Extractor:
    """The extractor around a network with its weights."""
    layer = "image embedding, not normalised"
    return square(name, network, STATISTICS, layer, network.proj.shape[1], published)


class VisionTransformer(nn.Module):
    """(n, 3, side, side) -> image embedding (n, outputs)."""

    def __init__(self, patch: int, width: int, depth: int, heads: int, outputs: int, side: int = SIDE) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros(1 + (side // patch) ** 2, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Transformer(width, depth, heads)
        self.proj = nn.Parameter(torch.zeros(width, outputs))

    def forward(self, pixels: Tensor) -> Tensor:
        """The class token, normalised, through the projection."""
        patches = self.conv1(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(pixels), 1, -1)
        tokens = self.ln_pre(torch.cat([first, patches], 1) + self.positional_embedding)
        return self.ln_post(self.transformer(tokens)[:, 0]) @ self.proj


class Transformer(nn.Module):
    """Blocks in a row."""

    def __init__(self, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.resblocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, tokens, width)."""
        return self.resblocks(tokens)


class Block(nn.Module):
    """Attention and a perceptron, each normalised before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        layers = {"c_fc": nn.Linear(width, 4 * width), "gelu": QuickGELU(), "c_proj": nn.Linear(4 * width, width)}
        self.mlp = nn.Sequential(OrderedDict(layers))

    def forward(self, tokens: Tensor) -> Tensor:
        """The tokens after both."""
        normalised = self.ln_1(tokens)
        tokens = tokens + self.attn(normalised, normalised, normalised, need_weights=False)[0]
        return tokens + self.mlp(self.ln_2(tokens))


class QuickGELU(nn.Module):
    """x sigmoid(1.702 x) (Hendrycks and Gimpel 2016), which CLIP was trained with."""

    def forward(self, values: Tensor) -> Tensor:
        """The values' activations."""
        return values * torch.sigmoid(1.702 * values)
