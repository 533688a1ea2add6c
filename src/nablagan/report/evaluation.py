"""What `nablagan evaluate` and evaluation while training found: figures with intervals, the best moment, neighbours."""

from typing import Any

from nablagan.report.contents import contents
from nablagan.report.evaluation_course import at, course, interval, text, title_of
from nablagan.report.markup import Markup, empty_tag, join, tag
from nablagan.report.pictures import named_picture
from nablagan.report.record import RunRecord
from nablagan.report.series import is_finite
from nablagan.report.words import WAYS, full_count, number, title_case

DIRECTORY = "evaluations"
MOST, MOST_METRICS = 20, 20
PICTURE_BYTES = 400_000
READINGS = {
    "kernel_distance": "0 for equal distributions, below 0 by chance; it means nothing across extractors.",
    "frechet_distance": "Compares means and covariances only, and grows as samples get fewer.",
    "frechet_distance_at_infinity": "The same, extrapolated to endlessly many samples; unsure where samples are few.",
    "precision": "The part of generated samples that lie among real ones; memorising raises it.",
    "recall": "The part of real samples that lie among generated ones; a few far outliers raise it.",
    "density": "How crowded with real samples the places of generated ones are; may exceed 1.",
    "coverage": "The part of real samples with a generated one nearby: low when kinds are missing.",
    "sliced_wasserstein": "Mean transport along random lines; in many dimensions small differences vanish in it.",
    "inception_score": "Confident and varied answers of a classifier; it sees no real data, so compare nothing else.",
    "vendi_real": "How many different samples the real ones are worth: the measure for the line below.",
    "vendi_fake": "How many different samples the generated ones are worth: far below the real is a collapse.",
    "modes_found": "Classes with at least one sample; it does not see variety within a class.",
    "modes_divergence": "How unevenly classes are hit, in nats; real samples give more than 0 too.",
}
"""How each figure is read, and its pitfall."""


def evaluation(record: RunRecord) -> Markup:
    """The section; empty where nothing was evaluated. What cannot be read or drawn is noted in the record."""
    found = _contents(record)
    shown = course(record)
    if not found and not shown:
        return Markup()
    newest = _newest(record, found[-1]) if found else []
    older = [tag("li", _line(content)) for content in found[:-1]]
    return join(
        *newest,
        shown,
        join(tag("h4", "Other evaluations"), tag("ul", *older, class_="diagnoses")) if older else Markup(),
    )


def _contents(record: RunRecord) -> list[dict[str, Any]]:
    """The files that hold an evaluation, the newest last; the others are problems of the record."""
    found = contents(record, f"{DIRECTORY}/*.json", MOST, is_evaluation, "evaluation")
    return sorted(found, key=_moment)


def is_evaluation(content: Any) -> bool:
    """Whether the content of a file has what an evaluation has."""
    return isinstance(at(content, "metrics"), dict)


def _moment(content: dict[str, Any]) -> tuple[float, ...]:
    moments = (at(content, "generated", "images_seen"), at(content, "time", "unix"))
    return tuple(float(moment) if is_finite(moment) else 0.0 for moment in moments)


def _newest(record: RunRecord, content: dict[str, Any]) -> list[Markup]:
    metrics = list(at(content, "metrics").items())[:MOST_METRICS]
    rows = [_row(str(name), entry) for name, entry in metrics if isinstance(entry, dict)]
    table = tag(
        "div",
        tag("h3", title_of(content, "against")),
        tag("p", _conditions(content), class_="note"),
        tag("table", tag("tbody", *rows), class_="metrics"),
        tag("p", _memorisation(content), class_="note"),
        class_="card",
    )
    return [table, _neighbours(record, content)]


def _row(name: str, entry: dict[str, Any]) -> Markup:
    way = WAYS.get(str(entry.get("better")), "")
    return tag(
        "tr",
        tag("th", title_case(name), tag("small", READINGS.get(name, "")), scope="row"),
        tag("td", number(entry.get("value")), class_="figure"),
        tag("td", _interval(entry), class_="figure"),
        tag("td", way, class_="way"),
    )


def _interval(entry: dict[str, Any]) -> str:
    return interval(entry) or "–"


def _conditions(content: dict[str, Any]) -> str:
    count, seed = content.get("count"), content.get("seed")
    sides = f"{full_count(count)} generated and as many real samples" if is_finite(count) else "Samples"
    name, protocol = at(content, "extractor", "name"), ("resize", "side", "layer")
    words = "; ".join(
        f"{key} {text(found)}" for key in protocol if (found := at(content, "extractor", key)) is not None
    )
    return f"{sides}, seen by {text(name)}{f' ({words})' if words else ''}, seed {text(seed)}. Value and 95 % interval."


def _memorisation(content: dict[str, Any]) -> str:
    found = content.get("memorisation")
    if not isinstance(found, dict):
        return ""
    if "not_done" in found:
        return f"Memorisation was not tested: {text(found['not_done'])}."
    p = found.get("p_value")
    judged = "copies of training samples are likely" if is_finite(p) and p < 0.01 else "no sign of copies"
    return (
        f"Memorisation: {judged} (p = {number(p)}): so probable are so many generated samples this near to training "
        "ones if they were as far from them as held-out ones. A large p clears of copies that the extractor can see."
    )


def _neighbours(record: RunRecord, content: dict[str, Any]) -> Markup:
    """The picture of nearest training images; its name must be that of a file in the directory."""
    shown = named_picture(record, DIRECTORY, content.get("picture"), PICTURE_BYTES)
    if shown is None:
        return Markup()
    words = (
        "Generated samples, the left half those nearest to a training sample; below each its nearest training sample "
        "by features, then by pixels. Equal pictures are copies; alike ones need not be: real ones are alike too."
    )
    image = empty_tag("img", src=shown.uri, width=str(shown.width), height=str(shown.height), alt="Nearest neighbours")
    return tag("figure", tag("h3", "Nearest training samples"), image, tag("figcaption", words), class_="card strips")


def _line(content: dict[str, Any]) -> str:
    first = next(((n, e) for n, e in content["metrics"].items() if isinstance(e, dict)), None)
    told = (
        f": {str(first[0]).replace('_', ' ')} {number(first[1].get('value'))} ({_interval(first[1])})" if first else ""
    )
    return f"{title_of(content, 'against')}, {text(at(content, 'extractor', 'name'))}{told}"
