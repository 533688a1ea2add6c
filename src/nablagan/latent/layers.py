"""Directions from one layer of a generator: SeFa from its first weight, GANSpace from its activations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nablagan.latent.products import checked_count, checked_finite, checked_labels, derivative_image, held, submodule
from nablagan.latent.randomised import leading_singular, oriented
from nablagan.types import Generator, InputError

OVERSAMPLING, ITERATIONS = 10, 6
"""Of the principal components; with GANSpace's thousands of activations the whole covariance would take longer."""


class LayerDirections(NamedTuple):
    """Unit directions of the latent space, in the latents' dtype, and what each one's value is."""

    directions: Tensor
    """(count, d), the strongest first."""
    values: Tensor
    """(count,), falling, float64."""
    layer: str
    """The path of the layer in the generator; empty for the generator itself."""


def weight_directions(
    generator: Generator, latent: Tensor, label: Tensor | int | None = None, count: int = 4
) -> LayerDirections:
    """SeFa: the leading eigenvectors of A^T A, orthonormal; values: the singular values of A (Shen and Zhou 2021).

    A is the first weight as the latent alone meets it, d(output of the first layer)/dz: for a layer that is given the
    latent and a label's embedding side by side, its latent columns. Found by d forward-mode products at one of the
    given latents (N, d), of which it has to be independent: raises InputError for a generator whose first layer with
    weights is not linear in its latent (a latent normalised before it, or a network in front), and for one that is no
    module. The rest of the generator plays no part, unlike in `sensitive_directions`.

    >>> from nablagan.players import mlp
    >>> found = weight_directions(mlp.generator((2,), latent_size=3, size="tiny"), torch.ones(1, 3), count=2)
    >>> found.directions.shape, found.layer
    (torch.Size([2, 3]), 'hidden.linears.0')
    """
    label = checked_labels(latent, label)
    checked_count(count, latent.shape[1], "the size of the latent")
    path, layer = first_layer(generator, latent, label)
    first = None if label is None else label[:1]
    chosen = latent[:1] if bool(latent[0].any()) else torch.ones_like(latent[:1])
    weight, other = (_layer_jacobian(generator, layer, z, first) for z in (chosen, -0.5 * chosen))
    scale = torch.finfo(latent.dtype).eps * weight.abs().max() * latent.shape[1]
    if not bool((weight - other).abs().max() <= 10 * scale):
        raise InputError(
            f"the generator's first layer with weights, {path or 'itself'}, is not linear in the latent: SeFa does not "
            "apply; use sensitive_directions or principal_directions"
        )
    _, values, directions = torch.linalg.svd(weight, full_matrices=False)
    checked_count(count, len(values), f"the outputs of {path or 'the first layer'}")
    return LayerDirections(oriented(directions[:count]).to(latent), values[:count], path)


def principal_directions(
    generator: Generator,
    latent: Tensor,
    label: Tensor | int | None = None,
    count: int = 4,
    layer: nn.Module | str | None = None,
    seed: int = 0,
) -> LayerDirections:
    """GANSpace: the principal components of a layer's activations, carried back to the latent (Haerkoenen et al. 2020).

    The activations of the latents (N, d), which should be hundreds of standard normal draws or more, are centred, those
    of each class by themselves, so that components are the latent's work and not the label's. With x their coordinates
    on the leading components, the directions u are the rows that bring sum ||u x - z||^2 to its least, scaled to length
    1; they need not be orthogonal. The values are each component's share of the activations' variance. `layer` is one
    of the generator's modules or its path, by default the first one with weights, as in the paper. Where that is linear
    the components are those of A A^T, and the directions become SeFa's but for the sampling error: for more than that
    name a layer behind a nonlinearity. `seed` starts the randomised SVD. Costs N forward
    passes. Raises InputError for shapes and counts that do not fit and for a layer that is not there.

    >>> from nablagan.players import mlp
    >>> generator = mlp.generator((2,), latent_size=3, size="tiny")
    >>> principal_directions(generator, torch.randn(50, 3), count=2, layer="hidden").directions.shape
    torch.Size([2, 3])
    """
    label = checked_labels(latent, label)
    path, module = first_layer(generator, latent, label) if layer is None else _named(generator, layer)
    activations = _centred(_activations(generator, module, latent, label), label)
    number, width = activations.shape
    spread = number - (1 if label is None else len(label.unique()))
    checked_count(count, max(0, min(spread, width, latent.shape[1])), "the latents less their classes, or their size")
    values, components = leading_singular(
        activations.mm, activations.T.mm, width, count, OVERSAMPLING, ITERATIONS, seed
    )
    variance = activations.square().sum()
    if not bool(values[-1] ** 2 > 1e-12 * variance):
        raise InputError(
            f"the activations of {path or 'the generator'} vary in fewer than {count} ways: lower the count"
        )
    coordinates = activations @ components.T
    directions = torch.linalg.lstsq(coordinates, _centred(latent.double(), label)).solution
    unit = checked_finite(directions / directions.norm(dim=1, keepdim=True))
    return LayerDirections(oriented(unit).to(latent), values**2 / variance, path)


def first_layer(generator: Generator, latent: Tensor, label: Tensor | None) -> tuple[str, nn.Module]:
    """The first module, in order of completion, that has weights of its own and an output that follows the latent.

    An embedding of the label has weights, but does not follow the latent. Raises InputError if there is none.
    """
    module = submodule(generator)
    paths = {part: path for path, part in module.named_modules()}
    seen: dict[nn.Module, list[Tensor]] = {}

    def keep(part: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor) and _has_weights(part):
            seen.setdefault(part, []).append(output)

    handles = [part.register_forward_hook(keep) for part in paths]
    first = None if label is None else label[:1]
    try:
        with held(generator):
            for z in (latent[:1], latent[:1] + 1):
                generator(z, first)
    finally:
        for handle in handles:
            handle.remove()
    for part, outputs in seen.items():
        if len(outputs) > 1 and not torch.equal(outputs[0], outputs[-1]):
            return paths[part], part
    raise InputError("no layer of the generator has weights and follows the latent: use sensitive_directions")


def _has_weights(part: nn.Module) -> bool:
    """Whether it has parameters of its own, as they are or parametrised (spectral normalisation, for instance)."""
    return next(part.parameters(recurse=False), None) is not None or hasattr(part, "parametrizations")


def _named(generator: Generator, layer: nn.Module | str) -> tuple[str, nn.Module]:
    parts = dict(submodule(generator).named_modules())
    for path, part in parts.items():
        if path == layer or part is layer:
            return path, part
    some = ", ".join(path for path in parts if path)
    what = f"'{layer}'" if isinstance(layer, str) else f"this {type(layer).__name__}"
    raise InputError(f"{what} is no layer of the generator: it has {some or 'none'}")


@contextmanager
def _captured(layer: nn.Module) -> Iterator[list[Tensor]]:
    """Within it the outputs of the layer are put into the list."""
    outputs: list[Tensor] = []

    def keep(part: nn.Module, _: Any, output: Any) -> None:
        if not isinstance(output, Tensor):
            raise InputError(f"the layer {type(part).__name__} gives no tensor: choose another")
        outputs.append(output)

    handle = layer.register_forward_hook(keep)
    try:
        yield outputs
    finally:
        handle.remove()


def _output_of(generator: Generator, layer: nn.Module) -> Callable[[Tensor, Tensor | None], Tensor]:
    """(latent, label) -> what the layer gives, (N, values), at its first call."""

    def call(latent: Tensor, label: Tensor | None) -> Tensor:
        with _captured(layer) as outputs:
            generator(latent, label)
        if not outputs or len(outputs[0]) != len(latent):
            raise InputError(f"the layer {type(layer).__name__} gives no output for each latent: choose another")
        return outputs[0].flatten(1)

    return call


def _layer_jacobian(generator: Generator, layer: nn.Module, latent: Tensor, label: Tensor | None) -> Tensor:
    """d(output of the layer)/dz at one latent (1, d), float64 (outputs, d)."""
    basis = torch.eye(latent.shape[1], dtype=latent.dtype, device=latent.device)
    labels = None if label is None else label.expand(len(basis))
    with held(generator):
        columns = derivative_image(_output_of(generator, layer), latent.repeat(len(basis), 1), basis, labels)
    return checked_finite(columns).double().T


def _activations(
    generator: Generator, layer: nn.Module, latent: Tensor, label: Tensor | None, rows: int = 100
) -> Tensor:
    """(N, values) of the layer, float64."""
    labels = [None] * len(latent) if label is None else label.split(rows)
    output = _output_of(generator, layer)
    with held(generator):
        parts = [output(z, y).double() for z, y in zip(latent.split(rows), labels, strict=False)]
    return checked_finite(torch.cat(parts))


def _centred(rows: Tensor, label: Tensor | None) -> Tensor:
    """Rows (N, values) less their mean, with labels less that of their class."""
    if label is None:
        return rows - rows.mean(0)
    centred = torch.empty_like(rows)
    for value in label.unique():
        centred[label == value] = rows[label == value] - rows[label == value].mean(0)
    return centred
