"""docs/derivatives.md against the installed PyTorch, measured anew by central differences in float64.

Another version than the page's may have repaired a cell, and an older one may lack a derivative; none may be silently
wrong where the page does not say so.
"""

from pathlib import Path

import pytest
import torch

from nablagan.checking.orders import ERROR, ORDERS, RIGHT, WRONG, cells, middles, table
from nablagan.penalties.guard import uses_own_statistics

PAGE = (Path(__file__).parents[2] / "docs/derivatives.md").read_text(encoding="utf-8")
COMMITTED = cells(PAGE)


@pytest.fixture(scope="module")
def measured():
    plain, ours = table(), table(inside_nablagan=True)
    return {name: tuple(zip(plain[name], ours[name], strict=True)) for name in plain}


def release(version):
    return tuple(int(part) for part in version.split("+")[0].split(".")[:2])


def test_the_page_is_about_every_module(measured):
    assert list(COMMITTED) == list(measured) == list(middles())


def test_the_page_is_what_the_installed_version_does(measured):
    here = release(torch.__version__)
    there = release(PAGE.split("PyTorch ")[1].split()[0])
    for name, row in measured.items():
        for order, found, told in zip(ORDERS, row, COMMITTED[name], strict=True):
            for now, before in zip(found, told, strict=True):
                allowed = {before} if here == there else {before, RIGHT} | ({ERROR} if here < there else set())
                assert now in allowed, f"{name}, {order}: {now}, the page says {before}"


def test_nothing_is_silently_wrong_inside_nablagan(measured):
    assert not [name for name, row in measured.items() for _, ours in row if ours == WRONG]


def test_what_is_silently_wrong_behind_forward_mode_is_what_the_guard_refuses(measured):
    behind = ORDERS.index("backward through forward mode")
    wrong = {name for name, row in measured.items() if row[behind][0] == WRONG}
    refused = {name for name, make in middles().items() if uses_own_statistics(make())}
    assert wrong <= refused == {"LayerNorm", "InstanceNorm2d", "BatchNorm2d, training"}
