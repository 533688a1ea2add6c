"""Jobs of two gloo processes under torchrun, and what they made beside what one makes."""

import shutil
import subprocess
import sys
from pathlib import Path

from nablagan.training.checkpoint import load_newest

WORKER = Path(__file__).parent / "training/worker.py"


def torchrun(directory: Path, action: str, *options: str) -> None:
    """The job in a new directory; from the beginning again when gloo, not the job, fails to connect its sockets."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", *options]
    for _ in range(2):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        done = subprocess.run(
            [*command, str(WORKER), str(directory), action], capture_output=True, text=True, timeout=140, check=False
        )
        if done.returncode == 0 or "connectFullMesh failed" not in done.stderr:
            break
    assert done.returncode == 0, done.stderr[-3000:]


def worst_difference(one: Path, two: Path) -> float:
    """The largest difference of a tensor, relative to the tensor's size, over everything in the newest checkpoints."""
    (a, _), (b, _) = load_newest(one / "checkpoints"), load_newest(two / "checkpoints")
    assert a is not None
    assert b is not None
    assert a.state["images_seen"] == b.state["images_seen"]
    return max(
        float((tensor - b.tensors[file][name]).norm() / tensor.norm().clamp_min(1e-300))
        for file, group in a.tensors.items()
        for name, tensor in group.items()
    )
