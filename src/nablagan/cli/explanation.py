"""What `nablagan explain` finds and draws: groups of directions, each a picture and its numbers."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nablagan import latent as ways
from nablagan.data.strips import full_colour, strip_picture
from nablagan.training.files import write_bytes, write_picture
from nablagan.training.restore import Trained
from nablagan.training.sampling import latents, samples
from nablagan.types import InputError

FORMAT = 1
"""Version of explain.json."""
AMOUNTS = (-3.0, -2.25, -1.5, -0.75, 0.0, 0.75, 1.5, 2.25, 3.0)
"""Steps along a direction, in standard deviations of the latent."""
ACTIVATIONS, PAIRS, CONDITIONED, MOST_SAMPLES = 1_000, 200, 8, 10
"""Latents of the principal components, of the path length, of the condition number; rows of other samples."""
NONLINEAR = ("stages.0", "hidden")
"""Where our players have passed their first nonlinearity: from the first weight itself GANSpace would be SeFa."""
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Request:
    """What to explain."""

    trained: Trained
    count: int
    seed: int
    samples: int
    label: int | None
    """One class, or None: classes in turn where the run has any."""

    def latents(self, count: int, stream: int = 0) -> Tensor:
        """(count, d): the first ones of a pool that is drawn whole, as fewer draws would be other ones."""
        size = self.trained.run.latent_size
        pool = latents(max(ACTIVATIONS, 2 * size, self.samples), size, self.seed + stream)
        return pool[:count].to(self.trained.run.torch_dtype)

    def labels(self, count: int) -> Tensor | None:
        """Classes of that many samples."""
        if not self.trained.run.conditional:
            return None
        classes = len(self.trained.classes)
        return torch.arange(count) % classes if self.label is None else torch.full((count,), self.label)

    def class_of(self, label: Tensor | None, row: int) -> str | None:
        """The name of a sample's class."""
        return None if label is None else self.trained.classes[int(label[row])]


@dataclass
class Group:
    """Directions of one method and what they are shown on."""

    name: str
    title: str
    words: str
    directions: Tensor
    values: list[float]
    value: str
    """What the values are; empty where the rows are other samples of one direction."""
    latent: Tensor
    """(1, d), or (rows, d) with one for each row."""
    label: Tensor | None
    titles: list[str]
    facts: dict[str, Any] = field(default_factory=dict)


def explain(request: Request, out: Path, progress: Progress) -> dict[str, Any]:
    """Find every group, write its picture into `out` and all numbers into explain.json there; returns the latter.

    Raises InputError for a run of points and for counts that do not fit.
    """
    _check(request)
    out.mkdir(parents=True, exist_ok=True)
    stages = (_local, _averaged, _principal, _weights)
    content = _head(request)
    for done, stage in enumerate(stages):
        progress(done, len(stages) + 1, f"directions: {stage.__name__.strip('_')}")
        try:
            for group in stage(request):
                content["groups"].append(_drawn(request, group, out))
        except InputError as error:
            if stage is not _weights:  # a generator of other people's need not begin with a linear layer
                raise
            content["left_out"]["sefa"] = str(error)
    progress(len(stages), len(stages) + 1, "path length")
    content |= _measures(request)
    write_bytes(out / "explain.json", json.dumps(_plain(content), indent=1, allow_nan=False).encode())
    progress(1, 1, "done")
    return _plain(content)


def _check(request: Request) -> None:
    size = request.trained.run.latent_size
    if len(request.trained.shape) != 3:
        raise InputError("this run makes points, and explain draws images: use nablagan.latent in a program")
    if not 1 <= request.count <= min(size, 32):
        raise InputError(f"count is {request.count}: give 1 to {min(size, 32)} directions")
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


def _local(request: Request) -> Iterator[Group]:
    """At the first latent alone."""
    latent, label = request.latents(1), request.labels(1)
    found = ways.sensitive_directions(request.trained.generator, latent, label, request.count)
    facts = _spectrum(found, request)
    words = "Right singular vectors of the generator's Jacobian at the latent in the middle."
    yield _valued(request, "local-most", "Most sensitive here", words, found.most, found.most_values, facts)
    yield _valued(request, "local-least", "Least sensitive here", words, found.least, found.least_values, facts)


def _averaged(request: Request) -> Iterator[Group]:
    """Over all samples, then the first of them on other samples."""
    latent, label = request.latents(request.samples), request.labels(request.samples)
    found = ways.sensitive_directions(request.trained.generator, latent, label, request.count)
    facts = _spectrum(found, request) | {"latents": request.samples}
    words = f"The same, of the root of the mean of JᵀJ over {request.samples} latents: one direction for all samples."
    yield _valued(request, "averaged-most", "Most sensitive on average", words, found.most, found.most_values, facts)
    yield _valued(
        request, "averaged-least", "Least sensitive on average", words, found.least, found.least_values, facts
    )
    yield _on_others(request, found.most[:1])


def _on_others(request: Request, direction: Tensor) -> Group:
    classes = len(request.trained.classes)
    by_class = request.trained.run.conditional and request.label is None
    rows = min(classes, MOST_SAMPLES) if by_class else min(6, MOST_SAMPLES)
    latent, label = request.latents(rows), request.labels(rows)
    names = [request.class_of(label, row) if by_class else f"sample {row + 1}" for row in range(rows)]
    return Group(
        "averaged-samples",
        "The first of them on other samples",
        "One direction, other latents" + (" and every class in turn." if by_class else "."),
        direction,
        [],
        "",
        latent,
        label,
        [str(name) for name in names],
    )


def _principal(request: Request) -> Iterator[Group]:
    count = max(ACTIVATIONS, 2 * request.trained.run.latent_size)
    parts = dict(request.trained.generator.named_modules())
    layer = next((path for path in NONLINEAR if path in parts), None)
    found = ways.principal_directions(
        request.trained.generator, request.latents(count), request.labels(count), request.count, layer, request.seed
    )
    words = (
        f"Principal components of the activations of {found.layer} over {count} latents, carried back to the latent."
    )
    facts = {"layer": found.layer, "latents": count}
    group = _valued(request, "ganspace", "GANSpace (PCA)", words, found.directions, found.values, facts)
    group.value = "share of variance"
    group.titles = [f"{100 * value:.1f} %" for value in group.values]
    yield group


def _weights(request: Request) -> Iterator[Group]:
    found = ways.weight_directions(
        request.trained.generator,
        request.latents(1),
        request.labels(1),
        min(request.count, request.trained.run.latent_size),
    )
    words = (
        f"Eigenvectors of AᵀA, A the latent's columns of the first weight ({found.layer}): the rest is not looked at."
    )
    yield _valued(request, "sefa", "SeFa", words, found.directions, found.values, {"layer": found.layer})


def _valued(
    request: Request, name: str, title: str, words: str, directions: Tensor, values: Tensor, facts: dict[str, Any]
) -> Group:
    """A group shown on the first latent, each row titled by its singular value."""
    numbers = values.tolist()
    titles = [f"{value:.3g}" for value in numbers]
    latent, label = request.latents(1), request.labels(1)
    return Group(name, title, words, directions, numbers, "singular value", latent, label, titles, facts)


def _spectrum(found: ways.Sensitivity, request: Request) -> dict[str, Any]:
    values = found.singular_values
    side = max(math.prod(request.trained.shape), len(values))
    condition = ways.condition(values, side, request.trained.run.torch_dtype)
    return {"singular_values": values.tolist(), "condition_number": condition, "products": found.products}


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


def _plain(value: Any) -> Any:
    """JSON has no infinity: null stands for it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
