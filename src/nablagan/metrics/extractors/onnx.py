"""Any network saved as an ONNX file, run by onnxruntime: features of one's own field."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from nablagan.metrics.extractors import resize, weights
from nablagan.metrics.features import Extractor
from nablagan.types import InputError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

NAME = "onnx"
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def open_onnx(
    file: Path | None = None,
    device: str | torch.device = "cpu",
    *,
    side: int = 224,
    low: float = 0.0,
    high: float = 1.0,
    channels: int = 3,
) -> Extractor:
    """The first output (n, d) of an ONNX network whose input is (n, channels, side, side), its batch size left open.

    Grey levels 0 ... 255 become low ... high; the resize is antialiased bicubic. Colours are averaged where the network
    has one channel. Whether the features are divided by deviations is no property of the file: they are not.
    InputError without the extra `onnx`, for a file that is no network, and where shapes do not fit.
    """
    if file is None:
        raise InputError("extractor onnx needs --weights FILE.onnx")
    if side < 1 or channels not in (1, 3) or not low < high:
        raise InputError(f"onnx: side {side}, channels {channels}, {low} ... {high} is no input; channels are 1 or 3")
    sha256 = weights.sha256_of(file)
    session = _session(file, torch.device(device))
    _check(session, (channels, side, side), file)

    def features(images: Tensor) -> Tensor:
        colours = resize.rgb(images) if channels == 3 else images.float().mean(1, keepdim=True)
        pixels = low + (high - low) / 255 * resize.bicubic(colours, side)
        output = _run(session, pixels.cpu().numpy(), file)
        return torch.from_numpy(output).to(images.device)

    protocol = {
        "resize": "bicubic, antialiased, clamped to 0 ... 255, not rounded",
        "side": side,
        "values": f"0 ... 255 as {low} ... {high}",
        "layer": session.get_outputs()[0].name,
        "dimensions": _dimensions(session, (channels, side, side), file),
        "weights_sha256": sha256,
        "source": file.name,
    }
    return Extractor(NAME, features, protocol)


def _session(file: Path, device: torch.device) -> "InferenceSession":
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError("extractor onnx needs the extra onnx: pip install 'nablagan[onnx]'") from error
    provider = PROVIDERS.get(device.type)
    if provider is None or provider not in onnxruntime.get_available_providers():
        raise InputError(f"this onnxruntime does not run on {device}; use the device cpu, or install onnxruntime-gpu")
    try:
        return onnxruntime.InferenceSession(file, providers=[provider])
    except Exception as error:  # onnxruntime's own exceptions have no public base class
        raise InputError(f"{file} is no ONNX network that onnxruntime opens; export it again") from error


def _check(session: "InferenceSession", shape: tuple[int, int, int], file: Path) -> None:
    inputs = session.get_inputs()
    expected = list(inputs[0].shape[1:]) if len(inputs) == 1 else []
    fits = len(expected) == 3 and all(
        not isinstance(own, int) or own == given for own, given in zip(expected, shape, strict=True)
    )
    if not fits:
        raise InputError(f"{file} takes {[i.shape for i in inputs]}, not one (n, {shape[0]}, {shape[1]}, {shape[2]})")
    if isinstance(inputs[0].shape[0], int):
        raise InputError(f"{file} has a fixed batch size {inputs[0].shape[0]}; export it with a dynamic batch axis")


def _dimensions(session: "InferenceSession", shape: tuple[int, int, int], file: Path) -> int:
    return _run(session, np.zeros((2, *shape), np.float32), file).shape[1]


def _run(session: "InferenceSession", pixels: np.ndarray, file: Path) -> np.ndarray:
    output: Any = session.run([session.get_outputs()[0].name], {session.get_inputs()[0].name: pixels})[0]
    rows = output.reshape(len(output), -1)
    if len(rows) != len(pixels) or rows.shape[1] != output.shape[1]:
        raise InputError(f"{file} gives {output.shape} for {len(pixels)} images; features are (n, d): pool over places")
    return rows.astype(np.float32)
