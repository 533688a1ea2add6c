"""`nablagan import`, from the command line."""

import json

import torch

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
