"""The audit of the founding article: known figures, and that a wrong correction is found."""

import re
from pathlib import Path

import pytest
import torch

from nablagan import closed_form, losses
from nablagan.verification import STATEMENTS, audit, code, formulas
from nablagan.verification.setting import make_setting

PAGE = (Path(__file__).parents[1] / "docs" / "calculus.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def findings():
    return {finding.name: finding for finding in audit()}


def test_every_corrected_statement_holds(findings):
    assert list(findings) == [*(f"S{n}" for n in range(1, 11)), *(f"C{n}" for n in range(1, 8))]
    assert [name for name, finding in findings.items() if not finding.holds] == []


def test_at_another_point_too():
    assert [finding.name for finding in audit(seed=2) if not finding.holds] == []


def test_known_figures_of_the_article(findings):
    """The sign of S5 is a relative error of 2; S4's term is empty; fakes made outside have no cross derivatives."""
    for name, expected in {"S2": 2, "S3": 2, "S4": 0, "S5": 2, "S6": 2, "C3": 2, "C6": 1}.items():
        assert findings[name].article_error == pytest.approx(expected, abs=1e-12), name
        assert findings[name].article_error_by_differences == pytest.approx(expected, abs=1e-7), name
    assert "cosine of the two -0.998" in findings["S7"].note
    assert 0.1 < findings["S8"].article_error < 0.5
    assert "fakes outside 0.000" in findings["C6"].note
    assert "-inf from b = 17" in findings["C5"].note


def test_only_what_cannot_be_measured_is_not(findings):
    assert [name for name, finding in findings.items() if finding.right_error is None] == ["C4"]


def test_a_total_that_is_not_the_stated_gradient_breaks_s9(monkeypatch):
    monkeypatch.setattr(formulas, "articles_fake_factor", formulas.articles_real_factor)
    assert not formulas.discriminator_gradient(make_setting(0)).claims


WRONG = {
    "sign of the generator's gradient": (
        lambda a, b: MINIMAX(a, b)._replace(generator_fake=torch.sigmoid(b)),
        {"S3", "S5", "S6", "C5"},
    ),
    "size of the real term": (
        lambda a, b: MINIMAX(a, b)._replace(discriminator_real=-1.001 * torch.sigmoid(-a)),
        {"S1", "S2", "S7", "S9", "S10", "C2"},
    ),
    "argument of the fake term": (
        lambda a, b: MINIMAX(a, b)._replace(discriminator_fake=torch.sigmoid(-b)),
        {"S1", "S2", "S8", "S9", "C3"},
    ),
}
MINIMAX = closed_form.minimax


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_closed_form_is_found(case, monkeypatch):
    wrong, expected = WRONG[case]
    monkeypatch.setattr(closed_form, "minimax", wrong)
    assert {finding.name for finding in audit() if not finding.holds} == expected


def test_a_wrong_non_saturating_form_is_found(monkeypatch):
    monkeypatch.setattr(closed_form, "non_saturating", closed_form.minimax)
    assert {finding.name for finding in audit() if not finding.holds} == {"S6", "C1"}


def test_cut_fakes_in_the_game_are_found(monkeypatch):
    """The defect of C6, planted in the library."""
    setting = make_setting(0)
    honest = setting.game.discriminator_loss
    monkeypatch.setattr(
        setting.game, "discriminator_loss", lambda judge, fake, batch: honest(judge, fake.detach(), batch)
    )
    assert code.cross_derivatives(setting).right == pytest.approx(1)


def test_a_loss_that_broadcasts_is_found(monkeypatch):
    monkeypatch.setattr(losses, "check_logits", lambda real_logits, fake_logits: None)
    assert not code.side_effects(make_setting(0)).claims


def test_the_same_seed_gives_the_same_figures(findings):
    random = torch.random.get_rng_state()
    assert {finding.name: finding for finding in audit()} == findings
    assert torch.equal(torch.random.get_rng_state(), random)


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.name)
def test_the_page_has_the_audit(statement, findings):
    error = findings[statement.name].article_error
    figure = "-" if error is None else f"{error:.3f}"
    assert f"| {statement.name} | {statement.article} | {statement.right} | {figure} |" in PAGE


def test_the_code_of_the_page_runs(capsys):
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        exec(compile(block, "calculus.md", "exec"), {"__name__": "calculus"})
    assert capsys.readouterr().out
