"""From trained cells to comparison.json."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nablagan.comparison.measuring import floor, measured_cell, reference
from nablagan.comparison.running import Cell
from nablagan.comparison.settings import Settings
from nablagan.comparison.table import FILE, FORMAT, KIND, table
from nablagan.evaluation.judges import Judge
from nablagan.training.files import plain, write_json


def compared(settings: Settings, cells: Sequence[Cell], judge: Judge, out: Path) -> dict[str, Any]:
    """Measure what is not measured yet, and write the whole comparison, which is returned.

    Raises InputError where features cannot be taken.
    """
    against = reference(settings.training, settings.held_out, settings.count, judge)
    results = {(cell.candidate.name, cell.seed): measured_cell(cell, against) for cell in cells}
    content = plain(
        {
            "kind": KIND,
            "format": FORMAT,
            "settings": settings.to_json(),
            "environment": json.loads((out / "environment.json").read_text(encoding="utf-8")),
            "reference": against.identity(),
            "floor": floor(against),
            "rows": table(cells, results, out),
        }
    )
    write_json(out / FILE, content)
    return content
