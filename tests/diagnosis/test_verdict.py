"""The verdict on toy games whose answer is known, and on figures made up to meet each rule."""

import math
from typing import Any

import pytest
import torch
from torch.optim import SGD

from nablagan import optim
from nablagan.diagnosis import Figures, examination, verdict
from nablagan.diagnosis.examining import Move
from nablagan.diagnosis.verdict import Setting
from nablagan.diagnostics import PlayerAudit, UpdateAudit
from nablagan.tasks import toys

TURNS = Setting(True, 0.1, 0.1, 1.0)


def told(game: Any, update: Any, rate: float, groups: int = 2) -> dict[str, Any]:
    """The content for a toy game at its point, its next update made by the update itself."""
    start = game.point()
    optimizers = [SGD(player.parameters(), lr=rate) for player in game.players]
    update(game, *optimizers).step(toys.EMPTY)
    end = game.point()
    game.move_to(start)
    in_turns = update is optim.Alternating
    move = Move(start, end, optim.step_sizes(game, *optimizers), in_turns)
    return examination(game, move, ((toys.EMPTY,),) * groups, setting=Setting(in_turns, rate, rate))


@pytest.mark.parametrize(
    ("game", "update", "rate", "kind", "words", "options"),
    [
        (
            toys.bilinear(torch.eye(3).double()),
            optim.Simultaneous,
            0.1,
            "rotating",
            "outwards",
            ["--update", "alternating"],
        ),
        (
            toys.bilinear(torch.eye(3).double()),
            optim.Alternating,
            0.1,
            "rotating",
            "without",
            ["--update", "extragradient"],
        ),
        (toys.quadratic(1.0, 2.0, 0.3), optim.Alternating, 0.1, "converging", "die away", []),
        (toys.quadratic(1.0, 2.0, 0.3), optim.Simultaneous, 0.1, "converging", "die away", []),
        (
            toys.quadratic(1.0, 5.0, 0.3),
            optim.Alternating,
            0.5,
            "diverging",
            "discriminator",
            ["--discriminator-learning-rate", "0.17"],
        ),
        (
            toys.quadratic(5.0, 5.0, 0.0),
            optim.Simultaneous,
            0.5,
            "diverging",
            "generator and the d",
            ["--learning-rate", "0.17"],
        ),
        (toys.quadratic(-1.0, 1.0, 0.0), optim.Simultaneous, 0.1, "unsettled", "not come to rest", []),
    ],
    ids=["bilinear", "in turns", "attracted", "attracted at once", "D too far", "both too far", "driven away"],
)
def test_toy_games(game: Any, update: Any, rate: float, kind: str, words: str, options: list[str]) -> None:
    found = told(game, update, rate)["verdict"]
    assert (found["kind"], found["options"], found["sure"]) == (kind, options, "high")
    assert words in found["title"]
    assert all(found["because"])


def test_the_figures_of_a_toy_game() -> None:
    """Quadratic a = 1, b = 2, c = 0: multipliers 1 - lr a, 1 - lr b; largest factor 2 / (lr b); no rotation."""
    content = told(toys.quadratic(1.0, 2.0, 0.0), optim.Alternating, 0.25)
    first, second = content["groups"]
    assert [pytest.approx(z, abs=1e-12) for z in first["step"]["values"]] == [[0.5, 0.0], [0.75, 0.0]]
    assert first["jacobian"]["values"] == [[2.0, 0.0], [1.0, 0.0]]
    assert first["largest_stable_factor"] == pytest.approx(4.0)
    assert first["rotation"]["share"] == 0
    assert first["gap"]["generator"] == pytest.approx(0.5)
    assert first["gap"]["discriminator"] == pytest.approx(1.0)
    assert "jacobian" not in second
    assert content["move"]["linearised"] == "alternating"
    assert content["move"]["generator"]["rates"] == {"least": 0.25, "median": 0.25, "largest": 0.25}


def side(own: float = -1.0, other: float = 0.1, own_realised: float = -0.5) -> PlayerAudit:
    return PlayerAudit(own, other, 0.0, 0.0, 0.0, 0.0, own_realised, 0.0)


def figures(multipliers: tuple[complex, ...] = (0.5,), generator: Any = None, **changes: Any) -> Figures:
    audit = UpdateAudit(generator or side(), side())
    return Figures(multipliers, audit, (1.0, 1.0), gap=(0.0, 0.0))._replace(**changes)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (figures(), "converging"),
        (figures((0.5, 0.4 + 0.5j, 0.4 - 0.5j)), "converging"),
        (figures((0.5, 0.5 + 0.7j, 0.5 - 0.7j)), "rotating"),
        (figures((-21.0, 0.5)), "unsettled"),
        (figures((-21.0, 0.5), side(own_realised=0.1)), "diverging"),
        (figures((0.5,), side(own_realised=0.1)), "converging"),
        (figures((1.2, 0.5)), "unsettled"),
        (figures((0.5,), side(other=6.0)), "outrun"),
        (figures((0.5,), side(other=4.0)), "converging"),
        (figures(()), "unsettled"),
        (
            figures((1.0,), side(own=-1e-9), audit=UpdateAudit(side(own=-1e-9), side(own=-1e-9)), gap=(0.1, 0.0)),
            "stalled",
        ),
        (figures((0.5,), audit=UpdateAudit(side(own=-1e-9, other=0.0), side(own=-1e-9, other=0.0))), "converging"),
    ],
)
def test_each_rule(found: Figures, kind: str) -> None:
    told = verdict((found, found), TURNS)
    assert (told.kind, told.sure) == (kind, "high")


def test_groups_that_disagree_and_a_group_alone_are_said() -> None:
    first, second = figures(), figures((0.5 + 0.8j, 0.5 - 0.8j))
    both = verdict((first, second))
    assert (both.kind, both.sure) == ("converging", "low")
    assert "The second group of batches says: rotating." in both.because
    alone = verdict((first,))
    assert alone.sure == "low"
    assert any("no second group" in reason for reason in alone.because)


def test_who_is_outrun_decides_the_advice() -> None:
    slow_generator = verdict((figures((0.5,), side(other=6.0)),), TURNS)
    assert slow_generator.title == "The discriminator outruns the generator."
    assert slow_generator.options == ("--discriminator-learning-rate", "0.033")
    slow_discriminator = figures(audit=UpdateAudit(side(), side(other=7.0)))
    found = verdict((slow_discriminator,), TURNS)
    assert found.title == "The generator outruns the discriminator."
    assert found.options == ("--discriminator-learning-rate", "0.3")


def test_rotation_is_damped_by_what_there_is() -> None:
    turning = figures((0.5 + 0.8j, 0.5 - 0.8j))
    assert verdict((turning,), TURNS).options == ("--gamma", "3")
    assert verdict((turning,), TURNS._replace(gamma=math.nan)).options == ("--update", "extragradient")
    assert verdict((turning,), TURNS._replace(in_turns=False)).options == ("--update", "alternating")
    assert verdict((turning,)).options == ("--update", "extragradient")
