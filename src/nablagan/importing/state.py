"""State dicts of pytorch-CycleGAN-and-pix2pix: read, cleaned of what is no weight, put into a network."""

from pathlib import Path

from torch import Tensor, nn

from nablagan.importing.recognising import Architecture, recognised
from nablagan.metrics.extractors.weights import fitted, tensors_in
from nablagan.types import InputError

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def read_generator(path: Path) -> nn.Module:
    """The generator of a .pth file, in float32 and eval mode: `(source (batch, sources, h, w)) -> images` in [-1, 1].

    Nothing in the file is executed (weights_only). Batch norm uses its running statistics and no dropout acts, as in
    the original project's test with --eval; without that it tests with the statistics of the one image. Raises
    InputError for what cannot be read so, and for weights of another network, naming the first entry that differs.
    """
    return filled(path)[1]


def filled(path: Path) -> tuple[Architecture, nn.Module]:
    """What a file is of, and the network with its weights."""
    state = read_state(path)
    try:
        architecture = recognised(state)
        network = architecture.network()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return architecture, fitted(network, state, path)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, without the `module.` of DataParallel and the statistics of instance norms.

    Instance norms of PyTorch before 0.4 saved statistics that the original project drops as well: they are those that
    come without a norm's weight.
    """
    state = tensors_in(path)
    if not state:
        raise InputError(f"{path} holds no tensors; give a file of weights")
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): value for name, value in state.items()}
    return {name: value for name, value in state.items() if not _is_idle(name, state)}


def _is_idle(name: str, state: dict[str, Tensor]) -> bool:
    norm, _, entry = name.rpartition(".")
    return entry in STATISTICS and f"{norm}.weight" not in state
