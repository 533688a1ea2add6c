"""A weight that follows the game: its rule in closed form, on a plant whose answer is known, and what it refuses."""

import math

import pytest

from nablagan.optim import Balance, Balanced
from nablagan.types import InputError


def separation(ratio: float) -> dict[str, float]:
    """Measures at `ratio` times the target of 0.6."""
    return {"separation": math.log(2) + 0.6 * ratio}


@pytest.mark.parametrize("ratio", [0.2, 0.9, 1.0, 3.0, 7.0])
@pytest.mark.parametrize("images", [1, 64, 1000])
def test_one_step_in_closed_form(ratio: float, images: int):
    balance = Balance(Balanced(start=2.0, images=960, target=0.6))
    balance.follow(separation(ratio), images)
    assert balance(0) == pytest.approx(2.0 * ratio ** (images / 960), rel=1e-12)


@pytest.mark.parametrize(("ratio", "limit"), [(1e5, 2.0), (1e-5, -2.0), (0.0, -2.0), (-1.0, -2.0)])
def test_one_batch_cannot_move_it_far(ratio: float, limit: float):
    balance = Balance(Balanced(start=2.0, images=100))
    balance.follow(separation(ratio), 10)
    assert balance(0) == pytest.approx(2.0 * math.exp(0.1 * limit), rel=1e-12)


@pytest.mark.parametrize("start", [1e-3, 1.0, 500.0])
@pytest.mark.parametrize(("scale", "power"), [(0.35, 0.57), (2.0, 0.3), (0.01, 1.0)])
def test_it_finds_the_weight_of_the_target_from_any_start(start: float, scale: float, power: float):
    """Where separation - log 2 = scale gamma^-power, the weight settles at (scale / target)^(1 / power)."""
    balance = Balance(Balanced(start=start, images=1000, target=0.6))
    for _ in range(2000):
        balance.follow({"separation": math.log(2) + scale * balance(0) ** -power}, 50)
    assert balance(0) == pytest.approx((scale / 0.6) ** (1 / power), rel=1e-6)


def test_it_stays_within_its_bounds():
    balance = Balance(Balanced(start=1.0, images=10, lowest=0.5, highest=3.0))
    balance.follow(separation(100.0), 1000)
    assert balance(0) == 3.0
    balance.follow(separation(0.0), 1000)
    assert balance(0) == 0.5


@pytest.mark.parametrize(
    "numbers",
    [
        {"start": 0.0},
        {"start": math.nan},
        {"start": 1.0, "lowest": 2.0},
        {"start": 1.0, "highest": math.inf},
        {"start": 1.0, "target": 0.0},
        {"start": 1.0, "images": 0},
    ],
)
def test_numbers_that_make_no_rule(numbers: dict[str, float]):
    with pytest.raises(InputError, match="images and target above 0"):
        Balanced(**{"images": 100, **numbers})
