"""The comparison of updates: what is counted against what is declared, what its figures say of known samples."""

import sys
from pathlib import Path

import pytest
import torch

from cases import UPDATES
from nablagan.types import Batch

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))  # scripts that import each other, not a package

import optimiser_methods
import optimiser_problems
import optimisers
from counting import PRODUCT, counting

ITERATIONS = 2


@pytest.fixture
def small(monkeypatch):
    """The grid as a problem of moments: narrow players, eight points, few units."""
    problem = optimiser_problems.GRID._replace(
        players=lambda: (
            optimiser_problems.mlp.generator((2,), latent_size=2, widths=(4,)),
            optimiser_problems.mlp.discriminator((2,), widths=(4,)),
        ),
        batch=lambda draws: Batch(torch.randn(8, 2, generator=draws), torch.randn(8, 2, generator=draws)),
    )
    monkeypatch.setitem(optimisers.PROBLEMS, "grid", problem)
    monkeypatch.setitem(optimisers.BUDGETS, "grid", 40)
    return problem


def test_every_update_is_compared():
    assert {method.update for method in optimiser_methods.METHODS.values()} == set(UPDATES)


@pytest.mark.parametrize("name", optimiser_methods.METHODS)
def test_declared_costs_are_the_counted_ones(name, small):
    """Oracle: the calls themselves; a tolerance of 0 makes a solver use all its iterations."""
    method = optimiser_methods.METHODS[name]
    if "tolerance" in method.options:
        method = method._replace(options={"tolerance": 0.0, "iterations": ITERATIONS})
    update = optimiser_methods.update_of(method, small.game(0), rate=1e-3)
    update.step(small.batch(torch.Generator().manual_seed(0)))
    with counting() as count:
        update.step(small.batch(torch.Generator().manual_seed(1)))
    iterations = ITERATIONS if method.products_an_iteration else 0
    expected = method.gradients, method.products + iterations * method.products_an_iteration
    assert (count.gradients, count.products) == expected
    assert count.units == expected[0] + PRODUCT * expected[1]


def test_counting_ends_with_its_block(small):
    game, batch = small.game(0), small.batch(torch.Generator().manual_seed(0))
    with counting() as count:
        game.field(batch)
    game.jacobian(batch) @ game.field(batch)
    assert (count.gradients, count.products) == (2, 0)


def test_the_real_distribution_covers_the_grid():
    """Oracle: 1 - exp(-9/2), the mass of a plane Gaussian within three deviations."""
    draws = torch.Generator().manual_seed(0)
    real = torch.cat([optimiser_problems.grid_batch(draws).real for _ in range(100)])
    quality = optimiser_problems.grid_quality(real)
    assert quality["modes"] == 25
    assert quality["high_quality"] == pytest.approx(0.98889, abs=3 * (0.98889 * 0.01111 / len(real)) ** 0.5)


def test_one_collapsed_mode_is_one_mode():
    points = torch.tensor([[-4.0, 2.0]]).repeat(100, 1)
    quality = [optimiser_problems.grid_quality(points + shift) for shift in (0.0, 0.4)]
    assert [(found["modes"], found["high_quality"]) for found in quality] == [(1, 1.0), (0, 0.0)]


def test_energy_distance_of_two_places():
    """Oracle: all of one set at 0 and all of the other at distance 5 give 2 * 5; no distance within."""
    a, b = torch.zeros(10, 2), torch.tensor([[3.0, 4.0]]).repeat(20, 1)
    assert optimiser_problems.energy_distance(a, b) == pytest.approx(10)
    assert optimiser_problems.energy_distance(a, a) == 0


def test_rows_are_written_once_and_read_again(small, tmp_path, monkeypatch):
    plan = optimisers.Plan(["grid"], ["Alternating", "Lead"], [0, 1], 1.0)
    plan.train(optimisers.Rows(tmp_path))
    lines = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 * (optimiser_methods.RATES + 1)
    monkeypatch.setattr(optimisers, "row_of", None)  # nothing is trained again
    rows = optimisers.Rows(tmp_path)
    plan.train(rows)
    found = plan.found(rows, "grid")
    assert [row["steps"] for row in found["Alternating"]] == [20, 20]
    assert [row["steps"] for row in found["Lead"]] == [4, 4]  # 12 units a step: the last one may exceed 40
    assert plan._replace(seeds=[2]).found(rows, "grid") == plan._replace(share=2.0).found(rows, "grid") == {}


def test_the_best_rate_is_that_of_the_best_finished_run(small, tmp_path):
    rows, task = optimisers.Rows(tmp_path), optimisers.Task("grid", "Alternating", optimiser_methods.ADAM[1], 0, 40)
    assert rows.best_rate("grid", "Alternating", 0, 40) == optimiser_methods.ADAM[0]
    rows.known[task] = {"diverged": False, "modes": 3, "high_quality": 0.5}
    assert rows.best_rate("grid", "Alternating", 0, 40) == optimiser_methods.ADAM[1]
    rows.known[task._replace(rate=optimiser_methods.ADAM[0])] = {"diverged": False, "modes": 4, "high_quality": 0.1}
    assert rows.best_rate("grid", "Alternating", 0, 40) == optimiser_methods.ADAM[0]


def test_every_method_has_the_stated_number_of_rates():
    assert {len(method.rates) for method in optimiser_methods.METHODS.values()} == {optimiser_methods.RATES}


def test_diverged_runs_are_told_and_left_out_of_means(small, tmp_path):
    task = optimisers.Task("grid", "Alternating-SGD", 1e30, 0, 40)
    row = optimisers.Rows(tmp_path).get(task)
    assert row["diverged"]
    assert "modes" not in row
    good = row | {"diverged": False, "modes": 7, "high_quality": 0.5, "energy_distance": 0.2}
    table = optimisers.table_of({"Alternating-SGD": [row, good, good | {"modes": 9}]})
    assert "| Alternating-SGD | 1e+30 | 3 | 8 (7 to 9) | 0.5 (0.5 to 0.5) | 0.2 (0.2 to 0.2) | 1 |" in table


def test_figures_are_short():
    assert optimisers.spread([1017.6, 916.1]) == "967 (916 to 1018)"
    assert (optimisers.spread([0.12345]), optimisers.spread([])) == ("0.123", "-")


def test_unknown_methods_are_refused():
    with pytest.raises(optimisers.argparse.ArgumentTypeError, match="'Adam' is unknown: give some of Alternating"):
        optimisers.names_of("Adam", optimiser_methods.METHODS)
