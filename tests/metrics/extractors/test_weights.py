"""Files of weights that are not what they should be: one line, and nothing is executed."""

import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from nablagan.metrics.extractors import weights
from nablagan.types import InputError

KNOWN = weights.Weights("net-abc.pth", "the table of somewhere", "0" * 64, "MIT")


def linear(path, sizes=(3, 2)):
    """A file of a linear layer's tensors."""
    torch.save(nn.Linear(*sizes).state_dict(), path)
    return path


def test_a_missing_file_tells_what_to_get(tmp_path):
    with pytest.raises(InputError, match=r"net needs --weights FILE: net-abc\.pth from the table"):
        weights.checked(None, KNOWN, "net")
    with pytest.raises(InputError, match="cannot be read"):
        weights.checked(tmp_path / "none.pth", KNOWN, "net")


def test_a_wrong_hash_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"is not net-abc\.pth: its sha256 is [0-9a-f]{64}, expected 0{64}"):
        weights.checked(linear(tmp_path / "net-abc.pth"), KNOWN, "net")


def test_the_right_hash_passes(tmp_path):
    path = linear(tmp_path / "x.pth")
    known = weights.Weights("x.pth", "here", weights.sha256_of(path), "MIT")
    assert weights.checked(path, known, "net") == path


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_a_truncated_file_is_refused(tmp_path, name):
    path = linear(tmp_path / name)
    if path.suffix == ".safetensors":
        save_file(nn.Linear(3, 2).state_dict(), path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="no weights that can be read") as raised:
        weights.tensors_in(path)
    assert "\n" not in str(raised.value)


class Command:
    """A pickle that would run something."""

    def __reduce__(self):
        return (print, ("executed",))


def test_a_pickle_that_calls_is_not_executed(tmp_path, capsys):
    (tmp_path / "x.pth").write_bytes(pickle.dumps(Command(), protocol=2))
    with pytest.raises(InputError, match="no weights that can be read"):
        weights.tensors_in(tmp_path / "x.pth")
    assert capsys.readouterr().out == ""


def test_fitted_weights_are_the_files(tmp_path):
    path = linear(tmp_path / "x.pth")
    tensors = weights.tensors_in(path)
    network = weights.fitted(nn.Linear(3, 2), tensors, path)
    assert torch.equal(network.weight, tensors["weight"])
    assert not network.training


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (nn.Linear(4, 2), r"weight is \(2, 3\), expected \(2, 4\)"),
        (nn.Linear(3, 2, bias=False), "a tensor bias too many"),
        (nn.Sequential(nn.Linear(3, 2)), r"no tensor 0\.bias"),
    ],
    ids=["shape", "surplus", "missing"],
)
def test_weights_of_another_network_are_refused(tmp_path, network, words):
    path = linear(tmp_path / "x.pth")
    with pytest.raises(InputError, match=words):
        weights.fitted(network, weights.tensors_in(path), path)


def test_counts_of_batches_need_not_be_in_the_file(tmp_path):
    layer = nn.BatchNorm2d(2)
    state = {name: value for name, value in layer.state_dict().items() if "batches" not in name}
    assert weights.fitted(nn.BatchNorm2d(2), state, tmp_path).running_var.shape == (2,)
