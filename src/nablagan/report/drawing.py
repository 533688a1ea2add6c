"""Any drawing as SVG for a page, in the stand-in colours of `report.chart`."""

from collections.abc import Callable
from typing import Any

from nablagan.report.chart import AXIS, GRID, TEXT, canvas, finished
from nablagan.report.markup import Markup


def colour(number: int) -> str:
    """The stand-in of a line colour, 1 to 8."""
    return f"#0a0c{number:02x}"


def drawing(identity: str, description: str, draw: Callable[[Any], None]) -> Markup:
    """What `draw` puts on matplotlib axes, of the size of a chart; `identity` makes its ids unique in the page."""
    with canvas(identity) as axes:
        _dress(axes)
        draw(axes)
        return finished(axes, identity, description)


def _dress(axes: Any) -> None:
    axes.tick_params(colors=TEXT, labelsize=11, length=0)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(AXIS)
