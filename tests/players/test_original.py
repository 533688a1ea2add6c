"""The original generators against the published structure in plain torch.nn: same names, same pixels."""

import pytest
import torch

import generators_of_others as others
from nablagan.players import conditional, original
from nablagan.types import InputError

NORMS = {"batch": (others.BATCH, original.batch_norm), "instance": (others.INSTANCE, conditional.instance_norm)}
every_norm = pytest.mark.parametrize("norm", NORMS)
with_and_without_dropout = pytest.mark.parametrize("dropout", [False, True])
KINDS = {
    "unet_128": (others.unet, original.unet_128, 7, 128),
    "unet_256": (others.unet, original.unet_256, 8, 256),
    "resnet_6blocks": (others.resnet, original.resnet_6blocks, 6, 32),
    "resnet_9blocks": (others.resnet, original.resnet_9blocks, 9, 36),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def both(kind, norm, dropout=False):
    """The plain network, and ours with its state, both in eval mode."""
    plain, ours, depth, side = KINDS[kind]
    theirs = others.trained(plain(2, 3, depth, 4, NORMS[norm][0], dropout))
    options = {"normalisation": NORMS[norm][1], "bias": norm == "instance", "dropout": dropout}
    made = ours((3, side, side), (2, side, side), width=4, **options)
    made.load_state_dict(theirs.state_dict())
    return theirs, made.eval(), torch.randn(1, 2, side, side, generator=torch.Generator().manual_seed(1))


@every_kind
@every_norm
@with_and_without_dropout
def test_names_and_pixels_are_those_of_the_published_structure(kind, norm, dropout):
    """Oracle: generators_of_others, whose state dict loads strictly; 1e-5 in float32."""
    theirs, ours, source = both(kind, norm, dropout)
    assert list(theirs.state_dict()) == list(ours.state_dict())
    expected = theirs(source.clone())
    assert expected.std() > 0.01
    torch.testing.assert_close(ours(source), expected, rtol=0, atol=1e-5)


@every_norm
@pytest.mark.parametrize("kind", ["resnet_6blocks", "unet_128", "unet_256"])
def test_in_training_batch_norm_uses_the_batch_and_dropout_drops(kind, norm):
    """Oracle: generators_of_others in training mode, with the same draws."""
    theirs, ours, source = both(kind, norm, dropout=True)
    theirs.train(), ours.train()
    images = []
    for network in (theirs, ours, ours):
        torch.manual_seed(3)
        images.append(network(torch.cat([source, source.flip(2)])))
    torch.testing.assert_close(images[0], images[1], rtol=0, atol=1e-5)
    assert torch.equal(images[1], images[2])
    assert not torch.equal(ours(torch.cat([source, source.flip(2)])), images[1])


@every_kind
def test_features_are_what_the_encoder_gives(kind):
    _, ours, source = both(kind, "instance")
    image, maps = ours(source, None, features=True)
    assert torch.equal(image, ours(source))
    assert all(torch.equal(one, other) for one, other in zip(maps, ours.encode(source), strict=True))
    assert len(maps) == {"unet_128": 7, "unet_256": 8, "resnet_6blocks": 6, "resnet_9blocks": 7}[kind]
    sides = [map.shape[-1] for map in maps]
    assert sides == sorted(sides, reverse=True)


@pytest.mark.parametrize("size", [(1, 1), (37, 53), (130, 8)], ids=str)
@pytest.mark.parametrize("kind", ["unet_128", "resnet_6blocks"])
def test_any_size(kind, size):
    _, ours, _ = both(kind, "instance")
    image = ours(torch.randn(1, 2, *size))
    assert image.shape == (1, 3, *size)
    assert bool(image.isfinite().all())


def test_initial_weights_are_the_papers():
    torch.manual_seed(0)
    net = original.unet_128((3, 128, 128), width=16, normalisation=original.batch_norm, bias=False)
    weights = [p.detach() for p in net.parameters() if p.ndim == 4]
    assert all(abs(float(w.std()) - 0.02) < 2e-3 for w in weights if w.numel() > 1000)
    gains = torch.cat([p.detach() for name, p in net.named_parameters() if p.ndim == 1 and name.endswith("weight")])
    assert abs(float(gains.mean()) - 1) < 0.01


def test_errors():
    with pytest.raises(InputError, match="latent_size=8: the original generators take no latent"):
        original.unet_256((3, 256, 256), latent_size=8)
    with pytest.raises(InputError, match="halvings=4"):
        original.unet((3, 16, 16), halvings=4)
    with pytest.raises(InputError, match="blocks=-1"):
        original.resnet((3, 16, 16), blocks=-1)
    with pytest.raises(InputError, match=r"this player takes \(batch, 3, "):
        original.resnet_6blocks((3, 16, 16), width=2)(torch.zeros(1, 1, 16, 16))
