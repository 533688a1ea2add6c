"""A trained run in memory, against the command line on the same files, and against its own net."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import nablagan as ng
from image_runs import completion_run, pairs, translation_run
from nablagan.cli.main import main
from nablagan.data.masks import read_mask
from nablagan.loading import missing_given
from nablagan.training.translating import load_translator
from nablagan.types import InputError
from runs import BATCH, go, images, images_run

RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(0, 256, (9, 13, 3), np.uint8)
DEEP = RANDOM.integers(0, 65536, (9, 13), np.uint16)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One step of each."""
    place, short = tmp_path_factory.mktemp("runs"), {"images": BATCH, "dtype": "float32"}
    for name, run, data in (
        ("translation", translation_run(**short), pairs()),
        ("completion", completion_run(**short), images()),
        ("generation", images_run(images=BATCH), images()),
    ):
        go(place / name, run, data)
    return {path.name: path for path in place.iterdir()}


def test_a_translation_is_the_nets_and_the_command_lines(runs, tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "one.png")
    loaded = ng.load(runs["translation"])
    found = loaded.translate(COLOURS, seed=3)
    arguments = [str(runs["translation"]), str(tmp_path / "one.png"), "--seed", "3", "--out", str(tmp_path / "out")]
    assert main(["translate", *arguments]) == 0
    with Image.open(tmp_path / "out/one.png") as written:
        assert written.mode == found.mode == "L"
        assert np.array_equal(np.array(written), np.array(found))
    assert np.array_equal(np.array(loaded.translate(tmp_path / "one.png", seed=3)), np.array(found))
    assert not np.array_equal(np.array(loaded.translate(COLOURS, seed=4)), np.array(found))
    net, source = load_translator(runs["translation"]), torch.from_numpy(COLOURS).permute(2, 0, 1)[None] / 127.5 - 1
    expected = net(source, loaded._latent(net, 3))[0, 0].clamp(-1, 1)
    assert np.abs((expected.numpy() + 1) * 127.5 - np.array(found)).max() <= 0.501


def test_known_pixels_keep_their_bits_in_16_bits_and_colours(runs):
    loaded, mask = ng.load(runs["completion"]), np.zeros((9, 13), bool)
    mask[2:5, 3:9] = True
    for given in (DEEP, COLOURS):
        found = np.array(loaded.complete(given, mask))
        assert (found.dtype, found.shape) == (given.dtype, given.shape)
        assert np.array_equal(found[~mask], given[~mask])
        assert not np.array_equal(found[mask], given[mask])
        assert np.array_equal(np.array(loaded.complete(given, np.zeros((9, 13), bool))), given)
    assert loaded.complete(DEEP[:2, :3], np.ones((2, 3), bool)).size == (3, 2)


@pytest.mark.parametrize("kind", ["grey", "colour", "16 bits"])
def test_a_mask_means_what_it_means_to_the_command_line(kind, tmp_path):
    """The oracle is `read_mask`: white, above 127 of 255 in brightness, is missing."""
    shades = {"grey": COLOURS[..., 0], "colour": COLOURS, "16 bits": DEEP}[kind]
    Image.fromarray(shades).save(tmp_path / "mask.png")
    assert np.array_equal(missing_given(shades), read_mask(tmp_path / "mask.png", 9, 13))
    assert np.array_equal(missing_given(tmp_path / "mask.png"), missing_given(shades))


def test_what_a_run_cannot_do_is_refused(runs):
    with pytest.raises(InputError, match="use `nablagan translate`"):
        ng.load(runs["translation"]).sample()
    with pytest.raises(InputError, match="makes images of latents"):
        ng.load(runs["generation"]).translate(COLOURS)
    with pytest.raises(InputError, match="one direction only"):
        ng.load(runs["translation"]).translate(COLOURS, backwards=True)
    with pytest.raises(InputError, match="the mask is 2 x 2, the picture 13 x 9"):
        ng.load(runs["completion"]).complete(COLOURS, np.ones((2, 2), bool))
    with pytest.raises(InputError, match="does not complete"):
        ng.load(runs["translation"]).complete(COLOURS, np.ones((9, 13), bool))
    with pytest.raises(InputError, match="this image cannot be used"):
        ng.load(runs["translation"]).translate(np.zeros((2, 2), complex))
    assert ng.load(runs["generation"]).sample(3, label=1).shape == (3, 1, 8, 8)
