"""Eigenvalues of the game Jacobian, and of one step of play, from products alone (Mescheder et al. 2017)."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import ArpackNoConvergence, eigs
from torch import Tensor

from nablagan.diagnostics.operators import Operator, alternating_operator, linear_operator, step_operator
from nablagan.game import Jacobian
from nablagan.types import InputError

Complex = NDArray[np.complex128]


class Spectrum(NamedTuple):
    """Eigenvalues of a real (n, n) operator, and how far they can be trusted."""

    values: Complex
    """(k,) by falling modulus, of a conjugate pair the one above the real axis first; k < `requested` is partial."""
    residuals: NDArray[np.float64]
    """(k,) |A x - z x| of each unit eigenvector x: to be seen beside |z|."""
    requested: int
    """How many were asked for, at most n: fewer values are those that converged within the iterations."""
    products: int
    """Products with the operator that it took, residuals included."""
    method: str
    """"arnoldi", or "dense" where n is so small that the whole matrix costs no more."""

    @property
    def complete(self) -> bool:
        """Whether every eigenvalue asked for was found."""
        return len(self.values) == self.requested


def eigenvalues(
    jacobian: Jacobian, count: int = 6, tolerance: float | None = None, iterations: int = 100, basis: int | None = None
) -> Spectrum:
    """The `count` eigenvalues z of J that are largest in modulus (implicitly restarted Arnoldi; Lehoucq et al. 1998).

    The flow dw/dt = -v is locally stable if every Re z > 0; |Im z| / Re z says how much it rotates. They are those of
    the game on this batch, not of the expected game. `tolerance` is relative, by default 100 times the rounding error
    of the game's dtype; `iterations` are restarts; `basis` is the number of vectors kept, by default
    max(20, 2 count + 1). Costs about 40 to 100 products and two an eigenvalue for its residual; where `basis` vectors
    would span everything the matrix is built by n products and solved densely. What did not converge is left out: look
    at `Spectrum.complete`, and give more iterations or a larger basis. Raises InputError for a count below 1, a basis
    below count + 2, and products that are not finite.

    >>> import torch
    >>> from nablagan.tasks import toys
    >>> spectrum = eigenvalues(toys.bilinear(torch.tensor([[3.0]])).jacobian(toys.EMPTY))
    >>> spectrum.values.imag.tolist(), spectrum.complete
    ([3.0, -3.0], True)
    """
    return operator_eigenvalues(linear_operator(jacobian), count, tolerance, iterations, basis)


def step_eigenvalues(
    jacobian: Jacobian,
    rates: Tensor | float,
    count: int = 6,
    tolerance: float | None = None,
    iterations: int = 100,
    basis: int | None = None,
) -> Spectrum:
    """As `eigenvalues`, for I - P J: what a simultaneous step w - P v does near an equilibrium.

    `rates` is the diagonal of P: a learning rate, or one for each parameter (n,), such as lr / (sqrt(v2) + eps) with
    Adam's running mean v2. A modulus above 1 says that steps of this size diverge there. Momentum, and players that
    move in turn, make other steps.

    >>> from nablagan.tasks import toys
    >>> abs(step_eigenvalues(toys.dirac(1.0).jacobian(toys.EMPTY), 0.0).values).tolist()
    [1.0, 1.0]
    """
    return operator_eigenvalues(step_operator(jacobian, rates), count, tolerance, iterations, basis)


def alternating_eigenvalues(
    jacobian: Jacobian,
    rates: Tensor | float,
    count: int = 6,
    tolerance: float | None = None,
    iterations: int = 100,
    basis: int | None = None,
) -> Spectrum:
    """As `step_eigenvalues`, for (I - P_G J)(I - P_D J): a step in which the discriminator moves first.

    On a bilinear game with lr c < 2 all lie on the unit circle, where those of the simultaneous step have modulus
    sqrt(1 + lr^2 c^2). Two products with J a product.

    >>> from nablagan.tasks import toys
    >>> game = toys.quadratic(a=0.0, b=0.0, c=1.0)
    >>> found = [f(game.jacobian(toys.EMPTY), 0.5) for f in (alternating_eigenvalues, step_eigenvalues)]
    >>> [abs(spectrum.values).round(4).tolist() for spectrum in found]
    [[1.0, 1.0], [1.118, 1.118]]
    """
    return operator_eigenvalues(alternating_operator(jacobian, rates), count, tolerance, iterations, basis)


def largest_stable_step(values: ArrayLike) -> float:
    """min 2 Re z / |z|^2 over eigenvalues z of J: for a smaller step h, |1 - h z| < 1 for each of them.

    0 if any has Re z <= 0: no step is small enough. Zeros are left out, they are at rest for every step; inf if there
    is nothing else. From part of a spectrum it is an upper bound. Raises InputError for no eigenvalue, or one that is
    not finite.

    >>> largest_stable_step([2 + 2j, 2 - 2j, 1])
    0.5
    """
    z = np.asarray(values, dtype=np.complex128).ravel()
    if not len(z) or not np.isfinite(z).all():
        raise InputError(f"eigenvalues are {z.tolist()}: give at least one, all finite (did any converge?)")
    z = z[z != 0]
    return max(0.0, float(np.min(2 * z.real / (z.real**2 + z.imag**2), initial=np.inf)))


def operator_eigenvalues(
    operator: Operator,
    count: int = 6,
    tolerance: float | None = None,
    iterations: int = 100,
    basis: int | None = None,
) -> Spectrum:
    """As `eigenvalues`, of any operator.

    Looks for what is largest in modulus. Of a step that converges that is its slowest part, a crowd at 1 that Arnoldi's
    method hardly tells apart: `displacement` of it has the parts that move first.

    >>> from nablagan.diagnostics.operators import displacement
    >>> from nablagan.tasks import toys
    >>> step = alternating_operator(toys.quadratic(a=3.0, b=1.0, c=0.0).jacobian(toys.EMPTY), 0.5)
    >>> [operator_eigenvalues(operator).values.real.tolist() for operator in (step, displacement(step))]
    [[0.5, -0.5], [1.5, 0.5]]
    """
    kept, size = max(20, 2 * count + 1) if basis is None else basis, operator.shape[0]
    if count < 1 or iterations < 1 or kept < count + 2:
        raise InputError(
            f"{count} eigenvalues from {kept} vectors in {iterations} iterations: "
            "give a count >= 1, a basis >= count + 2 and iterations >= 1"
        )
    if size <= kept:
        values, vectors = np.linalg.eig(operator.matmat(np.eye(size)))
    else:
        accuracy = 100 * float(np.finfo(operator.precision).eps) if tolerance is None else tolerance
        values, vectors = _arnoldi(operator, count, kept, iterations, accuracy)
    values, vectors = _largest(values.astype(np.complex128), vectors.astype(np.complex128), count)
    residuals = _residuals(operator, values, vectors)
    method = "dense" if size <= kept else "arnoldi"
    return Spectrum(values, residuals, min(count, size), operator.products, method)


def _arnoldi(operator: Operator, count: int, basis: int, iterations: int, tolerance: float) -> tuple[NDArray, NDArray]:
    """(k,) eigenvalues of largest modulus and (n, k) unit vectors: those that converged. It starts always the same."""
    start = np.random.Generator(np.random.PCG64(0)).standard_normal(operator.shape[0]).astype(operator.precision)
    if not operator.matvec(start).any():  # ARPACK refuses the zero operator, and a random vector sees no other as zero
        return np.zeros(count), np.tile(start[:, None] / np.linalg.norm(start), count)
    options = {"ncv": basis, "maxiter": iterations, "tol": tolerance, "v0": start}
    try:
        found: Any = eigs(operator, count, **options)
    except ArpackNoConvergence as partial:
        found = partial.eigenvalues, partial.eigenvectors
    return found


def _largest(values: Complex, vectors: Complex, count: int) -> tuple[Complex, Complex]:
    """The first `count` in order; of a conjugate pair that this cuts in two, the upper one."""
    order = np.lexsort((-values.imag, -values.real, -np.abs(values)))[:count]
    values, vectors = values[order], vectors[:, order]
    if len(values) and values[-1].imag < 0 and not np.isclose(values[-2:-1], values[-1].conj(), rtol=1e-6).any():
        values[-1], vectors[:, -1] = values[-1].conj(), vectors[:, -1].conj()
    return values, vectors


def _residuals(operator: Operator, values: Complex, vectors: Complex) -> NDArray[np.float64]:
    """(k,) |A x - z x|: a product for a real eigenvector, two for a conjugate pair, whose residuals are equal."""
    distances: list[float] = []
    for place, (z, x) in enumerate(zip(values, vectors.T, strict=True)):
        if z.imag < 0 and place and np.array_equal(values[place - 1], z.conj()):
            distances.append(distances[-1])
            continue
        image = operator.matvec(x.real).astype(np.complex128)
        image += 1j * operator.matvec(x.imag) if x.imag.any() else 0
        distances.append(float(np.linalg.norm(image - z * x)))
    return np.array(distances, dtype=np.float64)
