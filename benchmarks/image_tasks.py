"""Tables of docs/translation.md and docs/completion.md: recipes after equal time, on held-out pairs, with baselines.

    python benchmarks/image_tasks.py translation --out DIR [--seconds 240] [--seeds 2] [--threads 2]
    python benchmarks/image_tasks.py unpaired --out DIR
    python benchmarks/image_tasks.py completion --out DIR
    python benchmarks/image_tasks.py translation --out DIR --only glyphs-32 --methods translate,regression

Each cell is `nablagan train` and `nablagan evaluate` in a process of its own, below DIR; a cell that is there is not
made again, so an interrupted table goes on. The number of images is what the first steps promise for the seconds, so
that schedules end with the run; the seconds that it took stand in the table. --picture FILE.png shows held-out items of
each problem (seed 0): what was given, each method's output, the truth. Fashion-MNIST is looked for at --fashion. Values
are means over seeds, with the hull of the seeds' 95 % intervals in brackets.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

GAP = 2
"""Pixels between the cells of an evaluation's picture."""
FIGURES = {"l1": "L1", "psnr": "PSNR", "ssim": "SSIM", "perceptual_distance": "perceptual", "kernel_distance": "kernel"}
PERCEPTUAL = ("--perceptual", "1", "--learning-rate", "2e-4", "--pair-augment", "flip,shift,zoom")
"""What photographs need of `complete`."""
GROUPS = "thin", "medium", "thick"


class Problem(NamedTuple):
    """Data to train on; what they are judged against is known or said."""

    data: str
    resolution: int
    against: str = ""


class Method(NamedTuple):
    """A recipe with choices."""

    words: tuple[str, ...]
    """After `nablagan train`."""
    problems: tuple[str, ...] = ()
    """That it is for; none: for all."""


class Table(NamedTuple):
    """What is compared on what."""

    problems: dict[str, Problem]
    methods: dict[str, Method]


def tables(fashion: str) -> dict[str, Table]:
    """The three tables, Fashion-MNIST's files being in the folder `fashion`."""
    test = f"{fashion}/t10k-images-idx3-ubyte.gz"
    pairs = {
        "glyphs-32": Problem("builtin:glyphs", 32),
        "glyphs-64": Problem("builtin:glyphs", 64),
        "avatars-64": Problem("builtin:avatars", 64),
        "edges-fashion-32": Problem(f"edges:{fashion}", 32, f"edges:{test}"),
    }
    holes = {
        "digits-32": Problem("builtin:digits", 32),
        "fashion-32": Problem(f"{fashion}/train-images-idx3-ubyte.gz", 32, test),
        "photos-64": Problem("builtin:photos", 64),
    }
    paired = {name: Method((name,)) for name in ("translate", "pix2pix", "regression")}
    paired["translate-sees-source"] = Method(("translate", "--sees-source"))
    unpaired = {name: Method((name, "--unpaired")) for name in ("translate", "cyclegan", "cut")}
    completing = {name: Method((name,)) for name in ("complete", "filling")}
    completing["complete-photographs"] = Method(("complete", *PERCEPTUAL), ("photos-64",))
    return {
        "translation": Table(pairs, paired),
        "unpaired": Table(pairs, unpaired),
        "completion": Table(holes, completing),
    }


class Cell(NamedTuple):
    """One training and its evaluation."""

    record: dict[str, Any]
    images: int
    seconds: float


def nablagan(words: Iterable[str], threads: int) -> str:
    """Standard output of the command; ends the program with its error otherwise."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [sys.executable, "-m", "nablagan", *words], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise SystemExit(f"nablagan {' '.join(words)}: {done.stderr.strip()[-500:]}")
    return done.stdout


def cell(place: Path, words: tuple[str, ...], problem: Problem, seed: int, arguments: argparse.Namespace) -> Cell:
    """Train in `place` and evaluate, or read what an earlier call has left there."""
    result = place / "cell.json"
    if not result.exists():
        size = ["--data", problem.data, "--resolution", str(problem.resolution), "--seed", str(seed)]
        if not (place / "DONE").exists():
            dry = json.loads(nablagan(["train", *words, *size, "--dry-run", "--json"], arguments.threads))
            images = arguments.images or int(dry["images_per_second"] * arguments.seconds)
            made = ["--images", str(images), "--out", str(place), "--json", "--no-derivative-check"]
            nablagan(["train", *words, *size, *made], arguments.threads)
        count = ["--count", str(arguments.count)] if arguments.count else []
        against = ["--against", problem.against] if problem.against else []
        record = json.loads(nablagan(["evaluate", str(place), *against, *count, "--json"], arguments.threads))
        ends = [json.loads(line) for line in (place / "events.jsonl").read_text().splitlines()]
        seconds = next(event["time"]["elapsed_seconds"] for event in reversed(ends) if event["kind"] == "end")
        made = {"record": record, "images": record["generated"]["images_seen"], "seconds": seconds}
        result.write_text(json.dumps(made))
    return Cell(**json.loads(result.read_text()))


def mean_and_hull(entries: list[dict[str, Any]]) -> str:
    """The mean of values, and the hull of their intervals."""
    values = [entry["value"] for entry in entries if entry["value"] is not None]
    if not values:
        return "–"
    lows, highs = ([entry[end] for entry in entries if entry[end] is not None] for end in ("low", "high"))
    hull = f" [{min(lows):.3g}, {max(highs):.3g}]" if lows and highs else ""
    return f"{sum(values) / len(values):.3g}{hull}"


def row(title: str, figures: list[dict[str, Any]], rest: str) -> str:
    """One line of a table, of a candidate's figures in each seed."""
    entries = [mean_and_hull([found[name] for found in figures]) if name in figures[0] else "–" for name in FIGURES]
    return f"| {title} | {' | '.join(entries)} | {rest} |"


def lines_of(cells: dict[str, list[Cell]], group: str = "") -> list[str]:
    """A table of all methods and the baselines, of all pairs or of one kind of hole."""
    lines = [f"| candidate | {' | '.join(FIGURES.values())} | images, seconds |", f"|{'---|' * (len(FIGURES) + 2)}"]
    for name, found in cells.items():
        images = " ".join(f"{one.images:,}".replace(",", " ") + f" in {one.seconds:.0f} s;" for one in found)
        lines.append(row(name, [figures_of(one, group)["model"] for one in found], images.rstrip(";")))
    last = next(iter(cells.values()))
    for baseline in [name for name in figures_of(last[0], group) if name != "model"]:
        lines.append(row(f"*{baseline}*", [figures_of(one, group)[baseline] for one in last], "–"))
    return lines


def figures_of(found: Cell, group: str) -> dict[str, Any]:
    """By candidate."""
    return found.record["groups"][group]["figures"] if group else found.record["figures"]


def nearness_lines(cells: dict[str, list[Cell]]) -> list[str]:
    """How often an output is nearer to its counterpart than the input and than another target are."""
    lines = ["", "| candidate | distance | than the input | than another target | than both |", "|---|---|---|---|---|"]
    for name, found in cells.items():
        for distance in found[0].record.get("nearness", {}):
            shares = [one.record["nearness"][distance] for one in found]
            entries = (
                " ".join(f"{100 * share[key]['value']:.0f} %" for share in shares)
                for key in ("than_input", "than_random", "than_both")
            )
            lines.append(f"| {name} | {distance} | {' | '.join(entries)} |")
    return lines


def columns_of(written: dict[str, Any], place: Path) -> dict[str, Image.Image]:
    """The columns of the picture of square items that an evaluation has left in a run, each as a row."""
    picture = Image.open(place / "pairs" / written["picture"]).convert("RGB")
    side = (picture.width - GAP) // len(written["columns"]) - GAP
    count = (picture.height - GAP) // (side + GAP)

    def laid(column: int) -> Image.Image:
        made = Image.new("RGB", (count * (side + GAP), side))
        for item in range(count):
            left, top = GAP + column * (side + GAP), GAP + item * (side + GAP)
            made.paste(picture.crop((left, top, left + side, top + side)), (item * (side + GAP), 0))
        return made

    return {name: laid(column) for column, name in enumerate(written["columns"])}


def shown(found: dict[Path, Cell], completes: bool) -> list[Image.Image]:
    """Rows of a problem: given, the output of each method, the truth."""
    rows: list[Image.Image] = []
    given = truth = None
    for place, one in found.items():
        (record,) = (Path(file) for file in one.record["files"] if "/pairs/" in file and file.endswith(".json"))
        columns = columns_of(json.loads((place / "pairs" / record.name).read_text()), place)
        given, truth = columns.get("given" if completes else "identity"), columns["truth"]
        rows.append(columns["model"])
    return [each for each in (given, *rows, truth) if each is not None]


def below_each_other(rows: list[Image.Image]) -> Image.Image:
    """One picture of rows."""
    made = Image.new("RGB", (max(row.width for row in rows), sum(row.height + GAP for row in rows)), "white")
    top = 0
    for row in rows:
        made.paste(row, (0, top))
        top += row.height + GAP
    return made


def main() -> None:
    """Make what is missing of a table, and print it as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=("translation", "unpaired", "completion"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=240, help="of training a cell")
    parser.add_argument("--images", type=int, help="of training a cell, instead of seconds")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--count", type=int, help="held-out pairs (of completion, images a kind of hole)")
    parser.add_argument("--only", help="problems, comma-separated")
    parser.add_argument("--methods", help="comma-separated")
    parser.add_argument("--picture", type=Path, help="PNG to write")
    parser.add_argument("--fashion", default="/usr/share/datasets/fashion-mnist")
    arguments = parser.parse_args()
    table = tables(arguments.fashion)[arguments.table]
    chosen = arguments.only.split(",") if arguments.only else list(table.problems)
    wanted = arguments.methods.split(",") if arguments.methods else list(table.methods)
    rows: list[Image.Image] = []

    def place(name: str, method: str, seed: int) -> Path:
        return arguments.out / f"{name}-{method}{'-unpaired' * (arguments.table == 'unpaired')}-seed{seed}"

    for name in chosen:
        problem, seeds = table.problems[name], range(arguments.seeds)
        fitting = [method for method in wanted if name in (table.methods[method].problems or (name,))]
        cells = {
            method: [cell(place(name, method, k), table.methods[method].words, problem, k, arguments) for k in seeds]
            for method in fitting
        }
        groups = GROUPS if arguments.table == "completion" else ("",)
        for group in groups:
            title = f"{name}, {group} holes" if group else name
            print("\n".join(["", f"### {title}", *lines_of(cells, group)]), flush=True)
        if arguments.table != "completion":
            print("\n".join(nearness_lines(cells)), flush=True)
        if arguments.picture:
            first = {place(name, method, 0): found[0] for method, found in cells.items()}
            rows += shown(first, arguments.table == "completion")
    if arguments.picture:
        below_each_other(rows).save(arguments.picture)


if __name__ == "__main__":
    main()
