"""The head of the page: title, status badge, one paragraph in plain words, and the key figures."""

from datetime import UTC, datetime
from typing import Any

from nablagan.report.markup import Markup, join, tag
from nablagan.report.record import RunRecord
from nablagan.report.series import is_finite, stage_seconds, time_series
from nablagan.report.words import builder_name, duration, full_count, function_name, plural, short_count

BADGES = {
    "done": "done",
    "stopped": "stopped",
    "failed": "failed",
    "running": "still running",
    "interrupted": "interrupted",
}
LAST_MOMENT = 253_402_300_800
"""Unix time at which the year 9999 ends, the last that dates can hold."""
FAMILIES = {
    "mlp": "an MLP",
    "dcgan": "a DCGAN",
    "r3gan": "an R3GAN",
    "unet": "a U-Net",
    "resnet": "a ResNet",
    "fourier": "a Fourier convolution",
    "gated": "a gated convolution",
    "partial": "a partial convolution",
    "original": "an original pix2pix or CycleGAN",
}
"""How people write the names of players."""
TASKS = {
    "translation": "to translate in pairs",
    "two_ways": "to translate both ways without pairs",
    "contrastive": "to translate without pairs",
    "completion": "to complete images",
}
"""What a run that starts from images was trained for, by the name of its task."""


def head(record: RunRecord) -> Markup:
    """Title, badge, summary and key figures."""
    name = record.directory.resolve().name
    badge = tag("span", BADGES[record.status], class_=f"badge {record.status}")
    return tag(
        "header",
        tag("p", "nablagan run", class_="kicker"),
        tag("h1", name, " ", badge),
        tag("p", summary_text(record), class_="summary"),
        _reason(record),
        _facts(record),
    )


def summary_text(record: RunRecord) -> str:
    """What was trained on what, for how many images, in how long; how it ended."""
    if not record.ticks:
        return f"{_what(record)}. No progress has been recorded yet. {_ending(record)}"
    seconds = elapsed_seconds(record)
    spent = f" in {duration(seconds)}" if seconds else ""
    speed = f", {short_count(images_per_second(record))} images a second" if seconds else ""
    shown = f"shown {full_count(record.images_seen)} real images{spent}{speed}"
    return f"{_what(record)}. The discriminator was {shown}. {_parameters(record)}{_ending(record)}".strip()


def elapsed_seconds(record: RunRecord) -> float:
    """Seconds of training over all sessions; 0 where unknown."""
    told = [event.get("time") for event in record.of_kind("tick", "end")]
    values = [time.get("elapsed_seconds") for time in told if isinstance(time, dict)]
    numbers = [float(value) for value in values if is_finite(value)]
    return numbers[-1] if numbers else sum(stage_seconds(record.ticks).values())


def images_per_second(record: RunRecord) -> float:
    """Mean over the run; 0 where unknown."""
    seconds = elapsed_seconds(record)
    return record.images_seen / seconds if seconds > 0 else 0.0


def data_words(record: RunRecord) -> str:
    """The data set in a few words."""
    name = record.get("data", "name") or record.get("config", "data", "source") or "an unknown data set"
    count, shape = record.get("data", "count"), record.get("data", "shape")
    classes = record.get("data", "classes")
    noun = "point" if record.get("data", "kind") == "points" else "image"
    facts = [plural(count, noun)] if is_finite(count) else []
    facts += [f"{shape_words(shape)}"] if isinstance(shape, list) and len(shape) == 3 else []
    source = record.get("data", "source_shape")
    facts += [f"from {shape_words(source)}"] if isinstance(source, list) and len(source) == 3 else []
    facts += [plural(len(classes), "class", "classes")] if isinstance(classes, list) and classes else []
    return f"{name} ({', '.join(facts)})" if facts else str(name)


def shape_words(shape: list[Any]) -> str:
    """(1, 32, 32) as "32×32 grey"."""
    channels, height, width = map(str, shape)
    colour = {"1": "grey", "3": "colour"}.get(channels, f"{channels} channels")
    return f"{height}×{width} {colour}"


def _what(record: RunRecord) -> str:
    recipe, loss = record.get("config", "recipe"), record.get("config", "loss")
    game = f" with the {function_name(loss).replace('_', ' ')} loss" if loss else ""
    if record.get("config", "task", "options", "adversarial") == 0:
        game = " without an adversary"
    preface = f"Recipe {recipe}: " if recipe else ""
    kind = " class-conditionally" if record.get("config", "conditional") is True else ""
    text = f"{preface}{_players(record)}{game}, trained{kind}{_purpose(record)} on {data_words(record)}"
    return text[:1].upper() + text[1:]


def _players(record: RunRecord) -> str:
    """The generator's family; of players that hold others, that of what they hold."""
    inner = record.get("config", "generator", "options", "net")
    build = inner or record.get("config", "generator", "build")
    family = builder_name(build) if build else ""
    generator = f"{FAMILIES.get(family, f'a {family}'.strip())} generator"
    judge = "a discriminator of patches" if starts_from_images(record) else "discriminator"
    return f"{generator} and {judge}"


def task_name(record: RunRecord) -> str:
    """Such as "translation"; empty for a run from before there were several."""
    return function_name(record.get("config", "task", "build") or "")


def starts_from_images(record: RunRecord) -> bool:
    """Whether its generator translates or completes images."""
    return task_name(record) in TASKS


def _purpose(record: RunRecord) -> str:
    holes = record.get("config", "masks")
    kind = f" with {function_name(holes).replace('_', ' ')} holes".replace("random mask", "mixed") if holes else ""
    purpose = TASKS.get(task_name(record), "")
    return f" {purpose}{kind}" if purpose else ""


def _parameters(record: RunRecord) -> str:
    counts = parameter_counts(record)
    words = [f"the {player} {short_count(count)}" for player, count in counts.items()]
    return f"Parameters: {' and '.join(words)}. " if words else ""


def parameter_counts(record: RunRecord) -> dict[str, float]:
    """Parameters by player, from the start event."""
    starts = record.of_kind("start", "resume")
    counts = next((e["parameters"] for e in starts if isinstance(e.get("parameters"), dict)), {})
    return {str(player): count for player, count in counts.items() if is_finite(count)}


def _ending(record: RunRecord) -> str:
    planned = record.get("config", "images")
    part = f" at {short_count(record.images_seen)} of {short_count(planned)} images" if is_finite(planned) else ""
    return {
        "done": "It ran to its planned end.",
        "stopped": f"It was stopped{part} and can go on from there.",
        "failed": f"It failed{part}.",
        "running": f"It is still running{part and f', now{part}'}.",
        "interrupted": f"It broke off{part} without an end being recorded; the same command resumes it.",
    }[record.status]


def _reason(record: RunRecord) -> Markup:
    if not record.reason:
        return Markup()
    return tag("p", tag("strong", "Reason: "), record.reason, class_=f"reason {record.status}")


def _facts(record: RunRecord) -> Markup:
    seconds, memory = elapsed_seconds(record), time_series(record.ticks).get("memory_mib")
    counts = parameter_counts(record)
    facts = [("Images seen", short_count(record.images_seen))]
    facts += [("Time", duration(seconds)), ("Images a second", short_count(images_per_second(record)))] * bool(seconds)
    facts += [(f"{player.capitalize()} parameters", short_count(count)) for player, count in counts.items()]
    if memory is not None and len(memory.finite):
        facts.append(("Memory, most", f"{memory.finite.max():,.0f} MiB".replace(",", "\u202f")))
    device = record.get("environment", "machine", "device")
    facts += [("Device", str(device))] if device else []
    facts += [("Started, UTC", moment)] if (moment := _started(record)) else []
    return tag("dl", *(tag("div", tag("dt", k), tag("dd", v)) for k, v in facts), class_="facts")


def _started(record: RunRecord) -> str:
    """The first start's date and time in UTC; empty where unknown."""
    times = [event.get("time") for event in record.of_kind("start", "resume")]
    unix = times[0].get("unix") if times and isinstance(times[0], dict) else None
    if not is_finite(unix) or not 0 < unix < LAST_MOMENT:
        return ""
    return f"{datetime.fromtimestamp(unix, UTC):%Y-%m-%d %H:%M}"


def page_title(record: RunRecord) -> str:
    """Of the browser's tab."""
    return join(f"{record.directory.resolve().name} · {BADGES[record.status]} · nablagan")
