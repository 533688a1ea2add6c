"""Moving latents: the arithmetic of one step, shapes, dtypes and refusals."""

import pytest
import torch

from nablagan.latent import edit, random_directions, strip
from nablagan.types import InputError


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_step_has_the_amount_s_length_whatever_the_direction_s(dtype):
    z, u = torch.randn(4, 6, dtype=dtype), 7 * torch.randn(6, dtype=torch.float64)
    moved = edit(z, u, 2.5)
    assert moved.dtype == dtype
    torch.testing.assert_close((moved - z).norm(dim=1), torch.full((4,), 2.5, dtype=dtype))
    torch.testing.assert_close(edit(moved, u, -2.5), z)
    torch.testing.assert_close(edit(edit(z, u, 1), u, 1.5), moved)


def test_the_norm_is_as_the_docstring_says():
    z, u = torch.randn(6).double(), torch.randn(6).double()
    u /= u.norm()
    expected = (z @ z + 2 * 3 * (z @ u) + 9).sqrt()
    torch.testing.assert_close(edit(z, u, 3.0).norm(), expected)


def test_shapes_are_broadcast():
    z, u, amounts = torch.randn(4, 6), torch.randn(4, 6), torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert edit(z[0], u[0], 1.0).shape == (6,)
    assert edit(z[0], u[0], [1, 2, 3]).shape == (3, 6)
    one_each = edit(z, u, amounts)
    for row in range(4):
        torch.testing.assert_close(one_each[row], edit(z[row], u[row], row + 1.0))
    every = edit(z[:, None], u[None, :2], amounts[:, None].expand(4, 2))
    torch.testing.assert_close(every[3, 1], edit(z[3], u[1], 4.0))
    strips = strip(z, u[0], [-1.0, 0.0, 2.0])
    assert strips.shape == (4, 3, 6)
    torch.testing.assert_close(strips[2, 2], edit(z[2], u[0], 2.0))
    torch.testing.assert_close(strips[:, 1], z)
    torch.testing.assert_close(strip(z, u, [1.0])[3, 0], edit(z[3], u[3], 1.0))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((torch.zeros(2, 6), torch.ones(5), 1.0), r"direction has shape \(5,\): give \(\.\.\., 6\)"),
        ((torch.zeros(2, 6), torch.ones(3, 6), 1.0), r"shapes \(2, 6\), \(3, 6\), \(\)"),
        ((torch.zeros(2, 6), torch.ones(6), [1.0, 2.0, 3.0]), "without the last"),
        ((torch.zeros(2, 6), torch.zeros(6), 1.0), "length 0"),
        ((torch.zeros(2, 6), torch.full((6,), torch.nan), 1.0), "not finite"),
        ((torch.zeros(2, 6), torch.ones(6), float("inf")), "not finite"),
        ((torch.zeros(2, 6).long(), torch.ones(6), 1.0), "floating-point"),
        ((torch.zeros(2, 6), torch.tensor(1.0), 1.0), "direction has shape"),
    ],
)
def test_wrong_input(arguments, words):
    with pytest.raises(InputError, match=words):
        edit(*arguments)


@pytest.mark.parametrize("amounts", [1.0, [], [[1.0]]])
def test_a_strip_needs_a_list_of_amounts(amounts):
    with pytest.raises(InputError, match="give a list of numbers"):
        strip(torch.zeros(6), torch.ones(6), amounts)


def test_random_directions_are_orthonormal_seeded_and_spread():
    found = random_directions(6, 4, seed=1, dtype=torch.float64)
    torch.testing.assert_close(found @ found.T, torch.eye(4).double())
    assert torch.equal(found, random_directions(6, 4, seed=1, dtype=torch.float64))
    assert not torch.equal(found, random_directions(6, 4, seed=2, dtype=torch.float64))
    assert random_directions(3, 1).dtype == torch.float32
    with pytest.raises(InputError, match="4 directions of 3 dimensions"):
        random_directions(3, 4)
