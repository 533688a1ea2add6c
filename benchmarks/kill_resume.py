"""Does a run that is killed or stopped end with the same bytes as one that is left alone?

    python benchmarks/kill_resume.py [--kills 20] [--seed 0] [--json]

A tiny generator is trained on builtin:digits by class, first without a stop. Then the same run is killed with SIGKILL
at random moments and resumed until it is done: half of the kills come at a random time, the other half at a random file
operation of a random save (between or within the files of a checkpoint, while it is renamed, while old ones are
deleted). Then it is stopped by SIGTERM at three steps and resumed. Compared are all tensors of the newest checkpoint
(players, averages, both optimisers), and events.jsonl without the clock and the marks of new sessions.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STEPS = 240
BATCH = 16
SAVE_EVERY = 12
OPERATIONS_PER_SAVE = 20
STOPS = (1, 100, 203)
CHANGING = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree")


@dataclass
class Session:
    """One life of the training process."""

    plan: str
    died: bool
    resumed_from: int
    where: str


def train(directory: Path, die_in_save: tuple[int, int] | None, stop: int | None) -> None:
    """Train in this process; perhaps die at an operation of the n-th save from now, or stop after a step."""
    from nablagan.data import open_dataset
    from nablagan.training.engine import engine
    from nablagan.training.session import train

    def on_step(state: Any) -> None:
        (directory / "reached").write_text(str(state.images_seen))
        if stop is not None and state.images_seen == stop * BATCH:
            os.kill(os.getpid(), signal.SIGTERM)

    directory.mkdir(exist_ok=True)
    if die_in_save is not None:
        die_at_operation(*die_in_save)
    with engine("cpu") as here:
        train(tiny_run(), directory / "run", open_dataset("builtin:digits"), here, on_step=on_step)


def tiny_run() -> Any:
    """A run of 240 steps with a checkpoint every 12."""
    from nablagan import losses, penalties
    from nablagan.optim import Cosine
    from nablagan.players import dcgan
    from nablagan.training.run import AdamSettings, DataSettings, PenaltySettings, PlayerSettings, Run

    adam = AdamSettings(Cosine(2e-3, 2e-4, STEPS * BATCH), Cosine(0.9, 0.99, STEPS * BATCH))
    widths = {"widths": (8, 8, 8, 8)}
    return Run(
        recipe="benchmarks/kill_resume.py",
        data=DataSettings("builtin:digits"),
        generator=PlayerSettings(dcgan.generator, widths),
        discriminator=PlayerSettings(dcgan.discriminator, widths),
        loss=losses.relativistic,
        generator_adam=adam,
        discriminator_adam=adam,
        images=STEPS * BATCH,
        tick_images=5 * BATCH,
        picture_images=60 * BATCH,
        checkpoint_images=SAVE_EVERY * BATCH,
        penalties=(PenaltySettings(penalties.r1, Cosine(1.0, 0.1, STEPS * BATCH)),),
        augmentations=("translation", "cutout"),
        augmentation_probability=Cosine(0.0, 0.5, STEPS * BATCH),
        conditional=True,
        latent_size=8,
        batch_size=BATCH,
        ema_half_lives=(500, 2_000),
    )


def die_at_operation(save: int, operation: int) -> None:
    """SIGKILL to ourselves before an operation on files of the `save`-th save after a step, both counted from 0."""
    saves, operations = -1, 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal saves, operations
        writes = event in CHANGING or (event == "open" and arguments[1] not in ("r", "rb"))
        if not writes or "checkpoints" not in str(arguments[0]):
            return
        if event == "os.mkdir" and "/.writing-images-" in str(arguments[0]) and "000000000" not in str(arguments[0]):
            saves, operations = saves + 1, 0
        operations += saves >= save
        if saves >= save and operations > operation:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def live(directory: Path, *options: str, kill_after: float | None = None) -> tuple[bool, float]:
    """Whether a session of the run was killed, and the seconds it took; killed after so many seconds of stepping."""
    (directory / "reached").unlink(missing_ok=True)
    child = subprocess.Popen([sys.executable, __file__, "--inside", str(directory), *options])
    while kill_after is not None and child.poll() is None and not (directory / "reached").exists():
        time.sleep(0.005)
    started = time.perf_counter()
    try:
        child.wait(kill_after)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    seconds = time.perf_counter() - started
    if child.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"a session ended with {child.returncode}")
    return child.returncode != 0, seconds


def kill_often(directory: Path, kills: int, pace: float, draw: random.Random) -> list[Session]:
    """Sessions of one run, `kills` of them killed, and then its end. `pace`: seconds that a whole run steps."""
    directory.mkdir()
    sessions: list[Session] = []
    while sum(session.died for session in sessions) < kills:
        if (directory / "run/DONE").exists():  # it was quicker than the kills: another run to kill
            directory = directory.with_name(f"{directory.name}-again")
            directory.mkdir()
        if len(sessions) % 2:
            save, operation = draw.randrange(2), draw.randrange(OPERATIONS_PER_SAVE)
            plan, kill_after = f"operation {operation} of save {save}", None
            options = ("--die-in-save", str(save), str(operation))
        else:
            kill_after, options = draw.uniform(0, 2.5 * pace / kills), ()
            plan = f"after {kill_after:.2f} s"
        before = unfinished(directory)
        died, _ = live(directory, *options, kill_after=kill_after)
        left = unfinished(directory) - before
        where = f"in a save ({min(left)})" if left else "in a save" if options else "between saves"
        sessions.append(Session(plan, died, resumed_from(directory), where))
    live(directory)
    return sessions


def resumed_from(directory: Path) -> int:
    """The images seen at the newest checkpoint that verifies; InputError if the kill has left none."""
    from nablagan.training.checkpoint import load_newest

    checkpoint, problems = load_newest(directory / "run/checkpoints")
    if problems:
        raise SystemExit(f"a kill has left a checkpoint that does not verify: {problems}")
    return -1 if checkpoint is None else checkpoint.state["images_seen"]


def unfinished(directory: Path) -> set[str]:
    """What killed processes have left of saves."""
    checkpoints = directory / "run/checkpoints"
    return {path.name for path in checkpoints.glob(".*")} if checkpoints.exists() else set()


def differing_bytes(one: Path, two: Path) -> int:
    """Bytes that differ between the tensor files of two runs' newest checkpoints."""
    count = 0
    names = [f"{name}.safetensors" for name in ("generator", "discriminator", "ema", "optimizers")]
    for name in names:
        a, b = ((path / "run/checkpoints" / f"images-{STEPS * BATCH:09d}" / name).read_bytes() for path in (one, two))
        count += abs(len(a) - len(b)) + sum(x != y for x, y in zip(a, b, strict=False))
    return count


def same_story(one: Path, two: Path) -> bool:
    """Whether the two event logs tell the same, without times and marks of new sessions."""
    stories = []
    for path in (one, two):
        events = [json.loads(line) for line in (path / "run/events.jsonl").read_text().splitlines()]
        stories.append([e | {"time": None} for e in events if e["kind"] != "resume"])
    return stories[0] == stories[1]


def measure(kills: int, seed: int) -> dict[str, Any]:
    """All figures."""
    with tempfile.TemporaryDirectory() as place:
        straight, killed, stopped = (Path(place) / name for name in ("straight", "killed", "stopped"))
        straight.mkdir()
        _, pace = live(straight, kill_after=1e6)
        sessions = kill_often(killed, kills, pace, random.Random(seed))
        finished = [path for path in Path(place).glob("killed*") if (path / "run/DONE").exists()]
        stopped.mkdir()
        for stop in STOPS:
            live(stopped, "--stop", str(stop))
        live(stopped)
        return {
            "kills": sum(session.died for session in sessions),
            "kills_in_a_save": sum(session.died and session.where != "between saves" for session in sessions),
            "runs_killed": len(finished),
            "differing_bytes_after_kills": sum(differing_bytes(straight, path) for path in finished),
            "same_events_after_kills": all(same_story(straight, path) for path in finished),
            "stops_at_steps": STOPS,
            "differing_bytes_after_stops": differing_bytes(straight, stopped),
            "same_events_after_stops": same_story(straight, stopped),
            "seed": seed,
            "sessions": [vars(session) for session in sessions],
        }


def show(figures: dict[str, Any]) -> None:
    """Print a table of the sessions, and the figures."""
    print(f"{'plan':<28}{'killed':<8}{'newest checkpoint':<20}where")
    for session in figures.pop("sessions"):
        died = "yes" if session["died"] else "no"
        print(f"{session['plan']:<28}{died:<8}{session['resumed_from']:<20}{session['where']}")
    for name, value in figures.items():
        print(f"{name.replace('_', ' ')}: {value}")


def main() -> None:
    """Print the figures; exit code 1 if any byte differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="SIGKILLs in all (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--die-in-save", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--stop", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        train(arguments.inside, arguments.die_in_save, arguments.stop)
        return
    figures = measure(arguments.kills, arguments.seed)
    same = not (figures["differing_bytes_after_kills"] or figures["differing_bytes_after_stops"])
    same = same and figures["same_events_after_kills"] and figures["same_events_after_stops"]
    print(json.dumps(figures)) if arguments.json else show(figures)
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
