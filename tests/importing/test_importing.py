"""Weights of other people's generators: same pixels as the network they are of, and what is refused."""

import itertools
import os
import pickle
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import generators_of_others as others
from nablagan.evaluation.opening import Wish
from nablagan.evaluation.pair_run import pairs_of_run
from nablagan.evaluation.pairs import PairJudge
from nablagan.importing import import_run, read_generator, read_state, recognised
from nablagan.training.restore import load_trained
from nablagan.types import InputError

NORMS = {"batch": others.BATCH, "instance": others.INSTANCE, "no": lambda width: nn.Identity()}
KINDS = {"unet_128": (others.unet, 7, 128), "unet_256": (others.unet, 8, 256)} | {
    "resnet_6blocks": (others.resnet, 6, 32),
    "resnet_9blocks": (others.resnet, 9, 44),
}
every_norm = pytest.mark.parametrize("norm", NORMS)
every_kind = pytest.mark.parametrize("kind", KINDS)


def network_of(kind, norm, dropout=False, inputs=2, outputs=3, width=4):
    build, depth, _ = KINDS[kind]
    return others.trained(build(inputs, outputs, depth, width, NORMS[norm], dropout))


def saved(path, state, prefix="", **options):
    torch.save(OrderedDict((prefix + name, value) for name, value in state.items()), path, **options)
    return path


def source_for(kind, channels=2):
    side = KINDS[kind][2]
    return torch.randn(1, channels, side, side, generator=torch.Generator().manual_seed(1))


@every_kind
@every_norm
@pytest.mark.parametrize("dropout", [False, True])
def test_an_imported_generator_makes_the_original_pixels(tmp_path, kind, norm, dropout):
    """Oracle: the published structure in plain torch.nn, in eval mode, to 1e-5 in float32."""
    theirs = network_of(kind, norm, dropout)
    ours = read_generator(saved(tmp_path / "latest_net_G.pth", theirs.state_dict()))
    source = source_for(kind)
    expected = theirs(source.clone())
    assert expected.std() > 0.01
    assert not ours.training
    torch.testing.assert_close(ours(source), expected, rtol=0, atol=1e-5)


@every_norm
@pytest.mark.parametrize("kind", ["unet_128", "resnet_9blocks"])
def test_the_architecture_follows_from_names_and_shapes(kind, norm):
    for inputs, outputs, width, dropout in ((3, 1, 4, False), (1, 3, 6, True)):
        found = recognised(network_of(kind, norm, dropout, inputs, outputs, width).state_dict())
        assert (found.name, found.norm, found.options["width"]) == (kind, norm, width)
        assert (found.source_shape[0], found.shape[0]) == (inputs, outputs)
        assert found.options.get("dropout") == (dropout if kind == "resnet_9blocks" else None)


def test_the_prefix_of_data_parallel_and_the_old_files_of_pytorch(tmp_path):
    theirs = network_of("resnet_6blocks", "batch")
    source = source_for("resnet_6blocks")
    path = saved(tmp_path / "G.pth", theirs.state_dict(), "module.", _use_new_zipfile_serialization=False)
    torch.testing.assert_close(read_generator(path)(source), theirs(source), rtol=0, atol=1e-5)


def test_statistics_of_old_instance_norms_are_dropped(tmp_path):
    """As PyTorch before 0.4 saved them, and 0.4 with num_batches_tracked: the original project ignores them."""
    theirs = network_of("resnet_6blocks", "instance")
    state = dict(theirs.state_dict())
    for name, module in theirs.named_modules():
        if isinstance(module, nn.InstanceNorm2d):
            state[f"{name}.running_mean"] = torch.full((module.num_features,), 7.0)
            state[f"{name}.running_var"] = torch.full((module.num_features,), 9.0)
            state[f"{name}.num_batches_tracked"] = torch.tensor(5)
    path, source = saved(tmp_path / "G.pth", state), source_for("resnet_6blocks")
    assert set(read_state(path)) == set(theirs.state_dict())
    torch.testing.assert_close(read_generator(path)(source), theirs(source), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["unet_128", "resnet_9blocks"])
def test_half_precision_becomes_float32(tmp_path, kind):
    state = {name: value.half() for name, value in network_of(kind, "batch").state_dict().items()}
    assert read_generator(saved(tmp_path / "G.pth", state))(source_for(kind)).dtype == torch.float32


class Malicious:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_nothing_in_a_file_is_executed(tmp_path):
    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"model.1.weight": Malicious(tmp_path / "ran")}, protocol=2))
    torch.save({"model.1.weight": Malicious(tmp_path / "ran")}, tmp_path / "evil2.pth")
    torch.save(network_of("resnet_6blocks", "batch"), tmp_path / "module.pth")
    for name in ("evil", "evil2", "module"):
        with pytest.raises(InputError, match="holds no weights that can be read"):
            read_generator(tmp_path / f"{name}.pth")
    assert not (tmp_path / "ran").exists()


def changed(state, **entries):
    """The state with entries replaced, or left out where None."""
    merged = state | {name.replace("__", "."): value for name, value in entries.items()}
    return {name: value for name, value in merged.items() if value is not None}


def test_wrong_files_are_refused_and_the_first_difference_named(tmp_path):
    state = dict(network_of("resnet_6blocks", "batch").state_dict())
    unet = dict(network_of("unet_128", "instance").state_dict())
    cases = {
        r"no tensor model\.11\.conv_block\.1\.weight": changed(state, model__11__conv_block__1__weight=None),
        r"tensor model\.99\.weight too many": changed(state, model__99__weight=torch.zeros(1)),
        r"model\.4\.weight is \(1, 2\), expected": changed(state, model__4__weight=torch.zeros(1, 2)),
        r"it has no entry model\.23\.weight": changed(state, model__23__weight=None),
        r"model\.1\.weight has shape \(3,\), not that": changed(state, model__1__weight=torch.zeros(3)),
        r"no tensor model\.model\.0\.bias": changed(unet, model__model__0__bias=None),
        "weights of a discriminator": {"model.0.weight": torch.zeros(4, 3, 4, 4), "model.2.weight": torch.zeros(1)},
        "the first entry is conv1.weight": {"conv1.weight": torch.zeros(4, 3, 7, 7)},
        "holds no tensors": {},
        "holds no table of tensors": {"epoch": 7},
    }
    for message, wrong in cases.items():
        with pytest.raises(InputError, match=message):
            read_generator(saved(tmp_path / "G.pth", wrong))
    (tmp_path / "photo.pth").write_bytes(b"\x89PNG nothing of ours")
    for name in ("photo.pth", "missing.pth"):
        with pytest.raises(InputError, match="holds no weights that can be read"):
            read_generator(tmp_path / name)


@pytest.mark.parametrize(("kind", "norm"), [("unet_128", "batch"), ("resnet_6blocks", "instance")])
def test_the_run_opens_as_any_other(tmp_path, kind, norm):
    theirs = network_of(kind, norm, dropout=True)
    file = saved(tmp_path / "G.pth", theirs.state_dict())
    record = import_run(file, tmp_path / "run")
    trained, source = load_trained(tmp_path / "run"), source_for(kind)
    torch.testing.assert_close(trained.generator(source), theirs(source), rtol=0, atol=1e-5)
    assert (trained.images_seen, trained.shape[0]) == (0, 3)
    assert (record["architecture"], record["norm"], len(record["sha256"])) == (kind, norm, 64)


def test_a_directory_with_something_in_it_is_refused_and_left_alone(tmp_path):
    file = saved(tmp_path / "G.pth", network_of("resnet_6blocks", "batch").state_dict())
    with pytest.raises(InputError, match="has something in it"):
        import_run(file, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["G.pth"]
    with pytest.raises(InputError, match="cannot write to"):
        import_run(file, file)
    with pytest.raises(InputError, match="holds no weights"):
        import_run(tmp_path / "no.pth", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_imported_run_is_judged_on_the_pairs_that_are_named(tmp_path):
    """It brings no data: without --against there is nothing to judge it on, without --train no nearest source."""
    theirs = network_of("resnet_6blocks", "instance", inputs=3, outputs=3)
    import_run(saved(tmp_path / "G.pth", theirs.state_dict()), tmp_path / "run")
    draws = np.random.default_rng(0)
    for side, name in itertools.product("AB", range(8)):
        (tmp_path / "pairs" / side).mkdir(parents=True, exist_ok=True)
        pixels = draws.integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pairs" / side / f"{name}.png")
    with pytest.raises(InputError, match=r"no held-out data are known for G\.pth: name some, --against DATA"):
        pairs_of_run(tmp_path / "run", Wish(cache=tmp_path / "cache"), PairJudge())
    wish = Wish(against=str(tmp_path / "pairs"), cache=tmp_path / "cache")
    alone = pairs_of_run(tmp_path / "run", wish, PairJudge()).record
    assert (alone["count"], list(alone["figures"])) == (8, ["model", "identity"])
    beside = pairs_of_run(tmp_path / "run", replace(wish, train=str(tmp_path / "pairs")), PairJudge()).record
    assert list(beside["figures"]) == ["model", "identity", "nearest_source"]
    assert beside["figures"]["nearest_source"]["l1"]["value"] == 0
