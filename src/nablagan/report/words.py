"""Numbers and names as people read them."""

import math
import sys
from typing import Any

WAYS = {"less": "less is better", "more": "more is better"}
"""Which way a figure is better, as a person reads it."""
FIGURES = {"l1": "L1", "psnr": "PSNR in dB", "ssim": "SSIM"}
"""Figures whose names are no words."""
UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def short_count(value: float) -> str:
    """Three digits and a unit.

    >>> [short_count(n) for n in (0, 950, 6400, 1_234_567)]
    ['0', '950', '6.4 k', '1.23 M']
    """
    for size, unit in UNITS:
        if abs(value) >= size * 0.9995:
            return f"{_three_digits(value / size)} {unit}"
    return _three_digits(value)


def full_count(value: float) -> str:
    """A whole number with thin spaces between thousands, as typography asks.

    >>> full_count(60000).replace(chr(8239), "_")
    '60_000'
    """
    return f"{round(value):,}".replace(",", "\u202f")


def number(value: Any) -> str:
    """Any JSON value, numbers with four digits.

    >>> number(0.693147), number(None), number(2e-5)
    ('0.6931', '–', '2e-05')
    """
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) and abs(value) > sys.float_info.max:  # JSON's integers have no end
        return "-∞" if value < 0 else "∞"
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """Seconds in the two units that matter.

    >>> [duration(s) for s in (0.25, 42, 200, 7384, 200000)]
    ['0.25 s', '42 s', '3 min 20 s', '2 h 03 min', '2 d 7 h']
    """
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} d {hours % 24} h"


def title_case(name: str) -> str:
    """A measure's name as a heading: `real_logits` gives `Real logits`."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def figure_name(name: str) -> str:
    """A figure's name as a heading.

    >>> figure_name("psnr"), figure_name("kernel_distance")
    ('PSNR in dB', 'Kernel distance')
    """
    return FIGURES.get(name) or title_case(name)


def figure_word(name: str) -> str:
    """A figure's name within a sentence: `kernel distance`, but `L1`."""
    return FIGURES.get(name, name.replace("_", " "))


def function_name(reference: Any) -> str:
    """The last word of "module:name".

    >>> function_name("nablagan.losses:relativistic")
    'relativistic'
    """
    return str(reference).rpartition(":")[2]


def builder_name(reference: Any) -> str:
    """The module that a player's builder lives in: "nablagan.players.dcgan:generator" gives "dcgan"."""
    return str(reference).rpartition(":")[0].rpartition(".")[2] or str(reference)


def plural(count: float, noun: str, many: str = "") -> str:
    """ "1 image", "2 images"."""
    return f"{full_count(count)} {noun if count == 1 else many or noun + 's'}"


def sentence_list(items: list[str]) -> str:
    """a, b and c."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1] if items else ""


def _three_digits(value: float) -> str:
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
