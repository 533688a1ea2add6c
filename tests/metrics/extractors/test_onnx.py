"""An ONNX file as extractor: a network that gives each channel's mean, made here."""

import numpy as np
import pytest

from nablagan.metrics.extractors import open_extractor
from nablagan.metrics.features import features_of
from nablagan.types import InputError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 8), dtype=np.uint8)


def saved(path, channels=3, batch="n", operator="GlobalAveragePool"):
    """A network of one operation."""
    shape = (batch, channels, 8, 8)
    out = (batch, channels, 1, 1) if operator == "GlobalAveragePool" else shape
    tensor, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(operator, ["images"], ["features"])],
        "means",
        [tensor("images", kind, shape)],
        [tensor("features", kind, out)],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def test_features_are_the_networks_output(tmp_path):
    extractor = open_extractor("onnx", saved(tmp_path / "means.onnx"), side=8, low=-1.0, high=1.0)
    found = features_of(extractor, IMAGES, 2)
    np.testing.assert_allclose(found, IMAGES.mean((2, 3)) / 127.5 - 1, atol=1e-5)
    assert extractor.protocol["dimensions"] == 3
    assert len(extractor.protocol["weights_sha256"]) == 64


def test_one_channel_gets_the_mean_of_the_colours(tmp_path):
    extractor = open_extractor("onnx", saved(tmp_path / "grey.onnx", 1), side=8, channels=1)
    np.testing.assert_allclose(features_of(extractor, IMAGES), IMAGES.mean((1, 2, 3))[:, None] / 255, atol=1e-5)


@pytest.mark.parametrize(
    ("made", "choices", "words"),
    [
        ({}, {"side": 9}, r"takes \[\['n', 3, 8, 8\]\], not one \(n, 3, 9, 9\)"),
        ({"batch": 4}, {"side": 8}, "fixed batch size 4"),
        ({"operator": "Relu"}, {"side": 8}, "pool over places"),
        ({}, {"side": 8, "channels": 2}, "channels are 1 or 3"),
    ],
    ids=["side", "batch", "maps", "channels"],
)
def test_what_does_not_fit_is_refused(tmp_path, made, choices, words):
    path = saved(tmp_path / "x.onnx", **made)
    with pytest.raises(InputError, match=words):
        open_extractor("onnx", path, **choices)


def test_a_file_that_is_no_network_is_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"nothing")
    with pytest.raises(InputError, match="is no ONNX network"):
        open_extractor("onnx", tmp_path / "x.onnx")
    with pytest.raises(InputError, match="needs --weights"):
        open_extractor("onnx")
