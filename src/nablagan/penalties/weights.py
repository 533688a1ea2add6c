"""The penalty on the discriminator's weights: their largest singular values."""

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nablagan.penalties.judging import of_rows
from nablagan.types import Discriminator, InputError, Pair


def spectral_norms(discriminator: Discriminator, pair: Pair) -> Tensor:
    """Half the sum of sigma(W)^2 over the weights, sigma the largest singular value, (batch,) (Yoshida & Miyato 2017).

    The same number for each sample: a property of the weights, seen as the linear, convolutional and embedding
    operations of one forward pass of one sample use them, so that a game's products see those of their own point.
    Kernels count as matrices (outputs, the rest); a constant filter adds a constant. From the eigenvalues of the
    smaller Gram matrix: exact to every order, unlike a power iteration, whose vectors are constants; the second
    derivative asks for distinct eigenvalues, which a weight of zeros has not. Costs the cube of the smaller side for
    each weight. Raises InputError where it finds no weight.

    >>> pair = Pair(torch.ones(2, 2), torch.ones(2, 2))
    >>> weight = torch.tensor([[3.0, 4.0]])
    >>> spectral_norms(lambda x, label: torch.nn.functional.linear(x, weight).squeeze(1), pair)
    tensor([12.5000, 12.5000])
    """
    label = None if pair.label is None else pair.label[:1]
    with Weights() as seen:
        of_rows(discriminator, torch.arange(1, device=pair.real.device))(pair.real[:1], label)
    if not seen.matrices:
        raise InputError("the discriminator calls no linear or convolutional operation: it has no weight to penalise")
    total = torch.stack([_largest(matrix) for matrix in seen.matrices]).sum()
    return 0.5 * total.expand(len(pair.real))


class Weights(TorchFunctionMode):
    """Within it `matrices` collects the weights that such operations are given, each once."""

    def __init__(self) -> None:
        super().__init__()
        self.matrices: list[Tensor] = []
        self._seen: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        if name in _OUTPUTS_AT:
            self._take(kwargs["weight"] if "weight" in kwargs else args[1], _OUTPUTS_AT[name])
        return func(*args, **kwargs)

    def _take(self, weight: Tensor, outputs_at: int) -> None:
        if not any(weight is seen for seen in self._seen):
            self._seen.append(weight)
            self.matrices.append(weight.movedim(outputs_at, 0).flatten(1))


_OUTPUTS_AT = {"linear": 0, "conv1d": 0, "conv2d": 0, "conv3d": 0, "embedding": 0} | dict.fromkeys(
    ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1
)
"""Operation -> the axis of its weight that counts the outputs."""


def _largest(matrix: Tensor) -> Tensor:
    """The square of the largest singular value, a scalar."""
    matrix = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    return torch.linalg.eigvalsh(matrix @ matrix.T)[-1]
