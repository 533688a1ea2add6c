"""The digits extractor with weights of one's own."""

from pathlib import Path

import torch

from nablagan.metrics.extractors.digits import DigitsNetwork, open_digits


def test_a_pytorch_file_of_weights_will_do(tmp_path: Path):
    path = tmp_path / "own.pth"
    torch.save(DigitsNetwork().state_dict(), path)
    assert open_digits(path, "cpu").protocol["training"] is None
