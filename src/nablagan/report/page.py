"""The report: one HTML file that needs no network, no script and no other file."""

import os
from importlib.resources import files
from pathlib import Path

from nablagan.report.diagnosis import diagnosis
from nablagan.report.directions import directions
from nablagan.report.doctor import doctors_findings
from nablagan.report.evaluation import evaluation
from nablagan.report.figures import curves_sections, vital_signs_section
from nablagan.report.gallery import samples, through_time
from nablagan.report.ledger import count_of_notes, notes, where_the_time_went
from nablagan.report.markup import Markup, empty_tag, join, tag
from nablagan.report.pairs import pairs
from nablagan.report.record import RunRecord, read_run
from nablagan.report.summary import head, page_title
from nablagan.report.tables import settings
from nablagan.report.usage import how_to_go_on
from nablagan.types import InputError

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Content security policy: whatever stands in the run's files, the page loads nothing and runs nothing."""
MISSING = {
    "samples": "There are no sample pictures yet.",
    "curves": "There is nothing to draw yet: curves begin with the first tick in events.jsonl.",
    "evaluation": "",
    "pairs": "",
    "diagnosis": "",
    "through-time": "",
    "directions": "",
    "time": "",
}


def write_report(directory: Path, out: Path | None = None) -> Path:
    """Draw the report of a run directory, whatever its state, and return where it is: `out`, or report.html in it.

    What is missing or broken is noted on the page. Raises InputError for a directory that is no run, and for an `out`
    that cannot be written.
    """
    return write_page(read_run(directory), out)


def write_page(record: RunRecord, out: Path | None = None) -> Path:
    """Write the page of a record aside and rename it; notes in `record.problems` what could not be shown."""
    path = record.directory / "report.html" if out is None else out
    content = page(record).encode("utf-8", "replace")  # JSON may hold halves of surrogate pairs
    aside = path.with_name(f".writing-{path.name}-{os.getpid()}")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise InputError(f"cannot write {path}: {error.strerror}; choose another place with --out FILE") from error
    return path


def page(record: RunRecord) -> Markup:
    """The whole page as HTML."""
    curves, others = curves_sections(record)
    sections = [
        _section("doctor", "Doctor", doctors_findings(record)),
        _section("samples", "Samples", samples(record)),
        _section("evaluation", "Evaluation", evaluation(record)),
        _section("pairs", "Pairs", pairs(record)),
        _section("diagnosis", "Diagnosis", diagnosis(record)),
        _section("curves", "Curves", curves),
        _section("vitals", "Vital signs", vital_signs_section(record)),
        _section("others", "Other measures", others),
        _section("through-time", "Through time", through_time(record)),
        _section("directions", "Directions", directions(record)),
        _section("time", "Where the time went", where_the_time_went(record)),
    ]
    sections += [  # last, when all problems are known
        _section("notes", "Warnings and problems", notes(record)),
        _section("settings", "Settings, data, environment", settings(record)),
        _section("go-on", "How to go on", how_to_go_on(record)),
    ]
    body = tag("div", head(record), _contents(record, sections), tag("main", *sections), _foot(), class_="page")
    return join(Markup("<!doctype html>\n"), tag("html", _document_head(record), tag("body", body), lang="en"))


def _section(identity: str, title: str, content: Markup) -> Markup:
    content = content or (tag("p", MISSING[identity], class_="missing") if MISSING.get(identity) else content)
    return tag("section", tag("h2", title), content, id=identity) if content else Markup()


def _contents(record: RunRecord, sections: list[Markup]) -> Markup:
    """Links to the sections that there are."""
    titles = {
        "doctor": "Doctor",
        "samples": "Samples",
        "evaluation": "Evaluation",
        "pairs": "Pairs",
        "diagnosis": "Diagnosis",
        "curves": "Curves",
        "vitals": "Vital signs",
        "through-time": "Through time",
        "directions": "Directions",
        "time": "Time",
        "notes": "Notes",
        "settings": "Settings",
        "go-on": "How to go on",
    }
    present = [name for name in titles if any(f'id="{name}"' in section[:80] for section in sections)]
    count = count_of_notes(record)
    badge = {"notes": tag("b", str(count), class_="count") if count else ""}
    return tag("nav", *(tag("a", titles[name], badge.get(name, ""), href=f"#{name}") for name in present))


def _document_head(record: RunRecord) -> Markup:
    style = files("nablagan.report").joinpath("page.css").read_text(encoding="utf-8")
    return tag(
        "head",
        empty_tag("meta", charset="utf-8"),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        empty_tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        empty_tag("meta", name_="color-scheme", content="light dark"),
        empty_tag("link", rel="icon", href="data:,"),
        tag("title", page_title(record)),
        tag("style", Markup(style)),
    )


def _foot() -> Markup:
    text = "Drawn by nablagan from the run directory alone. This file needs no network and no other file."
    return tag("footer", text)
