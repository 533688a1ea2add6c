"""The pictures of the page: samples beside real data, the walk through latent space, samples through time."""

from typing import Any

from nablagan.report.markup import Markup, empty_tag, tag
from nablagan.report.pictures import HERO_BYTES, Picture, final_samples, picture, timeline, walk
from nablagan.report.record import RunRecord
from nablagan.report.series import is_finite
from nablagan.report.words import full_count, sentence_list, short_count, title_case

MOST_COLUMNS, MOST_LETTERS = 24, 60
MOST_ROWS = 10
"""Of a sample picture: where there are more classes, the rows are classes spread evenly."""


def samples(record: RunRecord) -> Markup:
    """The newest samples beside real ones, then the walk; empty where there is none of them."""
    real = _real(record)
    generated, moving = final_samples(record, record.problems), walk(record.directory, record.problems)
    figures = [
        _figure(generated, _generated_title(record, generated), _generated_words(record), "generated", columns(record)),
        _figure(real, "Real", _real_words(record), "real"),
    ]
    shown = tag("div", *figures, class_="pair") if any(figures) else Markup()
    path = _figure(moving, "Walk through latent space", _walk_words(record), "walk")
    return tag("div", shown, path) if shown or path else Markup()


def through_time(record: RunRecord) -> Markup:
    """The samples on the same latents at moments of the training; empty where there are fewer than two."""
    problems: list[str] = []
    pictures = timeline(record, problems)
    record.problems += [problem for problem in problems if problem not in record.problems]
    if len(pictures) < 2:
        return Markup()
    same = "items" if columns(record) else "latents"
    words = f"The same {same} each time, from the generator's moving average: what changes is the generator alone."
    return tag(
        "div",
        tag("p", words, " Select a picture to enlarge it.", class_="note"),
        tag("div", *(_shot(shown) for shown in pictures), class_="shots"),
    )


def _real(record: RunRecord) -> Picture | None:
    if not (record.directory / "samples").is_dir():
        return None
    return picture(record.directory, "samples/real.png", HERO_BYTES, record.problems)


def columned(image: Markup, names: list[str], most_pixels: int = 0) -> Markup:
    """A picture of equal columns with a name above each, at most so many pixels wide; as it is without names."""
    if not names:
        return image
    heads = [tag("span", title_case(name)) for name in names]
    across = tag("div", *heads, class_="heads", style=f"--columns:{len(names)}")
    width = f"max-width:{most_pixels * len(names)}px" if most_pixels else ""
    return tag("div", across, image, class_="columned", style=width)


def _figure(shown: Picture | None, title: str, words: str, class_: str, names: list[str] | tuple[()] = ()) -> Markup:
    if shown is None:
        return Markup()
    return tag(
        "figure",
        tag("h3", title),
        columned(_image(shown, title), list(names)),
        tag("figcaption", words, _reduced(shown)),
        class_=f"card {class_}",
    )


def _image(shown: Picture, words: str) -> Markup:
    return empty_tag("img", src=shown.uri, width=str(shown.width), height=str(shown.height), alt=words)


def _shot(shown: Picture) -> Markup:
    name, moment = f"at-{shown.images_seen}", f"{short_count(shown.images_seen)} images"
    return tag(
        "figure",
        tag("a", _image(shown, f"Samples after {moment}"), href=f"#{name}"),
        tag("figcaption", moment, _reduced(shown), tag("a", "close", href="#through-time", class_="close")),
        class_="card shot",
        id=name,
    )


def _reduced(shown: Picture) -> str:
    return f" Shown reduced; the original is {shown.name}." if shown.is_reduced else ""


def columns(record: RunRecord) -> list[str]:
    """What a picture of a run that starts from images shows, from left to right; empty for a generator of samples."""
    told = next((event["columns"] for event in reversed(record.of_kind("samples")) if "columns" in event), None)
    return [str(title)[:MOST_LETTERS] for title in told][:MOST_COLUMNS] if isinstance(told, list) else []


def _generated_title(record: RunRecord, generated: Picture | None) -> str:
    made = "Made of other images" if columns(record) else "Generated"
    return f"{made}, after {full_count(generated.images_seen)} images" if generated else made


def _generated_words(record: RunRecord) -> str:
    half_life = _first(record.get("config", "ema_half_lives"))
    average = f" (half-life {full_count(half_life)} images)" if is_finite(half_life) else ""
    if shown := columns(record):
        error = " Error: the absolute difference, white where it is the whole range." if "error" in shown else ""
        return (
            f"By the moving average of the generator{average}. From left to right: {', '.join(shown)}. One row an "
            f"item; the first rows are items that training never uses.{error}"
        )
    source = f"Drawn by the moving average of the generator{average}, on latents fixed for the whole run."
    return f"{source} {_layout(record)}".strip()


def _real_words(record: RunRecord) -> str:
    name = record.get("data", "name")
    layout = "" if columns(record) else " and laid out in the same way"
    return f"{f'From {name}, drawn' if name else 'Drawn'} at random{layout}."


def _walk_words(record: RunRecord) -> str:
    classes = " Each place keeps its class." if record.get("config", "conditional") is True else ""
    return (
        "Ten latents move along great circles from one random point to the next and back to the first: smooth changes "
        f"mean that the generator interpolates; sudden jumps, that it holds single pictures.{classes}"
    )


def _layout(record: RunRecord) -> str:
    classes = record.get("data", "classes")
    if record.get("data", "kind") == "points":
        return "Generated points lie over real ones, in grey."
    if record.get("config", "conditional") is not True or not isinstance(classes, list) or not classes:
        return ""
    if len(classes) > MOST_ROWS:
        return f"One row a class, for {MOST_ROWS} of the {len(classes)} classes."
    return f"One row a class, from above: {sentence_list([str(name) for name in classes])}."


def _first(values: Any) -> Any:
    return values[0] if isinstance(values, list) and values else None
