"""Held-out data that belong to training data: known by name, so that nobody has to think of it."""

from pathlib import Path

from nablagan.data.idx import idx_images_of

NAMES = ("digits", "glyphs", "edges", "photos", "avatars", "avatars-kinds")
BUILTIN = {f"builtin:{name}": f"builtin:{name}-heldout" for name in NAMES}


def counterpart(source: str) -> str:
    """Data of the same kind that a training on `source` has not seen; empty where none is known.

    builtin:digits has builtin:digits-heldout, and so have others; IDX files whose name begins with train have the t10k
    beside them.

    >>> counterpart("builtin:digits"), counterpart("photos/")
    ('builtin:digits-heldout', '')
    """
    return BUILTIN.get(source) or _test_images(Path(source).expanduser())


def _test_images(path: Path) -> str:
    """The IDX file of test images beside training ones, as MNIST and Fashion-MNIST are published."""
    try:
        images = idx_images_of(path) if path.is_dir() else path
    except OSError:
        return ""
    if images is None or not images.name.startswith("train-images"):
        return ""
    beside = images.with_name(images.name.replace("train-images", "t10k-images", 1))
    return str(beside) if beside.is_file() else ""
