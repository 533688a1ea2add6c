"""The lock of a run directory, and pictures that are whole."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from nablagan.training.files import boot_id, locked, write_picture
from nablagan.types import InputError


def test_the_lock_names_its_owner_and_is_gone_afterwards(tmp_path: Path):
    with locked(tmp_path):
        owner = json.loads((tmp_path / "lock").read_text())
        assert owner == {"pid": os.getpid(), "boot_id": boot_id()}
        with (
            pytest.raises(InputError, match=f"in use by another process .*{os.getpid()}.*another --out"),
            locked(tmp_path),
        ):
            pass
        assert (tmp_path / "lock").exists()
    assert not (tmp_path / "lock").exists()
    with locked(tmp_path):
        pass


HOLD = "import sys, time; from pathlib import Path; from nablagan.training.files import locked\n"
HOLD += "with locked(Path(sys.argv[1])): print('mine', flush=True); time.sleep(60)"


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "mine\n"
        with pytest.raises(InputError, match=str(owner.pid)), locked(tmp_path):
            pass
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    assert (tmp_path / "lock").exists()
    with locked(tmp_path):
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()


def test_a_lock_that_its_owner_unlinks_meanwhile_is_not_taken_for_the_lock(tmp_path: Path):
    """The next owner may have opened the file just before the last one removed it; only a file with the name counts."""
    opened = []
    original = Path.open

    def open_and_lose(path: Path, *arguments, **options):
        file = original(path, *arguments, **options)
        if path.name == "lock" and not opened:
            path.unlink()
        opened.append(path.name)
        return file

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", open_and_lose)
        with locked(tmp_path):
            assert (tmp_path / "lock").exists()
            with pytest.raises(InputError), locked(tmp_path):
                pass


def test_pictures_are_whole_or_absent(tmp_path: Path):
    write_picture(tmp_path / "a.png", Image.new("L", (4, 4), 7))
    frames = [Image.new("L", (4, 4), value) for value in (0, 90, 200)]
    write_picture(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "a.png") as png, Image.open(tmp_path / "a.gif") as gif:
        assert (png.format, gif.format, getattr(gif, "n_frames", 1)) == ("PNG", "GIF", 3)
    (tmp_path / "sealed").write_text("a file, not a directory")
    with pytest.raises(OSError):
        write_picture(tmp_path / "sealed/a.png", frames[0])
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "a.gif", "sealed"}
