"""Files of trained weights: their hash checked, read without executing anything, fitted to a network or refused."""

import hashlib
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from nablagan.types import InputError

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Weights:
    """A published file of weights: where a person gets it, and how it is recognised."""

    file: str
    source: str
    """In words; nothing is downloaded here."""
    sha256: str
    licence: str

    def describe(self) -> str:
        """Lines for a person: file, sha256, source, licence."""
        return f"file     {self.file}\nsha256   {self.sha256}\nsource   {self.source}\nlicence  {self.licence}"


def sha256_of(path: Path) -> str:
    """sha256 (hex) of a file; InputError where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"the weights {path} cannot be read ({error.strerror}); give a file of weights") from error


def checked(path: Path | None, weights: Weights, extractor: str) -> Path:
    """The path, when it is that published file to the byte; InputError otherwise, with what to get."""
    if path is None:
        raise InputError(f"{extractor} needs --weights FILE: {weights.file} from {weights.source}")
    found = sha256_of(path)
    if found != weights.sha256:
        hashes = f"its sha256 is {found}, expected {weights.sha256}"
        raise InputError(f"{path} is not {weights.file}: {hashes}; get it from {weights.source}")
    return path


def tensors_in(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a PyTorch file read with weights_only; InputError when there are none.

    TorchScript archives are programs; only `scripted_tensors_in` opens them, for files of a known hash.
    """
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as stream:
                return {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, SafetensorError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{path} holds no weights that can be read ({_first_line(error)}); get the file again"
        ) from error
    return _tensors(state, path)


def scripted_tensors_in(path: Path) -> dict[str, Tensor]:
    """The tensors of a TorchScript archive; the caller has checked its hash."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return dict(torch.jit.load(path, map_location="cpu").state_dict())


def opened(
    build: Callable[[], Network],
    file: Path | None,
    published: Weights,
    extractor: str,
    read: Callable[[Path], dict[str, Tensor]] = tensors_in,
) -> Network:
    """The network that `build` makes with the weights of the published file, which is checked before; InputError."""
    path = checked(file, published, extractor)
    return fitted(build(), read(path), path)


def fitted(network: Network, tensors: dict[str, Tensor], path: Path) -> Network:
    """The network with these tensors, in float32, for inference only; InputError names the first that does not fit."""
    own = network.state_dict()
    needed = {name for name in own if not name.endswith("num_batches_tracked")}
    for name in sorted(needed | set(tensors)):
        if name not in tensors:
            raise InputError(f"{path} has no tensor {name}: these are weights of another network")
        if name not in own:
            raise InputError(f"{path} has a tensor {name} too many: these are weights of another network")
        if tensors[name].shape != own[name].shape:
            shapes = f"{tuple(tensors[name].shape)}, expected {tuple(own[name].shape)}"
            raise InputError(f"{path}: {name} is {shapes}; these are weights of another network")
    network.load_state_dict({name: tensors.get(name, own[name]) for name in own})
    return network.float().eval()


def _tensors(state: Any, path: Path) -> dict[str, Tensor]:
    inner = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(inner, dict) or not all(isinstance(value, Tensor) for value in inner.values()):
        raise InputError(f"{path} holds no table of tensors; give a file of weights")
    return inner


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
