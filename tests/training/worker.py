"""One process of a run under torchrun: `worker.py DIRECTORY together|killed|tasks`; see torchruns.py."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from image_runs import RUNS
from nablagan.training.engine import Engine, LeaderFailed, engine
from nablagan.training.loop import State
from nablagan.training.session import train
from nablagan.types import InputError
from runs import BATCH, EVALUATED, STOP, TWENTY_STEPS, images


def together(directory: Path, engine: Engine) -> None:
    """Stopped by a signal to rank 1 alone, resumed to the end; then, elsewhere, the leader's disk fails."""

    def on_step(state: State) -> None:
        if state.images_seen == STOP and not engine.leads:
            os.kill(os.getpid(), signal.SIGTERM)

    stopped = train(TWENTY_STEPS, directory / "run", images(), engine, on_step=on_step, evaluating=EVALUATED)
    done = train(TWENTY_STEPS, directory / "run", images(), engine, evaluating=EVALUATED)
    outcome = {
        "stopped": [stopped.status, stopped.images_seen, stopped.signal],
        "done": [done.status, done.images_seen],
    }
    outcome["failed"] = failing_disk(directory / "failing", engine)
    (directory / f"rank-{engine.rank}.json").write_text(json.dumps(outcome))


def failing_disk(directory: Path, engine: Engine) -> str:
    """What this process raises when rank 0 cannot write any more."""
    sync = os.fsync

    def on_step(state: State) -> None:
        if state.images_seen == 5 * BATCH:
            os.fsync = broken

    def broken(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    try:
        train(TWENTY_STEPS, directory, images(), engine, on_step=on_step if engine.leads else lambda state: None)
    except (InputError, LeaderFailed) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        os.fsync = sync
    return "nothing"


def killed(directory: Path, engine: Engine) -> None:
    """Rank 1 kills itself in the first life of the job."""

    def on_step(state: State) -> None:
        first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
        if first and not engine.leads and state.images_seen == STOP:
            os.kill(os.getpid(), signal.SIGKILL)

    train(TWENTY_STEPS, directory / "run", images(), engine, on_step=on_step)


def tasks(directory: Path, engine: Engine) -> None:
    """The tiny run of each task that starts from images."""
    for name, (run, data) in RUNS.items():
        train(run(), directory / name, data(), engine, check_derivatives=False)


def main() -> None:
    """Do what the command line says."""
    actions: dict[str, Any] = {"together": together, "killed": killed, "tasks": tasks}
    directory = Path(sys.argv[1])
    with engine("cpu") as this:
        actions[sys.argv[2]](directory, this)
        within = threads()
    (directory / f"threads-{this.rank}.json").write_text(json.dumps([within, threads()]))


def threads() -> list[str]:
    """The names of this process's threads, where the system tells them."""
    return [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]


if __name__ == "__main__":
    main()
