"""What `nablagan explain` writes: a picture of each group of directions, and explain.json with all numbers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nablagan import latent as ways
from nablagan.cli.directions import Group, Request, averaged, local, principal, weights
from nablagan.data.strips import full_colour, strip_picture
from nablagan.training.files import plain, write_bytes, write_picture
from nablagan.training.sampling import samples
from nablagan.types import InputError

FORMAT = 1
"""Version of explain.json."""
AMOUNTS = (-3.0, -2.25, -1.5, -0.75, 0.0, 0.75, 1.5, 2.25, 3.0)
"""Steps along a direction, in standard deviations of the latent."""
PAIRS, CONDITIONED, MOST_DIRECTIONS = 200, 8, 32
"""Pairs of latents of the path length, latents of the condition number; directions of a kind, at most."""
LOOKING_INSIDE = {principal: "ganspace", weights: "sefa"}
Progress = Callable[[int, int, str], None]


def explain(request: Request, out: Path, progress: Progress) -> dict[str, Any]:
    """Find every group, write its picture into `out` and all numbers into explain.json there; returns the latter.

    Raises InputError for a run of points and for counts that do not fit.
    """
    _check(request)
    out.mkdir(parents=True, exist_ok=True)
    stages = (local, averaged, principal, weights)
    content = _head(request)
    for done, stage in enumerate(stages):
        progress(done, len(stages) + 1, f"directions: {stage.__name__}")
        try:
            for group in stage(request):
                content["groups"].append(_drawn(request, group, out))
        except InputError as error:
            if stage not in LOOKING_INSIDE:  # a generator of other people's may have no layer that they apply to
                raise
            content["left_out"][LOOKING_INSIDE[stage]] = str(error)
    progress(len(stages), len(stages) + 1, "path length")
    content |= _measures(request)
    write_bytes(out / "explain.json", json.dumps(plain(content), indent=1, allow_nan=False).encode())
    progress(len(stages) + 1, len(stages) + 1, "")
    return plain(content)


def _check(request: Request) -> None:
    size = request.trained.run.latent_size
    if len(request.trained.shape) != 3:
        raise InputError("this run makes points, and explain draws images: use nablagan.latent in a program")
    if not 1 <= request.count <= min(size, MOST_DIRECTIONS):
        raise InputError(f"count is {request.count}: give 1 to {min(size, MOST_DIRECTIONS)} directions")
    for name, value, least in (("samples", request.samples, 1), ("seed", request.seed, 0)):
        if value < least:
            raise InputError(f"{name} is {value}: give a number of at least {least}")
    if request.label is not None and not request.trained.run.conditional:
        raise InputError("this run was trained without labels: leave the class out")


def _head(request: Request) -> dict[str, Any]:
    trained = request.trained
    return {
        "format": FORMAT,
        "images_seen": trained.images_seen,
        "latent_size": trained.run.latent_size,
        "shape": list(trained.shape),
        "seed": request.seed,
        "samples": request.samples,
        "class": None if request.label is None else trained.classes[request.label],
        "conditional": trained.run.conditional,
        "amounts": list(AMOUNTS),
        "groups": [],
        "left_out": {},
    }


def _drawn(request: Request, group: Group, out: Path) -> dict[str, Any]:
    """Write the group's picture and return its part of explain.json."""
    rows = max(len(group.directions), len(group.latent))
    directions = group.directions.expand(rows, -1)
    latent = group.latent.expand(rows, -1)
    label = None if group.label is None else group.label.expand(rows).contiguous()
    along = ways.strip(latent, directions, AMOUNTS)
    labels = None if label is None else label.repeat_interleave(len(AMOUNTS))
    images = samples(request.trained.generator, along.flatten(0, 1), labels).unflatten(0, (rows, len(AMOUNTS)))
    derivatives = ways.derivative_image(request.trained.generator, latent, directions, label)
    write_picture(out / f"{group.name}.png", strip_picture(images, derivatives, group.titles))
    names = [request.class_of(label, row) for row in range(rows)]
    return {
        "name": group.name,
        "title": group.title,
        "words": group.words,
        "file": f"{group.name}.png",
        "value": group.value,
        "values": group.values,
        "directions": group.directions.tolist(),
        "rows": group.titles,
        "classes": names if request.trained.run.conditional else None,
        "full_colour": full_colour(derivatives),
        **group.facts,
    }


def _measures(request: Request) -> dict[str, Any]:
    """Path length between pairs of samples, and condition numbers of J at some."""
    generator = request.trained.generator
    start, end = request.latents(PAIRS), request.latents(PAIRS, stream=1)
    length = ways.path_length(generator, start, end, request.labels(PAIRS), seed=request.seed)
    numbers = ways.condition_number(generator, request.latents(CONDITIONED), request.labels(CONDITIONED))
    return {"path_length": length._asdict(), "condition_numbers": numbers.tolist()}
