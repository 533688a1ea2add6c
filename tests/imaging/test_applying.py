"""Translators and completers on pictures: modes, depths, channels, sizes, and known pixels to the bit."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from nablagan.imaging.applying import (
    Translator,
    colours_of,
    completed,
    floats_of,
    in_channels,
    smoothly_filled,
    translated,
)
from nablagan.imaging.pictures import Picture
from nablagan.imaging.tiles import Tiling
from nablagan.tasks.continuation import continued
from nablagan.types import InputError


@dataclass
class Negative:
    """Gives the negative of its first channels, plus a latent; sees to it that it is called as agreed."""

    takes: int = 1
    gives: int = 1
    latent_size: int = 0
    calls: list = field(default_factory=list)

    @property
    def shape(self):
        return self.gives, 8, 8

    @property
    def source_shape(self):
        return self.takes, 8, 8

    @property
    def completes(self):
        return self.takes == self.gives + 1

    def __call__(self, source, latent):
        assert source.dtype == torch.float32
        assert source.shape[:2] == (1, self.takes)
        assert source.abs().max() <= 1
        self.calls.append(source)
        shift = 0 if latent is None else latent[0, 0]
        return -source[:, :1].expand(-1, self.gives, -1, -1) + shift


def picture(mode, size=(37, 53)):
    random = np.random.default_rng(0)
    count = 3 if mode.startswith("RGB") else 1
    colours = {
        "I;16": random.integers(0, 65536, (1, *size), dtype=np.uint16),
        "F": random.random((1, *size), dtype=np.float32),
    }.get(mode, random.integers(0, 256, (count, *size), dtype=np.uint8))
    alpha = random.integers(0, 256, (1, *size), dtype=np.uint8) if mode.endswith("A") else None
    return Picture(colours, alpha, mode, {})


def _typed(translator: Translator) -> Translator:
    return translator


@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "F"])
@pytest.mark.parametrize("size", [(1, 1), (37, 53), (80, 70)], ids=str)
def test_a_grey_picture_keeps_mode_depth_and_size(mode, size):
    """Oracle: the negative in whole numbers."""
    given = picture(mode, size)
    result = translated(_typed(Negative()), given, tiling=Tiling(32, 8, 4))
    most = {"I;16": 65535, "F": np.float32(1)}.get(mode, 255)
    assert (result.mode, result.colours.dtype, result.size) == (mode, given.colours.dtype, size)
    if mode == "F":
        np.testing.assert_allclose(result.colours, most - given.colours, atol=1e-6)
    else:
        assert (result.colours == most - given.colours).all()
    assert result.alpha is given.alpha


def test_channels_are_brought_together():
    """A network of as many channels on both sides keeps the mode; one that changes their number decides."""
    modes = {}
    for takes, gives in ((1, 1), (3, 3), (1, 3), (3, 1)):
        for mode in ("L", "RGBA", "I;16"):
            result = translated(Negative(takes, gives), picture(mode))
            modes[takes, gives, mode] = result.mode
            assert result.alpha is None or mode == "RGBA"
    assert modes == {
        (1, 1, "L"): "L",
        (3, 3, "L"): "L",
        (3, 1, "L"): "L",
        (1, 1, "RGBA"): "RGBA",
        (3, 3, "RGBA"): "RGBA",
        (1, 1, "I;16"): "I;16",
        (3, 3, "I;16"): "I;16",
        (1, 3, "L"): "RGB",
        (1, 3, "RGBA"): "RGBA",
        (1, 3, "I;16"): "RGB",
        (3, 1, "RGBA"): "LA",
        (3, 1, "I;16"): "I;16",
    }


def test_colours_are_seen_by_their_luma():
    net, given = Negative(), picture("RGB")
    translated(net, given)
    expected = np.tensordot([0.299, 0.587, 0.114], given.colours / 127.5 - 1, 1)
    np.testing.assert_allclose(net.calls[0][0, 0], expected, atol=1e-5)


def test_values_come_back():
    for dtype in (np.uint8, np.uint16):
        values = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(1, 1, -1)
        assert (colours_of(floats_of(values), values.dtype) == values).all()
    assert colours_of(torch.tensor([[[-2.0, 2.0]]]), np.dtype(np.uint8)).tolist() == [[[0, 255]]]
    with pytest.raises(InputError, match="diverged"):
        colours_of(torch.tensor([[[torch.nan]]]), np.dtype(np.uint8))


@pytest.mark.parametrize("mode", ["L", "RGBA", "I;16", "F"])
@pytest.mark.parametrize("channels", [1, 3])
def test_known_pixels_are_the_same_bits(mode, channels):
    given = picture(mode, (80, 70))
    missing = np.zeros((80, 70), bool)
    missing[10:30, 20:33] = True
    net = Negative(channels + 1, channels, latent_size=1)
    result = completed(net, given, missing, torch.tensor([[0.25]]), Tiling(32, 8, 4))
    assert result.mode == mode
    assert (result.colours[:, ~missing] == given.colours[:, ~missing]).all()
    seen = in_channels(smoothly_filled(given.colours, missing)(slice(0, 80), slice(0, 70)), channels)
    made = in_channels((0.25 - seen[:1]).expand(channels, -1, -1), len(given.colours))
    expected = colours_of(made, given.colours.dtype).astype(float)
    off = np.abs(result.colours[:, missing] - expected[:, missing])
    assert off.max() <= (1e-6 if mode == "F" else 1), "a blend of tiles may round otherwise"
    assert len(net.calls) < len(Tiling(32, 8, 4).spans(80)) * len(Tiling(32, 8, 4).spans(70))
    assert all(bool((call[:, -1] > 0).any()) for call in net.calls)


def test_a_hole_of_many_tiles_is_continued_as_one():
    """Oracle: the continuation of the whole picture, which a net that repeats its source gives back."""

    class Repeating(Negative):
        def __call__(self, source, latent):
            return source[:, : self.gives]

    given = picture("RGB", (150, 200))
    missing = np.zeros((150, 200), bool)
    missing[70:140, 75:190] = True
    found = completed(Repeating(4, 3), given, missing, tiling=Tiling(32, 8, 4)).colours
    around = slice(0, 150), slice(0, 200)
    mask = torch.from_numpy(missing[None, None]).float()[..., *around]
    whole = colours_of(continued(floats_of(given.colours[None])[..., *around], mask)[0], np.dtype(np.uint8))
    assert np.abs(found[:, *around].astype(int) - whole).max() <= 1  # the blend of tiles rounds
    assert np.array_equal(found[:, ~missing], given.colours[:, ~missing])


def test_holes_far_from_each_other_are_filled_each_by_itself():
    """Oracle: the continuation of the whole picture, from which that of a part differs by what is far from the hole."""
    given = picture("L", (600, 700))
    colours = np.tile(np.arange(700, dtype=np.uint8)[None, None] // 3, (1, 600, 1))
    missing = np.zeros((600, 700), bool)
    missing[5:30, 10:40] = missing[500:560, 640:] = True
    seen = smoothly_filled(colours, missing)(slice(0, 600), slice(0, 700))
    whole = continued(floats_of(colours)[None], torch.from_numpy(missing[None, None]).float())[0]
    assert (seen - whole).abs().max() < 0.05
    assert torch.equal(seen[:, ~torch.from_numpy(missing)], floats_of(colours)[:, ~torch.from_numpy(missing)])
    part = smoothly_filled(colours, missing)(slice(10, 520), slice(30, 660))
    assert torch.equal(part, seen[:, 10:520, 30:660])
    assert completed(Negative(2, 1), given, missing).size == (600, 700)


def test_nothing_missing_is_a_copy_and_everything_missing_is_painted():
    given = picture("RGB", (40, 40))
    net = Negative(4, 3)
    assert (completed(net, given, np.zeros((40, 40), bool)).colours == given.colours).all()
    assert not net.calls
    assert (completed(net, given, np.ones((40, 40), bool)).colours == 128).all()
    assert (completed(net, picture("RGB", (1, 1)), np.ones((1, 1), bool)).colours == 128).all()


def test_what_does_not_fit_is_refused():
    given = picture("RGB")
    for wrong, words in (
        (lambda: completed(Negative(4, 3), given, np.zeros((53, 37), bool)), "mask is 37 x 53, the picture 53 x 37"),
        (lambda: completed(Negative(3, 3), given, np.zeros((37, 53), bool)), "does not complete"),
        (lambda: translated(Negative(4, 3), given), "completes images"),
        (lambda: translated(Negative(2, 2), given), "2 channels, and picture files 1 or 3"),
        (lambda: translated(Negative(1, 4), given), "4 channels, and picture files 1 or 3"),
    ):
        with pytest.raises(InputError, match=words):
            wrong()
