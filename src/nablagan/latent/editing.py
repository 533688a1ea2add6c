"""Latents moved along directions, for programs."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nablagan.types import InputError


def edit(latent: Tensor, direction: Tensor, amount: float | Sequence[float] | Tensor) -> Tensor:
    """latent + amount u / ||u||: the latent moved by `amount` along the direction u, in the latent's dtype.

    latent (..., d), direction (..., d), amount (...): the leading shapes are broadcast, so that one latent takes many
    amounts, or each latent its own direction. `amount` counts standard deviations of a standard normal latent, whatever
    the direction's length. The step is straight and the norm is left to grow: from ||z||, about sqrt(d), to
    sqrt(||z||^2 + 2 amount z.u + amount^2), 8 to 8.5 for 3 steps across in 64 dimensions; far out the generator meets
    latents that it was not trained on. Steps along one direction add up, and a step back undoes one. Raises InputError
    for shapes that do not fit, for a direction of length 0, and for what is not finite.

    >>> edit(torch.zeros(2), torch.tensor([0.0, 5.0]), [1.0, -2.0])
    tensor([[ 0.,  1.],
            [ 0., -2.]])
    """
    if not latent.is_floating_point() or latent.ndim < 1:
        raise InputError(
            f"latent is {latent.dtype} {tuple(latent.shape)}: give floating-point numbers (..., latent_size)"
        )
    amounts = torch.as_tensor(amount, dtype=latent.dtype, device=latent.device)
    if direction.ndim < 1 or direction.shape[-1] != latent.shape[-1]:
        raise InputError(
            f"direction has shape {tuple(direction.shape)}: give (..., {latent.shape[-1]}), as the latent has"
        )
    try:
        torch.broadcast_shapes(latent.shape[:-1], direction.shape[:-1], amounts.shape)
    except RuntimeError as error:
        shapes = ", ".join(str(tuple(t.shape)) for t in (latent, direction, amounts))
        raise InputError(
            f"latent, direction and amount have shapes {shapes}: without the last of the first two they must be equal, "
            "or 1, or absent"
        ) from error
    length = direction.norm(dim=-1, keepdim=True)
    if not bool((torch.isfinite(length) & (length > 0)).all() and torch.isfinite(amounts).all()):
        raise InputError(
            "a direction has length 0, or it or an amount is not finite: give a direction that points somewhere"
        )
    return latent + amounts.unsqueeze(-1) * (direction / length).to(latent)


def strip(latent: Tensor, direction: Tensor, amounts: Sequence[float] | Tensor) -> Tensor:
    """Each latent at each of the amounts (K,) along its direction: (..., K, d) for latents (..., d); see `edit`.

    >>> strip(torch.zeros(3, 2), torch.tensor([1.0, 0.0]), [-1.0, 0.0, 1.0]).shape
    torch.Size([3, 3, 2])
    """
    amounts = torch.as_tensor(amounts, dtype=latent.dtype)
    if amounts.ndim != 1 or not len(amounts):
        raise InputError(f"amounts have shape {tuple(amounts.shape)}: give a list of numbers")
    return edit(latent.unsqueeze(-2), direction.unsqueeze(-2), amounts)


def random_directions(size: int, count: int = 4, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """`count` random orthonormal directions (count, size): what others have to be better than.

    Raises InputError unless 1 <= count <= size.

    >>> random_directions(5, 2).shape
    torch.Size([2, 5])
    """
    if not 1 <= count <= size:
        raise InputError(f"{count} directions of {size} dimensions cannot be orthogonal: give 1 to {size}")
    draws = torch.randn(size, count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.linalg.qr(draws)[0].T.contiguous().to(dtype)
