"""Drawn faces without and with glasses, otherwise equal: python-avatars, rasterised by resvg (extra `avatars`)."""

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from nablagan.data.arrays import ArraySource
from nablagan.data.dataset import Dataset
from nablagan.data.pairing import Drawing, Progress, in_blocks, open_drawn
from nablagan.data.policy import Request
from nablagan.types import InputError

RESOLUTION = 64
COUNT, HELD_OUT_COUNT = 4000, 500
ONE_KIND = ("PRESCRIPTION_2",)
"""Clear glasses, so that the eyes behind them must be kept."""
ALL_KINDS = ("KURT", "PRESCRIPTION_1", "PRESCRIPTION_2", "ROUND", "WAYFARERS")
HELD_OUT_PART = 10
_SEED, _SPLIT_SEED = 20_261_127, 20_261_128
_WITHOUT_GLASSES = {"LONG_HAIR_CURLY"}
"""Hair that is drawn over whatever the face wears."""
_WITH_TEXT = {"NONE", "GRAPHIC_SHIRT"}
"""Clothes whose letters would depend on the machine's fonts, and none."""
_BEARDLESS_PART = 0.7


class Face(NamedTuple):
    """Names of the parts that one avatar is put together from, by python-avatars' argument, and of its glasses."""

    parts: dict[str, str]
    glasses: str


def open_avatars(
    name: str, held_out: bool, kinds: tuple[str, ...], request: Request, cache: Path, progress: Progress
) -> Dataset:
    """The pairs of one side of the split, on white, drawn at the size that is asked for.

    With several kinds of glasses the kind is the label: one face has as many right answers. Drawing takes 10 to 40 ms
    a pair, once. Raises InputError when the extra is missing.
    """
    faces = drawn_faces(held_out, kinds)
    side = min(request.size or (RESOLUTION,))
    identity = ["avatars 1", side, [[*face.parts.items(), face.glasses] for face in faces], _versions()]
    labels = np.array([kinds.index(face.glasses) for face in faces], np.int64) if len(kinds) > 1 else None
    notes = {
        "split": "no (top, eyes, mouth) is both here and in builtin:" + _other(name, held_out),
        "origin": "python-avatars, drawn without (sources) and with glasses (samples)",
    }
    drawing = Drawing(identity, (6, side, side), in_blocks(lambda face: _pair(face, side), faces, progress))
    classes = tuple(kind.lower() for kind in kinds) if labels is not None else ()
    return open_drawn(
        lambda images: ArraySource(name, f"builtin:{name}", images, labels, classes, notes), drawing, request, cache
    )


def drawn_faces(held_out: bool, kinds: tuple[str, ...] = ONE_KIND) -> list[Face]:
    """COUNT faces for training or HELD_OUT_COUNT others, by seed: uniform parts, 70 % without a beard.

    One in ten combinations of top, eyes and mouth is held out, by a hash.
    """
    choices, faces = _choices(), []
    count, index = HELD_OUT_COUNT if held_out else COUNT, 0
    while len(faces) < count:
        face = _face(choices, kinds, index)
        index += 1
        if _is_held_out(face) == held_out:
            faces.append(face)
    return faces


def _face(choices: dict[str, list[str]], kinds: tuple[str, ...], index: int) -> Face:
    random = np.random.Generator(np.random.PCG64([_SEED, index]))
    parts = {name: values[random.integers(len(values))] for name, values in choices.items()}
    beardless = random.random() < _BEARDLESS_PART
    return Face(parts | ({"facial_hair": "NONE"} if beardless else {}), kinds[random.integers(len(kinds))])


def _choices() -> dict[str, list[str]]:
    """The names among which each part is drawn."""
    kinds = _part_types()
    found = {name: [part.name for part in kind] for name, kind in kinds.items()}
    found["top"] = [name for name in found["top"] if name not in _WITHOUT_GLASSES]
    found["clothing"] = [name for name in found["clothing"] if name not in _WITH_TEXT]
    return found


def _part_types() -> dict[str, Any]:
    avatars = _library()
    return {
        "top": avatars.HairType,
        "eyebrows": avatars.EyebrowType,
        "eyes": avatars.EyeType,
        "nose": avatars.NoseType,
        "mouth": avatars.MouthType,
        "facial_hair": avatars.FacialHairType,
        "skin_color": avatars.SkinColor,
        "hair_color": avatars.HairColor,
        "facial_hair_color": avatars.HairColor,
        "clothing": avatars.ClothingType,
        "clothing_color": avatars.ClothingColor,
    }


def _is_held_out(face: Face) -> bool:
    words = [str(_SPLIT_SEED), *(face.parts[name] for name in ("top", "eyes", "mouth"))]
    return int.from_bytes(hashlib.sha256(" ".join(words).encode()).digest()[:8]) % HELD_OUT_PART == 0


def _pair(face: Face, side: int) -> np.ndarray:
    """uint8 (6, side, side): the face without glasses, then with them."""
    return np.concatenate([_drawn(face.parts, glasses, side) for glasses in ("NONE", face.glasses)])


def _drawn(parts: dict[str, str], glasses: str, side: int) -> np.ndarray:
    import resvg_py

    avatars, kinds = _library(), _part_types()
    chosen = {name: kinds[name][value] for name, value in parts.items()}
    avatar = avatars.Avatar(style=avatars.AvatarStyle.TRANSPARENT, accessory=avatars.AccessoryType[glasses], **chosen)
    png = resvg_py.svg_to_bytes(svg_string=avatar.render(), width=side, background="#ffffff", skip_system_fonts=True)
    with Image.open(BytesIO(png), formats=["PNG"]) as image:  # 264 x 280 units: what is below the square is cut off
        return np.asarray(image.convert("RGB").crop((0, 0, side, side))).transpose(2, 0, 1)


def _library() -> Any:
    try:
        import python_avatars
        import resvg_py  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"builtin:avatars needs {error.name}, which is not installed; pip install 'nablagan[avatars]'"
        ) from error
    return python_avatars


def _versions() -> list[str]:
    from importlib.metadata import version

    return [version(name) for name in ("python_avatars", "resvg_py")]


def _other(name: str, held_out: bool) -> str:
    return name.removesuffix("-heldout") if held_out else f"{name}-heldout"
