"""Faces with and without glasses."""

import sys

import numpy as np
import pytest

from nablagan.data import avatars, open_dataset
from nablagan.types import InputError


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(avatars, "COUNT", 24)
    monkeypatch.setattr(avatars, "HELD_OUT_COUNT", 8)


@pytest.mark.usefixtures("few")
def test_pairs_differ_in_the_glasses_alone():
    said = []
    dataset = open_dataset("builtin:avatars", progress=lambda *words: said.append(words))
    assert dataset.samples.shape == dataset.sources.shape == (24, 3, 64, 64)
    assert (dataset.is_paired, dataset.labels) == (True, None)
    differs = (dataset.sources != dataset.samples).any(axis=1)
    assert (differs.sum(axis=(1, 2)) > 20).all()
    rows, columns = (np.flatnonzero(differs.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    assert 20 <= rows[0] <= rows[-1] <= 40  # where the eyes are
    assert 14 <= columns[0] <= columns[-1] <= 50
    assert len({image.tobytes() for image in dataset.sources}) == 24
    assert said[-1] == (24, 24, "drawing")


@pytest.mark.usefixtures("few")
def test_faces_are_drawn_once(monkeypatch):
    first = open_dataset("builtin:avatars-heldout", resolution=32)
    monkeypatch.setattr(avatars, "_drawn", None)
    again = open_dataset("builtin:avatars-heldout", resolution=32)
    assert first.shape == (3, 32, 32)
    assert again.fingerprint == first.fingerprint


@pytest.mark.usefixtures("few")
def test_the_kind_of_glasses_is_the_label_of_several():
    dataset = open_dataset("builtin:avatars-kinds", resolution=32)
    assert dataset.classes == ("kurt", "prescription_1", "prescription_2", "round", "wayfarers")
    faces = avatars.drawn_faces(False, avatars.ALL_KINDS)
    assert [dataset.classes[label].upper() for label in dataset.labels] == [face.glasses for face in faces]


def test_combinations_are_on_one_side_and_the_same_for_ever():
    def combinations(held_out):
        faces = avatars.drawn_faces(held_out)
        return {tuple(face.parts[name] for name in ("top", "eyes", "mouth")) for face in faces}, faces

    (training, faces), (held_out, others) = combinations(False), combinations(True)
    assert (len(faces), len(others)) == (4000, 500)
    assert not training & held_out
    beardless = np.mean([face.parts["facial_hair"] == "NONE" for face in faces])
    assert beardless == pytest.approx(0.7 + 0.3 / 8, abs=0.03)
    assert [[*face.parts.values()][:5] for face in (faces[0], others[0])] == [
        ["HAT", "FLAT_NATURAL", "EYE_ROLL", "DEFAULT", "TWINKLE"],
        ["SHORT_WAVED", "FLAT_NATURAL", "CLOSED", "SMALL", "TWINKLE"],
    ]


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(InputError, match=r"needs resvg_py, which is not installed; pip install 'nablagan\[avatars\]'"):
        open_dataset("builtin:avatars")
