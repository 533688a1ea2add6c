"""The architectures: shapes and names of the published files, and equality with other people's implementations."""

import importlib.util
import sys
import types

import numpy as np
import pytest
import torch

from nablagan.metrics.extractors import clip, dinov2, inception

IMAGES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 40, 56), dtype=np.uint8))


def scattered(network):
    """The network with random weights whose outputs neither vanish nor explode."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 1.5, generator=random)
            elif value.ndim > 1:
                value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=random)
            elif value.is_floating_point():
                value.normal_(1.0 if name.endswith(("weight", "gamma")) else 0.0, 0.1, generator=random)
    return network.eval()


@torch.inference_mode()
def test_inception_has_the_published_tensors_and_shapes():
    network = scattered(inception.Inception())
    state = network.state_dict()
    assert len(state) == 566  # entries of the published file
    assert state["fc.weight"].shape == (1008, 2048)
    assert state["Mixed_7c.branch3x3dbl_3b.conv.weight"].shape == (384, 384, 3, 1)
    extractor = inception.extractor_of(network)
    assert extractor.features(IMAGES[:1]).shape == (1, 2048)
    assert extractor.probabilities is not None
    assert extractor.probabilities(IMAGES[:1]).sum().item() == pytest.approx(1, abs=1e-5)


@torch.inference_mode()
def test_dinov2_gives_the_class_token():
    network = scattered(dinov2.VisionTransformer(24, 2, 3))
    assert network.pos_embed.shape == (1, 1370, 24)  # 37 x 37 places, as published
    extractor = dinov2.extractor_of(network, "small", dinov2.SMALL)
    assert extractor.features(IMAGES[:, :1]).shape == (2, 24)
    assert extractor.protocol["dimensions"] == 24


def test_dinov2_stretches_positions_by_the_published_factor():
    """A table linear in the place stays linear under cubic interpolation: place (i + 0.5) own / (new + 0.1) - 0.5."""
    own, new = 20, 10
    ramp = torch.arange(own, dtype=torch.float32).repeat(own, 1).reshape(1, own * own, 1)
    table = torch.cat([torch.full((1, 1, 1), 7.0), ramp], 1)
    found = dinov2.positions(table, new)
    assert found.shape == (1, 101, 1)
    assert found[0, 0, 0] == 7.0
    expected = (torch.arange(new) + 0.5) * own / (new + 0.1) - 0.5
    torch.testing.assert_close(found[0, 1:11, 0][2:8], expected[2:8])


@torch.inference_mode()
def test_clip_gives_the_embedding():
    network = scattered(clip.VisionTransformer(32, 24, 2, 3, 10))
    assert network.positional_embedding.shape == (50, 24)  # 7 x 7 places and the class, as published
    assert "transformer.resblocks.1.mlp.c_proj.weight" in network.state_dict()
    extractor = clip.extractor_of(network, "small", clip.BASE)
    assert extractor.features(IMAGES).shape == (2, 10)


@pytest.mark.oracle
@torch.inference_mode()
def test_inception_equals_torch_fidelity(tmp_path, monkeypatch):
    """Oracle: torch-fidelity's FID Inception on the same random weights, resize included."""
    spec = importlib.util.find_spec("torch_fidelity")
    if spec is None:
        pytest.skip("torch-fidelity is not installed")
    package = types.ModuleType("torch_fidelity")  # its own __init__ wants torchvision
    package.__path__ = list(spec.submodule_search_locations or [])
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    theirs = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    network = scattered(inception.Inception())
    network.fc.weight.mul_(0.1)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    oracle = theirs.FeatureExtractorInceptionV3(
        "oracle", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(tmp_path / "weights.pth")
    )
    features, logits = oracle(IMAGES)
    extractor = inception.extractor_of(network)
    torch.testing.assert_close(extractor.features(IMAGES), features, rtol=1e-4, atol=1e-5 * features.abs().max().item())
    assert extractor.probabilities is not None
    torch.testing.assert_close(extractor.probabilities(IMAGES), logits.softmax(1), rtol=1e-3, atol=1e-6)


@pytest.mark.oracle
@torch.inference_mode()
def test_dinov2_equals_transformers():
    """Oracle: transformers' Dinov2Model on the same random weights, at the size of its position table."""
    transformers = pytest.importorskip("transformers")
    own = scattered(dinov2.VisionTransformer(24, 2, 3, places=4))
    shape = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "image_size": 56, "patch_size": 14}
    oracle = transformers.Dinov2Model(transformers.Dinov2Config(**shape)).eval()
    oracle.load_state_dict(dict(dinov2_names(own.state_dict())))
    pixels = torch.randn(2, 3, 56, 56, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(own(pixels), oracle(pixels).pooler_output, rtol=1e-4, atol=1e-5)


@pytest.mark.oracle
@torch.inference_mode()
def test_clip_equals_transformers():
    """Oracle: transformers' CLIPVisionModelWithProjection on the same random weights."""
    transformers = pytest.importorskip("transformers")
    own = scattered(clip.VisionTransformer(16, 24, 2, 3, 10, side=64))
    shape = {"hidden_size": 24, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 3}
    config = transformers.CLIPVisionConfig(**shape, projection_dim=10, image_size=64, patch_size=16)
    oracle = transformers.CLIPVisionModelWithProjection(config).eval()
    oracle.load_state_dict(dict(clip_names(own.state_dict())))
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(own(pixels), oracle(pixels).image_embeds, rtol=1e-4, atol=1e-5)


def dinov2_names(state):
    """transformers' names of the published file's tensors."""
    words = {
        "pos_embed": "embeddings.position_embeddings", "cls_token": "embeddings.cls_token", "ls1.gamma": "layer_scale1.lambda1",
        "mask_token": "embeddings.mask_token", "patch_embed.proj": "embeddings.patch_embeddings.projection",
        "blocks.": "encoder.layer.", "attn.proj": "attention.o_proj", "ls2.gamma": "layer_scale2.lambda1",
    }  # fmt: skip
    for name, value in state.items():
        for published, other in words.items():
            name = name.replace(published, other)
        name = name.replace("norm.", "layernorm.") if name.startswith("norm.") else name
        yield from split(name, "attn.qkv.", "attention.", value)


def clip_names(state):
    """transformers' names of the published archive's tensors."""
    words = {
        "class_embedding": "embeddings.class_embedding", "positional_embedding": "embeddings.position_embedding.weight",
        "conv1": "embeddings.patch_embedding", "ln_pre": "pre_layrnorm", "ln_post": "post_layernorm", "ln_1": "layer_norm1",
        "ln_2": "layer_norm2", "transformer.resblocks": "encoder.layers", "attn.in_proj_": "self_attn.in_proj.",
        "attn.out_proj": "self_attn.out_proj", "c_fc": "fc1", "c_proj": "fc2",
    }  # fmt: skip
    for name, value in state.items():
        if name == "proj":
            yield "visual_projection.weight", value.T
            continue
        for published, other in words.items():
            name = name.replace(published, other)
        yield from split(f"vision_model.{name}", "in_proj.", "", value)


def split(name, joined, apart, value):
    """Queries, keys and values, which transformers keeps apart."""
    if joined not in name:
        yield name, value
        return
    for letter, part in zip("qkv", value.chunk(3), strict=True):
        yield name.replace(joined, f"{apart}{letter}_proj."), part
