"""Every extractor by its name."""

import json

import numpy as np
import pytest

from nablagan.data import open_dataset
from nablagan.metrics.extractors import ENTRIES, open_extractor, where
from nablagan.metrics.extractors.digits import FILE
from nablagan.metrics.features import features_of, probabilities_of
from nablagan.types import InputError

PROTOCOL = {"resize", "side", "values", "layer", "dimensions", "weights_sha256", "source"}
PUBLISHED = [name for name, entry in ENTRIES.items() if entry.weights and name != "efficientnet_lite0"]
RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(0, 256, (6, 3, 40, 24), dtype=np.uint8)


def test_an_unknown_name_is_told_the_names():
    with pytest.raises(
        InputError, match=r"vgg is unknown; there are efficientnet_lite0, digits, fid_inception, dinov2"
    ):
        open_extractor("vgg")


def test_an_unknown_choice_is_refused():
    with pytest.raises(InputError, match="digits has no choice side; it has none"):
        open_extractor("digits", side=3)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_weights_must_be_given_and_right(name, tmp_path):
    assert ENTRIES[name].weights.sha256 in where(name.replace("_", "-"))
    with pytest.raises(InputError, match=f"{name} needs --weights FILE"):
        open_extractor(name)
    (tmp_path / "wrong.pth").write_bytes(b"no weights")
    with pytest.raises(InputError, match="its sha256 is"):
        open_extractor(name, tmp_path / "wrong.pth")


@pytest.mark.parametrize("name", ["digits", "onnx"])
def test_where_is_told_of_every_other(name):
    assert "--weights" in where(name)


@pytest.mark.parametrize("images", [COLOURS, COLOURS[:, :1]], ids=["colours", "grey"])
def test_efficientnet_gives_1280_features_whatever_the_batch_size(images):
    extractor = open_extractor("efficientnet-lite0")
    assert set(extractor.protocol) == PROTOCOL
    json.dumps(extractor.protocol)
    whole = features_of(extractor, images)
    assert whole.shape == (6, 1280)
    np.testing.assert_allclose(features_of(extractor, images, 4), whole, atol=1e-5 * whole.max())
    assert np.ptp(whole, axis=0).max() > 0.1


def test_grey_is_three_equal_channels():
    extractor = open_extractor("efficientnet_lite0")
    grey = COLOURS[:, :1]
    np.testing.assert_array_equal(features_of(extractor, grey), features_of(extractor, grey.repeat(3, 1)))


def test_efficientnet_has_three_sides():
    assert open_extractor("efficientnet_lite0", side=112).protocol["side"] == 112
    with pytest.raises(InputError, match="no side 100; there are 64, 112, 224"):
        open_extractor("efficientnet_lite0", side=100)


def test_digits_names_held_out_digits():
    """The accuracy in the file is what the file does; 28x28 and 32x32 with its border are the same digit."""
    digits = open_dataset("builtin:digits-heldout")
    extractor = open_extractor("digits")
    answers = probabilities_of(extractor, digits.samples)
    accuracy = float((answers.argmax(1) == digits.labels).mean())
    assert accuracy == pytest.approx(extractor.protocol["training"]["heldout_accuracy"]["32"], abs=0.002)
    assert accuracy > 0.975
    np.testing.assert_allclose(answers.sum(1), 1, rtol=1e-5)
    inner = digits.samples[:50, :, 2:-2, 2:-2]
    np.testing.assert_allclose(probabilities_of(extractor, inner), answers[:50], atol=1e-5)
    assert features_of(extractor, digits.samples[:50]).shape == (50, 64)


def test_the_digits_file_is_small():
    assert FILE.stat().st_size <= 300_000
