"""`diagnose`: examine checkpoints of a run, and write what was found into its directory."""

import math
import shlex
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nablagan.data import Dataset
from nablagan.data.sampler import Sampler
from nablagan.diagnosis.averaged import Averaged
from nablagan.diagnosis.examining import Move, Progress, examination
from nablagan.diagnosis.verdict import Setting
from nablagan.diagnostics import along_path
from nablagan.game import Game
from nablagan.optim import Alternating, Cosine, NegativeMomentum, SimultaneousNegativeMomentum, step_sizes
from nablagan.players.precision import forgo_bfloat16
from nablagan.training.checkpoint import Checkpoint, checkpoint_paths, load_checkpoint
from nablagan.training.engine import Engine
from nablagan.training.files import plain, write_json
from nablagan.training.loop import State, sampler_of, update
from nablagan.training.reopening import check_data, load_dataset, state_at
from nablagan.training.restore import load_found, read_config, read_json
from nablagan.training.run import Run
from nablagan.types import Batch, InputError

FORMAT = 1
POSITIONS = tuple(round(-0.1 + 0.1 * k, 1) for k in range(13))
PROGRAMS = ("nablagan", "__main__.py")
"""What environment.json calls the command line."""


def silent(done: int, total: int, text: str) -> None:
    """Progress that nobody sees."""


def diagnose(
    directory: Path,
    checkpoints: tuple[Path, ...],
    engine: Engine,
    samples: int = 128,
    count: int = 6,
    source: str | None = None,
    progress: Progress = silent,
) -> list[dict[str, Any]]:
    """Examine `checkpoints` (the newest sound one if none is given); write diagnosis/images-NNNNNNNNN.json of each.

    `samples` are split into two groups of whole batches, one batch each at least; `count` eigenvalues are looked for;
    `source` says where the run's data are now. Returns the contents of the files. Raises InputError for what is no run,
    has no such checkpoint, was trained on other data, or cannot be written.
    """
    for name, value in (("samples", samples), ("count", count)):
        if value < 1:
            raise InputError(f"{name} is {value}: give a number >= 1")
    run = read_config(directory)
    chosen = [load_checkpoint(path) for path in checkpoints] or [load_found(directory)]
    dataset = load_dataset(directory, source, progress)
    contents = []
    for checkpoint in chosen:
        check_data(directory, checkpoint, dataset)
        content = _examined(run, directory, checkpoint, dataset, engine, samples, count, progress)
        _write(directory, content)
        contents.append(content)
    return contents


def _examined(
    run: Run,
    directory: Path,
    checkpoint: Checkpoint,
    dataset: Dataset,
    engine: Engine,
    samples: int,
    count: int,
    progress: Progress,
) -> dict[str, Any]:
    began = time.perf_counter()
    state, moved = (state_at(run, checkpoint, dataset, engine) for _ in range(2))
    sampler = sampler_of(run, dataset, engine)
    groups = batches(state, sampler, max(1, samples // (2 * run.batch_size)))
    move = next_move(state, moved, groups[0][0])
    forgo_bfloat16(*state.game.players)  # its rounding would hide small differences of losses
    content = examination(state.game, move, groups, count, setting(state, move), progress)
    before = _previous(directory, checkpoint, dataset)
    return {
        "format": FORMAT,
        "images_seen": state.images_seen,
        "checkpoint": checkpoint.path.name,
        "update": type(state.update).__name__,
        "batch_size": run.batch_size,
        "count": count,
        **content,
        "command": command(directory, content["verdict"]["options"]),
        "path": _path(run, state.game, groups[0], before, dataset, engine, progress) if before else None,
        "time": {"seconds": time.perf_counter() - began, "threads": torch.get_num_threads()},
    }


def batches(state: State, sampler: Sampler, count: int) -> tuple[tuple[Batch, ...], tuple[Batch, ...]]:
    """Two groups of `count` batches: those that the run would see next, under the weights of this moment."""
    seen, size = state.images_seen, state.run.batch_size
    found = [sampler.batch(seen, seen + state.skipped + size * place) for place in range(2 * count)]
    return tuple(found[:count]), tuple(found[count:])


def next_move(state: State, moved: State, batch: Batch) -> Move:
    """What the run's next update does, made with `moved`, another copy of `state`."""
    start = state.game.point()
    update(moved, batch)
    play = moved.update
    rates = step_sizes(moved.game, play.generator_optimizer, play.discriminator_optimizer)
    turns = isinstance(play, (Alternating, NegativeMomentum)) and not isinstance(play, SimultaneousNegativeMomentum)
    return Move(start, moved.game.point(), rates, turns)


def setting(state: State, move: Move) -> Setting:
    """What a command line would change, as it was given: values at the run's start."""
    run = state.run
    gammas = [each.weight.start for each in run.penalties if isinstance(each.weight, Cosine)]
    rates = (run.generator_adam.learning_rate.start, run.discriminator_adam.learning_rate.start)
    return Setting(move.in_turns, *rates, gamma=max(gammas, default=math.nan))


def command(directory: Path, options: list[str]) -> str | None:
    """The run's own command line with the options changed, into another directory; None without either."""
    path = directory / "environment.json"
    recorded = read_json(path).get("command") if path.is_file() else None
    if not options or not isinstance(recorded, list) or not recorded or recorded[0] not in PROGRAMS:
        return None
    words = _without([str(word) for word in recorded[1:]], ("--out", *options[::2]))
    return shlex.join(["nablagan", *words, *options, "--out", f"{directory}-changed"])


def _without(words: list[str], names: tuple[str, ...]) -> list[str]:
    """Words without these options and their values."""
    kept, place = [], 0
    while place < len(words):
        if words[place] in names:
            place += 2
            continue
        if words[place].partition("=")[0] not in names:
            kept.append(words[place])
        place += 1
    return kept


def _previous(directory: Path, checkpoint: Checkpoint, dataset: Dataset) -> Checkpoint | None:
    """The checkpoint kept before this one, if it is sound and of the same data."""
    earlier = [path for path in checkpoint_paths(directory / "checkpoints") if path.name < checkpoint.path.name]
    for path in reversed(earlier):
        try:
            found = load_checkpoint(path)
            check_data(directory, found, dataset)
            return found
        except InputError:
            continue
    return None


def _path(
    run: Run,
    game: Game,
    group: tuple[Batch, ...],
    before: Checkpoint,
    dataset: Dataset,
    engine: Engine,
    progress: Progress,
) -> dict[str, Any] | None:
    """Angle and norm of the field on the straight line from the checkpoint before; None where nothing has moved."""
    start, end = state_at(run, before, dataset, engine).game.point(), game.point()
    if torch.equal(start, end):
        return None
    averaged, readings = Averaged(game), []
    for done, place in enumerate(POSITIONS):
        progress(done, len(POSITIONS), "path between checkpoints")
        readings.append(_reading(averaged, start, end, group, place))
    progress(len(POSITIONS), len(POSITIONS), "path between checkpoints")
    angles, norms = zip(*readings, strict=True)
    length = ((end - start).norm() / end.norm()).item()
    content = {"positions": POSITIONS, "angles": angles, "norms": norms, "relative_length": length}
    return plain({"from": before.path.name, "from_images": before.state["images_seen"], **content})


def _reading(game: Averaged, start: Tensor, end: Tensor, group: Any, place: float) -> tuple[float, float]:
    found = along_path(game, start, end, group, (place,))
    return found.angles.item(), found.norms.item()


def _write(directory: Path, content: dict[str, Any]) -> None:
    path = directory / "diagnosis" / f"{content['checkpoint'].removeprefix('.replaced-')}.json"
    try:
        path.parent.mkdir(exist_ok=True)
        write_json(path, content)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error}): make room or set its permissions") from error
