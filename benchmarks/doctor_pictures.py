"""Pictures of real diseases for docs/diagnosis.md, from the runs of benchmarks/doctor.py.

    python benchmarks/doctor_pictures.py --results doctor.jsonl --out docs/images

    python benchmarks/doctor_pictures.py --runs ILL TREATED --out docs/images

For each disease that some run had: the measure that it was told by with its threshold and the
moment at which the doctor spoke, and quality through time, of that run and, where it was the first
finding, of the one with the doctor's advice.
"""

import argparse
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from doctor import BY_NAME, circumstances_of, findings, quality, rows
from nablagan.training.events import read_events

SIZE, DPI = (9.0, 2.7), 80


def draw(row: dict[str, Any], cure: dict[str, Any] | None, moment: int, finding: Any) -> Figure:
    """Two panels: the evidence, and quality."""
    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    evidence, course = figure.subplots(1, 2)
    measure, _, threshold, _ = finding.evidence[-1]
    for run, colour, label in ((row, "#b3261e", "failed"), (cure, "#10794f", "with the advice")):
        if run is None:
            continue
        points = [(e["images_seen"], e["measures"].get(measure)) for e in run["events"]]
        points = [(x, y) for x, y in points if y is not None]
        evidence.plot(*zip(*points, strict=True), color=colour, linewidth=1.3, label=label)
        course.plot([x for x, _ in run["quality"]], quality(run), color=colour, linewidth=1.6, label=label)
    if measure.endswith(("norm", "signal")):
        evidence.set_yscale("log")
    evidence.axhline(threshold, color="#777777", linestyle="--", linewidth=0.9)
    for axes, title in ((evidence, measure.replace("_", " ")), (course, "quality, 1 - d/d(untrained)")):
        dress(axes, title, moment)
    course.set_ylim(-0.3, 1.0)
    course.legend(fontsize=8, frameon=False, loc="lower right")
    return figure


def dress(axes: Any, title: str, moment: int) -> None:
    """Title, axis of images, and the moment at which the doctor spoke."""
    axes.axvline(moment, color="#1d5fd1", linestyle=":", linewidth=1.2)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("images seen", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def draw_runs(ill: Path, treated: Path, out: Path) -> None:
    """The first finding of a run directory with the same measure of another run; beside it how the logits rank."""
    found = next(event for event in read_events(ill / "events.jsonl") if event["kind"] == "finding")
    measure, threshold = found["evidence"][0]["measure"], found["evidence"][0]["threshold"]
    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), (measure, "overlap"), strict=True):
        for run, colour, label in ((ill, "#b3261e", "ill"), (treated, "#10794f", "with the advice")):
            probes = [event for event in read_events(run / "events.jsonl") if event["kind"] == "probe"]
            points = [(e["images_seen"], e["measures"][name]) for e in probes if name in e["measures"]]
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.4, label=label)
        dress(axes, name, found["images_seen"])
    figure.axes[0].axhline(threshold, color="#777777", linestyle="--", linewidth=0.9)
    figure.axes[0].legend(fontsize=8, frameon=False)
    figure.savefig(out / f"doctor-{found['disease']}.png")


def main() -> None:
    """Write doctor-DISEASE.png for each, and print what each shows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--runs", type=Path, nargs=2, help="two run directories: one that is ill, one with the advice")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.runs:
        draw_runs(*arguments.runs, arguments.out)
    if not arguments.results:
        return
    found = rows(arguments.results)
    cures = {(row["setting"], row["seed"]): row for row in found if row.get("cure")}
    examples: dict[str, tuple[bool, Any]] = {}
    for row in (row for row in found if not row.get("cure") and not row["healthy"]):
        setting = BY_NAME[row["setting"]]
        cure = cures.get((row["setting"], row["seed"]))
        for place, (moment, finding) in enumerate(findings(row, circumstances_of(setting, setting.options))):
            treated = cure if place == 0 else None
            if finding.disease not in examples or (treated and not examples[finding.disease][0]):
                examples[finding.disease] = (treated is not None, (row, treated, moment, finding))
    for disease, (_, (row, treated, moment, finding)) in examples.items():
        draw(row, treated, moment, finding).savefig(arguments.out / f"doctor-{disease}.png")
        words = "; ".join(evidence.words for evidence in finding.evidence)
        change = " ".join(finding.advice.options)
        print(f"{disease}: {row['setting']}, seed {row['seed']}, at {moment:,} images: {words}. {change}")


if __name__ == "__main__":
    main()
