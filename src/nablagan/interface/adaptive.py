"""The weight of an adversarial loss that makes it as strong as a reconstruction loss at one layer."""

import torch
from torch import Tensor

from nablagan.types import InputError


def adaptive_weight(
    reconstruction_loss: Tensor, adversarial_loss: Tensor, last_layer: Tensor, bound: float = 1e4, floor: float = 1e-4
) -> Tensor:
    """min(||grad_W L_rec|| / (||grad_W L_adv|| + floor), bound), a constant scalar (Esser et al. 2021, VQGAN).

    W = `last_layer` is the weight that makes the model's output; bound and floor are by default those of the authors'
    code. Both losses are scalars whose graphs are kept for the backward pass that follows. 0 where L_adv does not move
    W, as in a warm-up. The ratio is unbounded where the adversarial gradient dies: give a `bound` of the order of the
    weight that you would choose by hand. Norms are taken in float32 or better, so that half precision neither overflows
    nor underflows in them; a gradient that is itself not finite gives a weight that is not. Costs a backward pass of
    each loss from its end to W, and moves the running mean of a `GradientNormalisation` on the way: use one or the
    other. Raises InputError for a reconstruction loss that W has no part in, and for negative numbers.

    >>> weight = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> adaptive_weight(6 * weight.sum(), 2 * weight.sum(), weight, floor=0.0)
    tensor(3.)
    """
    # Unlike the code of the paper: 0 instead of the bound where the adversarial gradient is exactly zero.
    if not bound >= 0 or not floor >= 0:
        raise InputError(f"the adaptive weight's bound is {bound}, its floor {floor}: give numbers >= 0")
    by_reconstruction = _gradient_norm(reconstruction_loss, last_layer)
    if by_reconstruction is None:
        raise InputError(
            "the reconstruction loss does not depend on last_layer: give the weight of the model's last layer, one "
            "that requires a gradient"
        )
    by_adversary = _gradient_norm(adversarial_loss, last_layer)
    if by_adversary is None:
        return torch.zeros_like(by_reconstruction)
    ratio = by_reconstruction / (by_adversary + floor)
    return torch.where(by_adversary == 0, torch.zeros_like(ratio), ratio.clamp(max=bound))


def _gradient_norm(loss: Tensor, weight: Tensor) -> Tensor | None:
    """||d loss / d weight|| in float32 or better, the graph kept; None where the loss does not depend on the weight."""
    if not loss.requires_grad or not weight.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(loss, weight, retain_graph=True, allow_unused=True)
    if gradient is None:
        return None
    return torch.linalg.vector_norm(gradient, dtype=torch.promote_types(gradient.dtype, torch.float32))
