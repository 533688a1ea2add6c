"""Groups of directions that `nablagan explain` shows, each from one method, and what they are shown on."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nablagan import latent as ways
from nablagan.training.restore import Trained
from nablagan.training.sampling import latents

ACTIVATIONS = 1_000
"""Latents of the principal components, at least; more are drawn for large latents."""
OTHERS, MOST_CLASSES_SHOWN, MOST_CLASSES = 6, 10, 32
"""Rows of other samples without classes and with; classes in turn are these first ones of many."""
NONLINEAR = ("stages.0", "hidden")
"""Where our players have passed their first nonlinearity: from the first weight itself GANSpace would be SeFa."""


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
        return (
            torch.arange(count) % min(classes, MOST_CLASSES) if self.label is None else torch.full((count,), self.label)
        )

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


def local(request: Request) -> Iterator[Group]:
    """At the first latent alone."""
    latent, label = request.latents(1), request.labels(1)
    found = ways.sensitive_directions(request.trained.generator, latent, label, request.count)
    facts = _spectrum(found, request)
    words = "Right singular vectors of the generator's Jacobian at the latent in the middle."
    yield _valued(request, "local-most", "Most sensitive here", words, found.most, found.most_values, facts)
    yield _valued(request, "local-least", "Least sensitive here", words, found.least, found.least_values, facts)


def averaged(request: Request) -> Iterator[Group]:
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
    rows = min(classes, MOST_CLASSES_SHOWN) if by_class else OTHERS
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


def principal(request: Request) -> Iterator[Group]:
    """GANSpace's, behind the first nonlinearity where that is known."""
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


def weights(request: Request) -> Iterator[Group]:
    """SeFa's."""
    found = ways.weight_directions(request.trained.generator, request.latents(1), request.labels(1), request.count)
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
