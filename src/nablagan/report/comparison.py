"""The page of a comparison: one table, pictures of every candidate, how to read each figure and where it misleads."""

import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

from nablagan.report.comparison_charts import charts
from nablagan.report.evaluation import READINGS
from nablagan.report.markup import Markup, empty_tag, join, tag
from nablagan.report.page import POLICY
from nablagan.report.pictures import picture
from nablagan.report.words import full_count, number
from nablagan.types import InputError

FILE = "comparison.json"
FIGURES = {
    "kernel_distance": "kernel distance",
    "frechet_distance": "Fréchet distance",
    "precision": "precision",
    "recall": "recall",
    "coverage": "coverage",
    "vendi_fake": "Vendi score",
}
"""The metrics that stand in the table; comparison.json has all."""
COSTS = {
    "milliseconds": "The clock's milliseconds a sample in a batch of 64, median of five; other batches cost otherwise.",
    "copies": "p-value of the test for copies of training images, the least of the seeds; a large one proves nothing.",
    "parameters": "Of everything trained, and of the net that makes samples: equal numbers are not equal work.",
}
PICTURE_BYTES = 250_000


def write_comparison(directory: Path, out: Path | None = None) -> Path:
    """Draw report.html from comparison.json and the pictures beside it, and return where it is.

    Raises InputError for a directory without them, and where the page cannot be written.
    """
    content = read_comparison(directory)
    path = directory / "report.html" if out is None else out
    aside = path.with_name(f".writing-{path.name}-{os.getpid()}")
    try:
        aside.write_bytes(comparison_page(content, directory).encode("utf-8", "replace"))
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise InputError(f"cannot write {path}: {error.strerror}; choose another --out") from error
    return path


def read_comparison(directory: Path) -> dict[str, Any]:
    """What comparison.json holds. Raises InputError for what is none."""
    try:
        content = json.loads((directory / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{directory} has no comparison that can be read ({error}): run nablagan compare") from error
    if not isinstance(content, dict) or not isinstance(content.get("rows"), list):
        raise InputError(f"{directory / FILE} is no comparison: run nablagan compare again")
    return content


def comparison_page(content: dict[str, Any], directory: Path) -> Markup:
    """The whole page as HTML."""
    style = files("nablagan.report").joinpath("page.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        empty_tag("meta", charset="utf-8"),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        empty_tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"Comparison on {content['settings']['data']['name']}"),
        tag("style", Markup(style)),
    )
    main = tag(
        "main",
        tag("section", tag("h2", "Table"), _table(content), id="table"),
        tag("section", tag("h2", "Figures"), charts(content), id="figures"),
        tag("section", tag("h2", "Samples"), _pictures(content, directory), id="samples"),
        tag("section", tag("h2", "How to read this"), _readings(), id="readings"),
    )
    body = tag("body", tag("div", tag("h1", "Comparison"), _conditions(content), main, class_="page"))
    return join(Markup("<!doctype html>\n"), tag("html", head, body, lang="en"))


def conditions(content: dict[str, Any]) -> str:
    """In one paragraph, what was compared and how."""
    settings, budget = content["settings"], content["settings"]["budget"]
    spent = f"{budget['seconds']:g} s of training each" if "seconds" in budget else ""
    spent = spent or f"{full_count(budget['evaluations'])} gradient evaluations each"
    against, reference = settings["against"], content["reference"]
    return (
        f"{settings['data']['name']} ({full_count(settings['data']['count'])} images of "
        f"{' x '.join(map(str, settings['data']['shape']))}), {spent} ({budget['clock']} clock, {settings['threads']} "
        f"threads, {settings['device']}), without labels. {full_count(reference['count'])} samples of each against as "
        f"many of {against['name']}; features of {reference['extractor']['name']}. Nets of equal size."
    )


def _conditions(content: dict[str, Any]) -> Markup:
    return tag("p", conditions(content), class_="summary")


def cells(row: dict[str, Any]) -> list[str]:
    """A row of the table as text: name, figures as mean [low, high] over seeds, copies, time, parameters."""
    if row["sampler"] is None:
        return [row["title"], f"failed: {row['failures'][0]['reason']}"]
    name = f"{row['title']} ({row['sampler'].replace('_', ' ')})" if row["steps_of_sampler"] > 1 else row["title"]
    name += f" ({len(row['failures'])} failed)" if row["failures"] else ""
    p_values = [seed["memorisation"]["p_value"] for seed in row["seeds"] if "memorisation" in seed]
    return [
        name,
        *(_figure(row["summary"].get(key)) for key in FIGURES),
        number(min(p_values)) if p_values else "–",
        number(row["milliseconds_per_sample"]),
        f"{row['training']['seconds']:.0f}",
        full_count(row["training"]["images"]),
        f"{full_count(row['parameters'])} / {full_count(row['sampling_parameters'])}",
    ]


HEADS = ("candidate", *FIGURES.values(), "copies p", "ms a sample", "training s", "images", "parameters / sampler's")


def floor_cells(content: dict[str, Any]) -> list[str]:
    """The row of real training images in place of samples."""
    entries = content["floor"]["metrics"]
    return ["training images", *(_figure(_alone(entries.get(key))) for key in FIGURES), *["–"] * 5]


def _alone(entry: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if entry is None else {"mean": entry["value"], "low": entry["low"], "high": entry["high"]}


def _figure(summary: dict[str, Any] | None) -> str:
    if summary is None or summary["mean"] is None:
        return "–"
    return f"{summary['mean']:.3g} [{number(_short(summary['low']))}, {number(_short(summary['high']))}]"


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")


def _table(content: dict[str, Any]) -> Markup:
    head = tag("tr", *(tag("th", title) for title in HEADS))
    rows = [tag("tr", *(tag("td", cell) for cell in row)) for row in _all_cells(content)]
    note = "Mean over the seeds; in brackets the hull of the seeds' 95 % intervals: wider than the range of the seeds."
    table = tag("table", tag("thead", head), tag("tbody", *rows), class_="metrics")
    return tag("div", tag("p", note, class_="note"), tag("div", table, style="overflow-x: auto"), class_="card")


def _all_cells(content: dict[str, Any]) -> list[list[str]]:
    return [cells(row) for row in content["rows"]] + [floor_cells(content)]


def markdown(content: dict[str, Any]) -> str:
    """The table for documents."""
    lines = [conditions(content), "", "| " + " | ".join(HEADS) + " |", "|" + " --- |" * len(HEADS)]
    for row in _all_cells(content):
        padded = [*row, *[""] * (len(HEADS) - len(row))]
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in padded) + " |")
    return "\n".join(lines) + "\n"


def _pictures(content: dict[str, Any], directory: Path) -> Markup:
    problems: list[str] = []
    shots = []
    for row in content["rows"]:
        for seed in row["seeds"][:1]:
            if shown := picture(directory, seed["picture"], PICTURE_BYTES, problems):
                size = {"width": str(shown.width), "height": str(shown.height)}
                image = empty_tag("img", src=shown.uri, alt=f"Samples of {row['title']}", **size)
                words = f"{cells(row)[0]}, seed {seed['seed']}. {row['words']}"
                shots.append(tag("figure", image, tag("figcaption", words), class_="card"))
    note = "The first 50 samples, not chosen: pictures show faults, and say little about diversity."
    missing = [tag("p", problem, class_="missing") for problem in problems]
    return join(tag("p", note, class_="note"), tag("div", *shots, class_="pair"), *missing)


def _readings() -> Markup:
    told = {title: READINGS[key] for key, title in FIGURES.items()} | COSTS
    return tag("ul", *(tag("li", tag("b", name), ": ", words) for name, words in told.items()), class_="card")
