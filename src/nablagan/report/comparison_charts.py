"""Plots of a comparison, each with its intervals."""

from typing import Any

from nablagan.report.chart import TEXT
from nablagan.report.drawing import colour, drawing
from nablagan.report.markup import Markup, tag

QUALITY = "kernel_distance"


def charts(content: dict[str, Any]) -> Markup:
    """Quality of each candidate with its seeds and intervals, and quality against the time of a sample."""
    rows = [row for row in content["rows"] if _summary(row)]
    if not rows:
        return tag("p", "There are no figures yet: nablagan compare without --train-only makes them.", class_="missing")
    first = drawing("comparison-quality", "Kernel distance of each candidate", lambda axes: _quality(axes, rows))
    second = drawing("comparison-time", "Kernel distance against milliseconds", lambda axes: _against_time(axes, rows))
    return tag(
        "div",
        _card("Kernel distance", first, "Points: seeds; bars: the hull of their 95 % intervals. Left is better."),
        _card(
            "Quality and the time of a sample",
            second,
            "Both axes logarithmic; lower left is better. Samplers of one training are joined. Values at or below 0 "
            "(no worse than real images) cannot be drawn here.",
        ),
        class_="charts",
    )


def _card(title: str, svg: Markup, words: str) -> Markup:
    return tag("figure", tag("h3", title), svg, tag("figcaption", words), class_="card")


def _summary(row: dict[str, Any]) -> dict[str, Any] | None:
    summary = row.get("summary", {}).get(QUALITY)
    return summary if summary and summary["mean"] is not None else None


def _name(row: dict[str, Any]) -> str:
    return f"{row['title']}, {row['steps_of_sampler']} steps" if row["steps_of_sampler"] > 1 else row["title"]


def _quality(axes: Any, rows: list[dict[str, Any]]) -> None:
    for place, row in enumerate(reversed(rows)):
        summary = row["summary"][QUALITY]
        if summary["low"] is not None and summary["high"] is not None:
            axes.plot([summary["low"], summary["high"]], [place, place], color=colour(5), linewidth=2)
        values = [seed["metrics"][QUALITY]["value"] for seed in row["seeds"] if "metrics" in seed]
        axes.plot(values, [place] * len(values), "o", color=colour(1), markersize=4)
    axes.set_yticks(range(len(rows)), [_name(row) for row in reversed(rows)], fontsize=9)
    if all(row["summary"][QUALITY]["mean"] > 0 for row in rows):
        axes.set_xscale("log")
    axes.set_xlabel("kernel distance", fontsize=11, color=TEXT)


def _against_time(axes: Any, rows: list[dict[str, Any]]) -> None:
    drawn = [row for row in rows if row["summary"][QUALITY]["mean"] > 0]
    for place, name in enumerate(dict.fromkeys(row["candidate"] for row in drawn)):
        mine = [row for row in drawn if row["candidate"] == name]
        times, values = ([value(row) for row in mine] for value in (_milliseconds, _mean))
        ink = colour(place % 8 + 1)
        axes.plot(times, values, "o-", color=ink, markersize=4, linewidth=1)
        for row, time, value in zip(mine, times, values, strict=True):
            summary = row["summary"][QUALITY]
            if summary["low"] is not None and summary["low"] > 0 and summary["high"] is not None:
                axes.plot([time, time], [summary["low"], summary["high"]], color=ink, linewidth=1)
            steps = f" {row['steps_of_sampler']}" if row["steps_of_sampler"] > 1 else ""
            axes.annotate(f"{row['title']}{steps}", (time, value), fontsize=8, color=TEXT)
    if drawn:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set_xlabel("milliseconds a sample", fontsize=11, color=TEXT)
    axes.set_ylabel("kernel distance", fontsize=11, color=TEXT)


def _milliseconds(row: dict[str, Any]) -> float:
    return row["milliseconds_per_sample"]


def _mean(row: dict[str, Any]) -> float:
    return row["summary"][QUALITY]["mean"]
