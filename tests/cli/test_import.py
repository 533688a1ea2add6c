"""`nablagan import`, from the command line."""

import json

import numpy as np
import torch
from PIL import Image

import generators_of_others as others
from nablagan.cli.main import main


def test_a_file_becomes_a_run(tmp_path, capsys):
    file, out = tmp_path / "latest_net_G.pth", tmp_path / "run"
    torch.save(others.trained(others.resnet(3, 3, 6, 2, others.INSTANCE)).state_dict(), file)
    assert main(["import", str(file), "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["resnet_6blocks, instance norm, 3 to 3 channels, 8,339 parameters", str(out)]
    assert json.loads((out / "import.json").read_text())["file"] == file.name
    assert main(["import", str(file), "--out", str(tmp_path / "other"), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["run"], record["architecture"], record["parameters"]) == (
        str(tmp_path / "other"),
        "resnet_6blocks",
        8339,
    )


def test_what_cannot_be_imported_is_one_line_and_exit_2(tmp_path, capsys):
    assert main(["import", str(tmp_path / "no.pth"), "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("nablagan: error: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_translate_makes_the_original_networks_pictures(tmp_path, capsys):
    """Oracle: the original network on the same pixels; a level of 255 is 8e-3, so rounding may differ by one."""
    theirs = others.trained(others.resnet(3, 3, 6, 2, others.INSTANCE))
    torch.save(theirs.state_dict(), tmp_path / "latest_net_G.pth")
    pixels = np.random.default_rng(0).integers(0, 256, (36, 44, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    assert main(["import", str(tmp_path / "latest_net_G.pth"), "--out", str(tmp_path / "run")]) == 0
    assert main(["translate", str(tmp_path / "run"), str(tmp_path / "photo.png"), "--out", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    source = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        expected = ((theirs(source) + 1) * 127.5)[0].permute(1, 2, 0).numpy()
    found = np.asarray(Image.open(tmp_path / "out" / "photo.png"), dtype=float)
    assert expected.std() > 10
    assert np.abs(found - expected).max() < 1
