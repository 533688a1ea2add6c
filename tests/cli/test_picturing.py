"""`nablagan translate` and `nablagan complete` on files, with a translator made here in place of a trained one."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nablagan.cli.main import main
from nablagan.imaging.applying import colours_of, smoothly_filled

RANDOM = np.random.default_rng(0)


@dataclass
class Constant:
    """Adds a tenth of its latent, or nothing, to the negative."""

    shape: tuple
    source_shape: tuple
    latent_size: int = 0

    @property
    def completes(self):
        return self.source_shape[0] == self.shape[0] + 1

    def __call__(self, source, latent):
        shift = 0 if latent is None else latent[:, :1, None, None] / 10
        return (-source[:, :1] + shift).expand(-1, self.shape[0], -1, -1)


@pytest.fixture
def trained(monkeypatch):
    """Sets what `load_translator` returns; collects how it was called."""
    calls = []

    def use(translator):
        def load(run, checkpoint, half_life, device, backwards):
            calls.append((run, checkpoint, half_life, backwards))
            return translator

        monkeypatch.setattr("nablagan.training.translating.load_translator", load)
        return calls

    return use


def save(path, *size, channels=3):
    pixels = RANDOM.integers(0, 256, (*size, channels), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels if channels > 1 else pixels[:, :, 0]).save(path)
    return pixels


def pixels_of(path):
    with Image.open(path) as image:
        return np.array(image)


def test_translate_keeps_names_folders_modes_and_sizes(tmp_path, trained, capsys):
    trained(Constant((1, 8, 8), (1, 8, 8)))
    photo = save(tmp_path / "in" / "sub" / "a.png", 37, 53, channels=1)
    save(tmp_path / "in" / "one.png", 1, 1)
    (tmp_path / "in" / "notes.txt").write_text("not a picture")
    wide = RANDOM.integers(0, 65536, (37, 53), dtype=np.uint16)
    Image.fromarray(wide).save(tmp_path / "in" / "wide.png")
    code = main(["translate", "run", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--tile", "192"])
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert (code, found) == (0, ["one.png", "sub/a.png", "wide.png"])
    assert (pixels_of(tmp_path / "out" / "sub" / "a.png") == 255 - photo[:, :, 0]).all()
    assert (pixels_of(tmp_path / "out" / "wide.png") == 65535 - wide).all()
    assert pixels_of(tmp_path / "out" / "one.png").shape == (1, 1, 3)
    assert capsys.readouterr().out.startswith("3 pictures in ")


def test_several_answers_are_numbered_and_the_seed_decides(tmp_path, trained, capsys):
    trained(Constant((3, 8, 8), (3, 8, 8), latent_size=2))
    Image.new("RGB", (4, 4), (128, 128, 128)).save(tmp_path / "a.png")
    for seed, out in (("1", "x"), ("1", "y"), ("2", "z")):
        argv = ["translate", "run", str(tmp_path / "a.png"), "--out", str(tmp_path / out), "--count", "3", "--json"]
        assert main([*argv, "--seed", seed]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [Path(path).name for path in told["files"][0]["outputs"]] == ["a-0.png", "a-1.png", "a-2.png"]
    results = {out: [pixels_of(tmp_path / out / f"a-{i}.png") for i in range(3)] for out in "xyz"}
    assert all((x == y).all() for x, y in zip(results["x"], results["y"], strict=True))
    assert any((x != z).any() for x, z in zip(results["x"], results["z"], strict=True))
    assert (results["x"][0] != results["x"][1]).any()


def test_the_direction_and_the_checkpoint_are_handed_on(tmp_path, trained):
    calls = trained(Constant((1, 8, 8), (1, 8, 8)))
    save(tmp_path / "a.png", 4, 4)
    argv = ["translate", "run", str(tmp_path / "a.png"), "--out", str(tmp_path / "out")]
    main([*argv, "--direction", "backward", "--checkpoint", "checkpoints/images-1"])
    main([*argv, "--ema", "640"])
    assert calls == [(Path("run"), Path("run/checkpoints/images-1"), None, True), (Path("run"), None, 640, False)]


def test_files_that_cannot_be_used_are_named_and_the_others_done(tmp_path, trained, capsys):
    trained(Constant((3, 8, 8), (3, 8, 8)))
    save(tmp_path / "in" / "good.png", 5, 5)
    (tmp_path / "in" / "bad.jpg").write_text("no picture")
    assert main(["translate", "run", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr()
    assert (tmp_path / "out" / "good.png").is_file()
    assert told.err == (
        f"nablagan: error: 1 of 2 files could not be used: {tmp_path}/in/bad.jpg cannot be used: not an image\n"
    )


def test_nothing_is_overwritten_that_was_read_or_just_written(tmp_path, trained, capsys):
    trained(Constant((3, 8, 8), (3, 8, 8)))
    for name in ("a.gif", "a.png"):
        save(tmp_path / "in" / name, 5, 5)
    assert main(["translate", "run", str(tmp_path / "in"), "--out", str(tmp_path / "in")]) == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert main(["translate", "run", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 2
    assert "has been written for a.gif already" in capsys.readouterr().err


def test_complete_keeps_known_pixels_to_the_bit(tmp_path, trained, capsys):
    trained(Constant((3, 8, 8), (4, 8, 8)))
    photo = save(tmp_path / "a.png", 40, 60)
    argv = ["complete", "run", str(tmp_path / "a.png")]
    assert main([*argv, "--box", "5,6,7,8", "--box", "50,30,10,10", "--out", str(tmp_path / "whole.png")]) == 0
    missing = np.zeros((40, 60), bool)
    missing[6:14, 5:12] = missing[30:, 50:] = True
    result = pixels_of(tmp_path / "whole.png")
    assert (result[~missing] == photo[~missing]).all()
    seen = smoothly_filled(photo.transpose(2, 0, 1), missing)(slice(0, 40), slice(0, 60))
    painted = colours_of(-seen[:1], photo.dtype)[0][missing]
    assert (result[missing] == painted[:, None]).all()
    Image.fromarray(np.where(missing, 255, 0).astype(np.uint8)).save(tmp_path / "masks.png")
    assert main([*argv, "--mask", str(tmp_path / "masks.png"), "--out", str(tmp_path / "out")]) == 0
    assert (pixels_of(tmp_path / "out" / "a.png") == result).all()
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "whole.png"), str(tmp_path / "out" / "a.png")]


def test_complete_takes_folders_of_masks_and_writes_without_loss(tmp_path, trained, capsys):
    trained(Constant((3, 8, 8), (4, 8, 8)))
    save(tmp_path / "in" / "sub" / "a.jpg", 16, 16)
    save(tmp_path / "in" / "b.jpg", 16, 16)
    mask = np.zeros((16, 16), np.uint8)
    mask[4:8] = 255
    (tmp_path / "masks" / "sub").mkdir(parents=True)
    Image.fromarray(mask).save(tmp_path / "masks" / "sub" / "a.png")
    argv = ["complete", "run", str(tmp_path / "in"), "--mask", str(tmp_path / "masks"), "--out", str(tmp_path / "out")]
    assert main(argv) == 2
    assert "no mask for b.jpg: name it b.png" in capsys.readouterr().err
    result = pixels_of(tmp_path / "out" / "sub" / "a.png")
    assert (result[mask == 0] == pixels_of(tmp_path / "in" / "sub" / "a.jpg")[mask == 0]).all()
    box = ["complete", "run", str(tmp_path / "in" / "b.jpg"), "--box", "1,1,2,2"]
    assert main([*box, "--out", str(tmp_path / "b.jpg")]) == 0
    assert ".jpg changes known pixels a little" in capsys.readouterr().err


def test_nothing_and_everything_missing_are_told(tmp_path, trained, capsys):
    trained(Constant((3, 8, 8), (4, 8, 8)))
    photo = save(tmp_path / "a.png", 9, 7)
    for value, words in ((0, "nothing is missing"), (255, "everything is missing")):
        Image.new("L", (7, 9), value).save(tmp_path / "mask.png")
        argv = ["complete", "run", str(tmp_path / "a.png"), "--mask", str(tmp_path / "mask.png")]
        assert main([*argv, "--out", str(tmp_path / "out")]) == 0
        assert words in capsys.readouterr().err
        assert (pixels_of(tmp_path / "out" / "a.png") == photo).all() == (value == 0)


WRONG = {
    "no run": (["translate", "nowhere", "a.png"], "nowhere"),
    "no file": (["translate", "run", "b.png"], "b.png is not there"),
    "no picture in the folder": (["translate", "run", "empty"], "empty has no pictures"),
    "twice the same name": (["translate", "run", "a.png", "other/a.png"], "2 inputs are called a.png"),
    "too many answers": (["translate", "run", "a.png", "--count", "2"], "one answer for each picture"),
    "small tiles": (["translate", "run", "a.png", "--tile", "64"], "give 190 or more"),
    "a box outside": (["complete", "run", "a.png", "--box", "4,4,4,4"], "not within the picture (5 x 5)"),
    "mask of another size": (
        ["complete", "run", "a.png", "--mask", "mask.png"],
        "mask.png has 4x3 pixels",
    ),
    "no mask": (["complete", "run", "a.png", "--mask", "nowhere.png"], "nowhere.png is not there"),
    "one file for many": (["complete", "run", "many", "--box", "0,0,1,1", "--out", "x.png"], "give a directory"),
    "a completer": (["translate", "run", "a.png"], "this run completes images"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_line_and_exit_2(case, tmp_path, trained, capsys, monkeypatch):
    argv, words = WRONG[case]
    monkeypatch.chdir(tmp_path)
    if case != "no run":
        trained(Constant((3, 8, 8), (4, 8, 8)))
    for name in ("a.png", "other/a.png", "many/1.png", "many/2.png"):
        save(tmp_path / name, 5, 5)
    (tmp_path / "empty").mkdir()
    Image.new("L", (3, 4), 255).save("mask.png")
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert words in error
    assert (error.count("\n"), error.startswith("nablagan: error: ")) == (1, True)


def test_a_box_is_four_numbers(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["complete", "run", "a.png", "--box", "1,2,3"])
    assert ended.value.code == 2
    assert "'1,2,3' is not a box" in capsys.readouterr().err


@torch.no_grad()
def test_a_large_picture_goes_through_in_tiles(tmp_path, trained):
    """A network without context gives the same in tiles of any size."""
    trained(Constant((3, 8, 8), (3, 8, 8)))
    photo = save(tmp_path / "a.png", 300, 210)
    main(
        ["translate", "run", str(tmp_path / "a.png"), "--out", str(tmp_path / "out"), "--tile", "96", "--overlap", "16"]
    )
    assert (pixels_of(tmp_path / "out" / "a.png") == 255 - photo[:, :, :1]).all()


def test_the_first_results_are_the_same_whatever_the_count(trained, tmp_path):
    trained(Constant((1, 8, 8), (1, 8, 8), latent_size=5))
    save(tmp_path / "one.png", 4, 6, channels=1)
    for count in (1, 3, 4):
        out = tmp_path / str(count)
        assert main(["translate", "run", str(tmp_path / "one.png"), "--count", str(count), "--out", str(out)]) == 0
    first = pixels_of(tmp_path / "1/one.png")
    for name in ("one-0.png", "one-1.png", "one-2.png"):
        assert np.array_equal(pixels_of(tmp_path / "3" / name), pixels_of(tmp_path / "4" / name))
    assert np.array_equal(pixels_of(tmp_path / "3/one-0.png"), first)
    assert not np.array_equal(pixels_of(tmp_path / "3/one-1.png"), first)
