"""Where the time went, and what went wrong."""

from nablagan.report.markup import Markup, tag
from nablagan.report.record import Event, RunRecord
from nablagan.report.series import is_finite, stage_seconds
from nablagan.report.summary import elapsed_seconds
from nablagan.report.words import duration, full_count, plural, title_case

STAGES = {
    "data": "drawing batches of real samples and latents",
    "update": "gradients and steps of both players",
    "discriminator": "gradients and steps of the discriminator, penalties included",
    "generator": "gradients and steps of the generator",
    "averages": "moving averages of the generator",
    "probes": "looking at the game: vital signs and audits of updates",
    "pictures": "drawing samples",
    "checkpoints": "saving checkpoints",
    "metrics": "measuring the quality of samples",
    "evaluation": "measuring the quality of samples",
}
LEAST_REST = 0.01
"""The part of the time that no stage claims is shown from this part of the whole on."""
MOST_NOTES = 60


def where_the_time_went(record: RunRecord) -> Markup:
    """Seconds by stage as bars, the longest first; empty where no tick says."""
    stages = {name: seconds for name, seconds in stage_seconds(record.ticks).items() if seconds >= 0}
    claimed = sum(stages.values())
    whole = max(claimed, elapsed_seconds(record))
    if not claimed:
        return Markup()
    rows = [(title_case(name), STAGES.get(name, ""), seconds) for name, seconds in stages.items()]
    rows.sort(key=lambda row: -row[2])
    if whole - claimed > LEAST_REST * whole:
        rows.append(("Rest", "outside the stages measured", whole - claimed))
    bars = [_bar(title, words, seconds, seconds / whole) for title, words, seconds in rows]
    return tag("div", tag("table", tag("tbody", *bars), class_="bars"), _whole(whole, record), class_="card")


def _bar(title: str, words: str, seconds: float, part: float) -> Markup:
    return tag(
        "tr",
        tag("th", title, tag("small", words) if words else "", scope="row"),
        tag("td", tag("i", class_="bar", style=f"width:{max(100 * part, 0.2):.2f}%"), class_="track"),
        tag("td", duration(seconds), class_="figure"),
        tag("td", _percent(part), class_="figure"),
    )


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %" if part >= 0.1 else f"{100 * part:.1f} %"


def _whole(seconds: float, record: RunRecord) -> Markup:
    steps = record.get("config", "batch_size")
    count = record.images_seen / steps if is_finite(steps) and steps > 0 else 0
    each = f": {1000 * seconds / count:.3g} ms a step of {full_count(steps)} images" if count else ""
    return tag("p", f"{duration(seconds)} of training in all{each}.", class_="note")


def count_of_notes(record: RunRecord) -> int:
    """How many warnings, rollbacks and problems there are."""
    return len(record.of_kind("warning", "rollback")) + len(record.problems)


def notes(record: RunRecord) -> Markup:
    """What the events warn of, equal messages once, and what the report could not read."""
    told = _counted([_line(event) for event in record.of_kind("warning", "rollback", "resume")])
    lines = [_note(kind, text, count) for (kind, text), count in list(told.items())[-MOST_NOTES:]]
    problems = [_note("problem", text, 1) for text in dict.fromkeys(record.problems)]
    left = len(told) - MOST_NOTES
    if left > 0:
        lines.insert(0, _note("note", f"{plural(left, 'earlier line')} left out; events.jsonl has them all.", 1))
    calm = tag("p", "No warning, no rollback, and every file could be read.", class_="calm")
    quiet = Markup() if count_of_notes(record) else calm
    return tag("div", quiet, tag("ul", *lines, *problems, class_="notes") if lines or problems else "", class_="card")


def _line(event: Event) -> tuple[str, str]:
    """Kind and text; texts of warnings without their moment, so that equal ones can be counted."""
    kind, moment = event["kind"], full_count(event["images_seen"])
    if kind == "warning":
        return kind, str(event.get("message", "a warning without a message"))
    if kind == "resume":
        return kind, f"Went on from {moment} images."
    failed, to = event.get("failed_at"), event.get("to", event["images_seen"])
    where = f"At {full_count(failed)} images: " if is_finite(failed) else ""
    back = f"back to {full_count(to) if is_finite(to) else to} images, the data since passed over."
    return kind, f"{where}{event.get('reason', 'no reason given')}; {back}"


def _counted(lines: list[tuple[str, str]]) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    for line in lines:
        counts[line] = counts.get(line, 0) + 1
    return counts


def _note(kind: str, text: str, count: int) -> Markup:
    times = tag("span", f" {full_count(count)} times", class_="times") if count > 1 else ""
    return tag("li", tag("b", kind, class_=f"kind {kind}"), tag("span", text, times))
