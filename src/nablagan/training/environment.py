"""What a run was made with: versions, machine, processes, command."""

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from nablagan.training.engine import Engine, denormals_flushed


def describe_environment(engine: Engine) -> dict[str, Any]:
    """Plain JSON for environment.json."""
    packages = ("nablagan", "torch", "numpy", "scipy", "pillow", "safetensors")
    return {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "machine": {
            "system": platform.platform(),
            "processor": processor(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "device": device_name(engine.device),
            "denormals_flushed": denormals_flushed(),
        },
        "processes": engine.processes,
    }


def processor() -> str:
    """The processor's name as the system gives it."""
    source = Path("/proc/cpuinfo")
    lines = source.read_text().splitlines() if source.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def device_name(device: torch.device) -> str:
    """The device, with the accelerator's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
