"""What the doctor found: each disease with its evidence, how sure, and the command that changes one thing."""

from typing import Any

from nablagan.report.commands import changed_command
from nablagan.report.markup import Markup, join, tag
from nablagan.report.record import Event, RunRecord
from nablagan.report.series import is_finite, stage_seconds
from nablagan.report.words import full_count, number, plural, title_case

SURE = ((0.8, "sure"), (0.65, "likely"), (0.0, "possible"))
HEALTHY = "Nothing wrong was found at any of them: the curves below show what was looked at."


def doctors_findings(record: RunRecord) -> Markup:
    """The findings that stand at the end, then those that have passed; empty for a run that was never probed."""
    probes = len(record.of_kind("probe"))
    if not probes and not record.of_kind("finding"):
        return Markup()
    standing, passed = sorted_findings(record.of_kind("finding"))
    intro = f"The doctor looked at the game {plural(probes, 'time')}. "
    intro += "" if standing or passed else HEALTHY
    cards = [_card(record, event) for event in standing]
    past = [tag("li", tag("b", "passed", class_="kind"), tag("span", _passed(event))) for event in passed]
    return join(
        tag("p", intro, class_="calm" if not standing else "note"),
        tag("div", *cards, class_="findings") if cards else "",
        tag("ul", *past, class_="notes card") if past else "",
    )


def standing(record: RunRecord) -> list[Event]:
    """The findings that have been raised and not cleared, the surest first."""
    return sorted_findings(record.of_kind("finding"))[0]


def verdict(record: RunRecord) -> str:
    """What the doctor says in one line."""
    titles = [str(found.get("title")) for found in standing(record)]
    return (
        f"the doctor found: {', '.join(titles)} (the report says more)" if titles else "the doctor found nothing wrong"
    )


def probes_share(record: RunRecord) -> float | None:
    """The part of the training time that probes took; None for a run without probes."""
    seconds = stage_seconds(record.ticks)
    return seconds["probes"] / sum(seconds.values()) if seconds.get("probes") else None


def sorted_findings(events: list[Event]) -> tuple[list[Event], list[Event]]:
    """(those raised and not cleared, the surest first; those cleared)."""
    standing: dict[str, Event] = {}
    passed: list[Event] = []
    for event in events:
        disease = str(event.get("disease"))
        if event.get("status") == "raised":
            standing[disease] = event
        elif disease in standing:
            del standing[disease]
            passed.append(event)
    return sorted(standing.values(), key=lambda event: -_confidence(event)), passed


def _card(record: RunRecord, event: Event) -> Markup:
    evidence = [_evidence(item) for item in _list(event.get("evidence"))]
    advice = _mapping(event.get("advice"))
    options = [str(option) for option in _list(advice.get("options"))]
    command = changed_command(record.get("environment", "command"), options) or " ".join(options)
    return tag(
        "div",
        tag(
            "h3", title_case(str(event.get("title", "trouble"))), " ", tag("span", _sure(event), class_="kind warning")
        ),
        tag("p", f"Since {full_count(event['images_seen'])} images.", class_="note"),
        tag("ul", *evidence, class_="evidence"),
        tag("p", "What to change: ", tag("b", str(advice.get("words", ""))), "."),
        tag("pre", tag("code", command)) if command else "",
        class_="card finding",
    )


def _evidence(item: Any) -> Markup:
    content = _mapping(item)
    measured, limit = number(content.get("value")), number(content.get("threshold"))
    numbers = tag("small", f" {content.get('measure', '')} {measured}, threshold {limit}")
    return tag("li", title_case(str(content.get("words", ""))), numbers)


def _passed(event: Event) -> str:
    return f"{title_case(str(event.get('title', '')))}, until {full_count(event['images_seen'])} images."


def _confidence(event: Event) -> float:
    value = event.get("confidence")
    return float(value) if is_finite(value) else 0.0


def _sure(event: Event) -> str:
    return next(word for least, word in SURE if _confidence(event) >= least)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
