"""Products with the Jacobian J = dG/dz of a generator, at latents (N, d), one sample apart from the other."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nablagan.penalties.judging import module_of
from nablagan.pure import frozen
from nablagan.types import Generator, InputError

TANGENTS = 128
"""Of one forward-mode pass, at most: with their images they have to fit in memory."""


def derivative_image(
    generator: Generator, latent: Tensor, direction: Tensor, label: Tensor | int | None = None
) -> Tensor:
    """J u, (N, *shape): how the image changes for each unit of the latent along u (a forward-mode product, JVP).

    latent (N, d); direction u (d,), or (N, d) with one for each latent, in its own length; label (N,), one class, or
    None. Costs one forward pass with a tangent, about two without. Raises InputError for shapes that do not fit and for
    what has no forward mode in PyTorch.

    >>> derivative_image(lambda z, label: 3 * z, torch.zeros(2, 4), torch.eye(4)[1])[0]
    tensor([0., 3., 0., 0.])
    """
    label = checked_labels(latent, label)
    direction = _directions(direction, latent)
    with held(generator):
        return torch.func.jvp(lambda z: generator(z, label), (latent.contiguous(),), (direction,))[1]


def latent_gradient(generator: Generator, latent: Tensor, image: Tensor, label: Tensor | int | None = None) -> Tensor:
    """J^T y, (N, d): the steepest way in the latent to more of the image y (a reverse-mode product, VJP).

    It is the gradient in z of the inner product of G(z) and y. image y (N, *shape). Costs a forward and a backward
    pass. Raises InputError for shapes that do not fit.

    >>> latent_gradient(lambda z, label: 3 * z, torch.zeros(1, 2), torch.ones(1, 2))
    tensor([[3., 3.]])
    """
    label = checked_labels(latent, label)
    with held(generator):
        made, pullback, *_ = torch.func.vjp(lambda z: generator(z, label), latent)
        if made.shape != image.shape:
            raise InputError(f"image has shape {tuple(image.shape)}: the generator makes {tuple(made.shape)}")
        return pullback(image.to(made.dtype))[0]


def jacobian_matrix(generator: Generator, latent: Tensor, label: Tensor | None) -> Tensor:
    """J at one latent (1, d) as a matrix, float64 (values of an image, d), by d forward-mode products at once."""
    basis = torch.eye(latent.shape[1], dtype=latent.dtype, device=latent.device)
    columns = []
    for tangents in basis.split(TANGENTS):
        labels = None if label is None else label.expand(len(tangents))
        columns.append(derivative_image(generator, latent.expand(len(tangents), -1), tangents, labels))
    return checked_finite(torch.cat(columns)).flatten(1).double().T


@contextmanager
def held(generator: Generator) -> Iterator[None]:
    """Within it no graph is kept, and a module is held still as in products of a game (`pure.frozen`).

    Raises InputError for a batch normalisation that is training: its samples would not be apart.
    """
    module = module_of(generator)
    for path, part in module.named_modules() if module is not None else ():
        if isinstance(part, _BatchNorm) and part.training:
            raise InputError(
                f"the generator's {path or 'module'} is a {type(part).__name__} in training mode, which mixes the "
                "samples of a batch: call generator.eval() first"
            )
    with torch.no_grad(), frozen(*([] if module is None else [module])):
        yield


def checked_labels(latent: Tensor, label: Tensor | int | None) -> Tensor | None:
    """Labels (N,) for latents (N, d). Raises InputError for latents of another shape, kind or length, and labels."""
    if latent.ndim != 2 or not latent.is_floating_point() or 0 in latent.shape:
        raise InputError(
            f"latent is {latent.dtype} {tuple(latent.shape)}: give floating-point latents (N, latent_size), such as "
            "z[None] for one"
        )
    if isinstance(label, int):
        return torch.full((len(latent),), label, device=latent.device)
    if label is not None and label.shape != latent.shape[:1]:
        raise InputError(f"label has shape {tuple(label.shape)} for {len(latent)} latents: give ({len(latent)},)")
    return label


def checked_count(count: int, most: int, what: str) -> int:
    """The count, or InputError unless it is from 1 to `most`."""
    if not 1 <= count <= most:
        raise InputError(f"count is {count}: give 1 to {most}, {what}")
    return count


def checked_finite(values: Tensor) -> Tensor:
    """The values, or InputError where they hold NaN or Inf."""
    if not bool(torch.isfinite(values).all()):
        raise InputError("the generator or its derivative holds NaN or Inf here: it has diverged, or the latents do")
    return values


def submodule(generator: Generator) -> nn.Module:
    """The generator as a module, or InputError for another callable."""
    module = module_of(generator)
    if module is None:
        raise InputError("the generator is no torch.nn.Module, so it shows no layer: use sensitive_directions")
    return module


def _directions(direction: Tensor, latent: Tensor) -> Tensor:
    if direction.shape not in (latent.shape, latent.shape[1:]):
        raise InputError(
            f"direction has shape {tuple(direction.shape)}: give ({latent.shape[1]},), or {tuple(latent.shape)} "
            "with one for each latent"
        )
    return direction.to(latent).expand_as(latent).contiguous()
