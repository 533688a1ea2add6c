"""The layers of docs/architecture.md: imports point down only, and some names appear in stated files only.

Read from the source with `ast`, so that imports inside functions count too.
"""

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

import nablagan

ROOT = Path(nablagan.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
LAYERS = {
    "types": 0,
    "elementary": 0.5,
    "refusals": 0.5,
    "losses": 1,
    "penalties": 1,
    "pure": 1,
    "closed_form": 1,
    "players": 1,
    "game": 2,
    "objectives": 2,
    "interface": 3,
    "checking": 3,
    "optim": 3,
    "diagnostics": 3,
    "latent": 3,
    "verification": 3,
    "tasks": 4,
    "data": 4,
    "metrics": 4,
    "training": 5,
    "imaging": 5,
    "loading": 6,
    "baselines": 5.5,
    "importing": 5.5,
    "diagnosis": 6,
    "evaluation": 6,
    "recipes": 6,
    "report": 6,
    "comparison": 6.5,
    "cli": 7,
}
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())


def unit(path):
    """The part of the package that a file belongs to: `training` for training/loop.py, `` for the package itself."""
    first = path.relative_to(ROOT).parts[0]
    return "" if first in ("__init__.py", "__main__.py") else first.removesuffix(".py")


@cache
def imports(path):
    """Every module that a file imports, with full names; `from a import b` gives a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the layer"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def units(path):
    """The parts of nablagan that a file imports."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("nablagan.")} & set(LAYERS)


def packages(path):
    """The top-level packages that a file imports, without the standard library and nablagan."""
    return {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - {"nablagan"}


def users(name):
    """The files whose code mentions an attribute, a name or a module called `name`."""
    found = set()
    for path in FILES:
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        named = any(name in (getattr(node, "attr", None), getattr(node, "id", None)) for node in nodes)
        if named or any(module == name or module.startswith(name + ".") for module in imports(path)):
            found.add(path.relative_to(ROOT).as_posix())
    return found


def test_every_part_has_a_layer():
    assert {unit(path) for path in FILES} - {""} <= set(LAYERS)


@every_file
def test_imports_point_down(path):
    if unit(path):
        above = {name for name in units(path) - {unit(path)} if LAYERS[name] >= LAYERS[unit(path)]}
        assert not above, f"layer {LAYERS[unit(path)]} imports {above}"


@every_file
def test_layers_0_to_3_import_torch_numpy_and_scipy_only(path):
    if unit(path) and LAYERS[unit(path)] <= 3:
        assert packages(path) <= {"torch", "numpy", "scipy"}


@every_file
def test_the_report_reads_only_a_run_directory(path):
    if unit(path) == "report":
        assert units(path) <= {"report", "types"}
        assert "torch" not in packages(path)


def test_only_the_game_decides_who_is_held_constant():
    """Besides it: averages and restored generators, which nobody trains; pictures, norms and files on their way out."""
    assert users("requires_grad_") <= {"game.py", "training/ema.py", "training/restore.py"}
    assert users("detach") <= {"game.py", "data/pictures.py", "training/checkpoint.py", "training/loop.py"}
    assert "game.py" in users("detach") & users("requires_grad_")


def test_only_the_engine_knows_processes():
    assert users("torch.distributed") == {"training/engine.py"}


def test_only_the_command_line_prints():
    assert {name.split("/")[0] for name in users("print")} <= {"cli"}
