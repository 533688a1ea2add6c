"""Any drawing as SVG for a page, in the stand-in colours of `report.chart`."""

import warnings
from collections.abc import Callable
from io import StringIO
from typing import Any

import numpy as np

from nablagan.report.chart import AXIS, GRID, HEIGHT, TEXT, WIDTH, _for_page
from nablagan.report.markup import Markup


def colour(number: int) -> str:
    """The stand-in of a line colour, 1 to 8."""
    return f"#0a0c{number:02x}"


def drawing(identity: str, description: str, draw: Callable[[Any], None]) -> Markup:
    """What `draw` puts on matplotlib axes, of the size of a chart; `identity` makes its ids unique in the page."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with (
        rc_context({"svg.fonttype": "none", "svg.hashsalt": identity}),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")  # a glyph missing or an axis without extent changes nothing that is read
        figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72), dpi=72, layout="constrained")
        axes = figure.add_subplot()
        _dress(axes)
        draw(axes)
        stream = StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _for_page(stream.getvalue(), identity, description)


def _dress(axes: Any) -> None:
    axes.tick_params(colors=TEXT, labelsize=11, length=0)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(AXIS)
