"""Checkpoints under every kind of damage, at every point of a crash, and when the disk refuses."""

import errno
import hashlib
import json
import os
import resource
import struct
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from nablagan.training import checkpoint
from nablagan.training.checkpoint import (
    checkpoint_paths,
    is_sound,
    keep_newest,
    load_checkpoint,
    load_newest,
    save_checkpoint,
    verify,
)
from nablagan.types import InputError
from runs import snapshot

FILES = ("a.safetensors", "b.safetensors", "state.json", "manifest.json")


def save(directory: Path, images_seen: int, value: float = 0.0) -> Path:
    """A checkpoint that is told by its value."""
    tensors = {"a": {"x": torch.full((5,), value), "n": torch.tensor(3)}, "b": {}}
    return save_checkpoint(directory, images_seen, tensors, {"value": value})


def value_of(directory: Path) -> float:
    """The value of the newest sound checkpoint, which must be in all of its parts."""
    found, _ = load_newest(directory)
    assert found is not None
    assert found.tensors["a"]["x"].tolist() == [found.state["value"]] * 5
    return found.state["value"]


def test_what_is_saved_is_loaded(tmp_path: Path):
    tensors = {
        "a": {"x": torch.randn(3, 4).T, "half": torch.ones(2, dtype=torch.bfloat16), "empty": torch.ones(0, 3)},
        "b": {"n": torch.tensor(2**40), "d": torch.randn(3, dtype=torch.float64)},
        "c": {},
    }
    path = save_checkpoint(tmp_path / "checkpoints", 640, tensors, {"images_seen": 640, "nested": [1.1, None]})
    found = load_checkpoint(path)
    assert path.name == (tmp_path / "checkpoints/latest").read_text().strip() == "images-000000640"
    assert found.state == {"images_seen": 640, "nested": [1.1, None]}
    for name, group in tensors.items():
        assert found.tensors[name].keys() == group.keys()
        for key, tensor in group.items():
            assert found.tensors[name][key].dtype == tensor.dtype
            assert torch.equal(found.tensors[name][key], tensor)


def test_tied_weights_are_saved_under_both_names(tmp_path: Path):
    tied = torch.randn(3)
    found = load_checkpoint(save_checkpoint(tmp_path, 1, {"a": {"x": tied, "y": tied, "part": tied[1:]}}, {}))
    assert torch.equal(found.tensors["a"]["x"], tied)
    assert torch.equal(found.tensors["a"]["part"], tied[1:])


def test_a_loaded_tensor_is_the_callers_own(tmp_path: Path):
    path = save(tmp_path, 1, 1.0)
    load_checkpoint(path).tensors["a"]["x"].zero_()
    assert value_of(tmp_path) == 1.0


def test_no_checkpoint_is_none(tmp_path: Path):
    assert load_newest(tmp_path / "nowhere") == (None, [])


def test_newest_is_by_number_and_other_names_are_not_ours(tmp_path: Path):
    save(tmp_path, 999_999_999, 1.0)
    save(tmp_path, 1_000_000_000, 2.0)
    (tmp_path / "images-000000001.backup").mkdir()
    (tmp_path / "images-0000000002").write_text("a file")
    assert value_of(tmp_path) == 2.0
    keep_newest(tmp_path, 1)
    assert {path.name for path in tmp_path.iterdir()} == {
        "images-1000000000",
        "images-000000001.backup",
        "images-0000000002",
        "latest",
    }


# --- damage --------------------------------------------------------------------------------------------------


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)


def replace_by_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def replace_by_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [truncate, empty, flip_a_bit, Path.unlink, replace_by_link, replace_by_pipe])
def test_damage_to_any_file_is_found_and_the_one_before_is_used(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
):
    save(tmp_path, 1, 1.0)
    newest = save(tmp_path, 2, 2.0)
    assert is_sound(newest)
    damage(newest / name)
    assert not is_sound(newest)
    with pytest.raises(InputError, match=name.replace("manifest.json", "manifest")):
        load_checkpoint(newest)
    found, problems = load_newest(tmp_path)
    assert found is not None
    assert found.state["value"] == 1.0
    assert len(problems) == 1
    assert "images-000000002" in problems[0]
    keep_newest(tmp_path, 1)  # the damaged one does not count, so the good one stays
    assert value_of(tmp_path) == 1.0


def test_a_file_too_many_is_damage(tmp_path: Path):
    path = save(tmp_path, 1)
    (path / "c.safetensors").write_bytes(safetensors.torch.save({}))
    with pytest.raises(InputError, match=r"c\.safetensors does not match"):
        verify(path)


def test_when_all_are_bad_the_error_says_so_and_nothing_is_deleted(tmp_path: Path):
    for images_seen in (1, 2, 3):
        truncate(save(tmp_path, images_seen) / "state.json")
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match=r"none of the 3 checkpoints .* restore one from a backup"):
        load_newest(tmp_path)
    keep_newest(tmp_path, 1)
    assert snapshot(tmp_path) == before


def header(content: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(content) if length is None else length) + content


OVERLAPPING = json.dumps({name: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for name in ("x", "y")}).encode()
HOSTILE = {
    "huge header": header(b"{}", 2**62),
    "header past the end": header(b"{}", 1000),
    "overlapping tensors": header(OVERLAPPING) + b"\0" * 8,
    "tensor past the end": header(b'{"x":{"dtype":"F32","shape":[999999999],"data_offsets":[0,3999999996]}}'),
    "not JSON": header(b"{{{{"),
    "pickle": b"cposix\nsystem\n(S'touch hacked'\ntR.",
    "nothing": b"",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_tensors_are_refused_even_when_the_manifest_vouches_for_them(tmp_path: Path, content: bytes):
    path = save(tmp_path, 1)
    forge(path, "a.safetensors", content)
    with pytest.raises(InputError, match="cannot be read"):
        load_checkpoint(path)
    assert not Path("hacked").exists()


@pytest.mark.parametrize("content", [b"[]", b"3", b"\xff", b"{", b"NaN"])
def test_a_hostile_state_is_refused(tmp_path: Path, content: bytes):
    path = save(tmp_path, 1)
    forge(path, "state.json", content)
    with pytest.raises(InputError, match="cannot be read"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"sha256": 3}', b'{"sha256": [1]}', b"\xff\xfe"])
def test_a_hostile_manifest_is_refused(tmp_path: Path, content: bytes):
    path = save(tmp_path, 1)
    (path / "manifest.json").write_bytes(content)
    with pytest.raises(InputError, match="no usable manifest"):
        load_checkpoint(path)


def forge(path: Path, name: str, content: bytes) -> None:
    """Replace a file and its digest."""
    (path / name).write_bytes(content)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["sha256"][name] = hashlib.sha256(content).hexdigest()
    (path / "manifest.json").write_text(json.dumps(manifest))


# --- keeping -------------------------------------------------------------------------------------------------


def test_only_sound_checkpoints_count_among_those_kept(tmp_path: Path):
    for images_seen in range(1, 7):
        save(tmp_path, images_seen, float(images_seen))
    truncate(tmp_path / "images-000000006/state.json")
    truncate(tmp_path / "images-000000004/a.safetensors")
    keep_newest(tmp_path, 2)
    assert [int(path.name[-1]) for path in checkpoint_paths(tmp_path)] == [3, 4, 5, 6]


def test_each_checkpoint_is_hashed_once_while_its_files_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    hashed: list[Path] = []
    original = checkpoint.sha256
    monkeypatch.setattr(checkpoint, "sha256", lambda file: hashed.append(file.parent) or original(file))
    for images_seen in range(1, 6):
        save(tmp_path, images_seen)
        keep_newest(tmp_path, 3)
    assert len(hashed) == 5 * 3  # five checkpoints of three listed files
    flip_a_bit(tmp_path / "images-000000005/state.json")
    keep_newest(tmp_path, 3)
    assert len(checkpoint_paths(tmp_path)) == 3
    save(tmp_path, 6)
    keep_newest(tmp_path, 3)
    assert [int(path.name[-1]) for path in checkpoint_paths(tmp_path)] == [3, 4, 5, 6]


def test_leftovers_of_crashes_are_removed(tmp_path: Path):
    for name in (".writing-images-000000009", ".replaced-images-000000001", ".deleting-images-000000000"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.safetensors").write_text("half")
    (tmp_path / ".writing-latest-77").write_text("half")
    save(tmp_path, 1)
    keep_newest(tmp_path, 1)
    assert {path.name for path in tmp_path.iterdir()} == {"images-000000001", "latest"}


# --- crashes and refusing disks, in a child process -----------------------------------------------------------


def in_child(action: Callable[[], None]) -> int:
    """The exit status of a forked child that does `action`: 0 if it ends, 1 if it raises OSError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 about threads, which the child never uses
        child = os.fork()
    if child == 0:
        try:
            action()
        except OSError:
            os._exit(1)
        except BaseException:
            os._exit(2)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def at_operation(number: int, act: Callable[[], None]) -> None:
    """Do `act` before the given file operation that this process is going to make, counted from 0."""
    count = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        changing = event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree")
        if changing or (event == "open" and arguments[1] != "r"):
            count += 1
            if count == number + 1:
                act()

    sys.addaudithook(hook)


def refuse() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def save_again(directory: Path, images_seen: int) -> None:
    save(directory, images_seen, 9.0)
    keep_newest(directory, 1)


@pytest.mark.parametrize("images_seen", [2, 1], ids=["the next moment", "the same moment again"])
def test_a_crash_at_any_operation_leaves_the_old_checkpoint_or_the_new_one(tmp_path: Path, images_seen: int):
    values = []
    for number in range(100):
        directory = tmp_path / str(number)
        save(directory, 1, 1.0)

        def crash(directory: Path = directory, number: int = number) -> None:
            at_operation(number, lambda: os._exit(9))
            save_again(directory, images_seen)

        status = in_child(crash)
        values.append(value_of(directory))
        assert all(is_sound(path) for path in checkpoint_paths(directory))
        save(directory, 3, 3.0)
        keep_newest(directory, 1)
        assert {path.name for path in directory.iterdir()} == {"images-000000003", "latest"}
        if status == 0:
            break
        assert status == 9
    assert len(values) > 12, "the hook saw too few operations"
    assert values == sorted(values)
    assert set(values) == {1.0, 9.0}


@pytest.mark.parametrize("images_seen", [2, 1], ids=["the next moment", "the same moment again"])
def test_a_disk_that_refuses_any_operation_is_an_error_and_latest_still_verifies(tmp_path: Path, images_seen: int):
    refused = 0
    for number in range(100):
        directory = tmp_path / str(number)
        save(directory, 1, 1.0)

        def full(directory: Path = directory, number: int = number) -> None:
            at_operation(number, refuse)
            save_again(directory, images_seen)

        status = in_child(full)
        verify(directory / (directory / "latest").read_text().strip())
        assert status in (0, 1)
        refused += status
        if status == 0 and number > 12:  # cleaning up may pass over an error
            break
    assert refused > 8


def test_a_write_that_is_cut_short_is_an_error_and_leaves_no_trace(tmp_path: Path):
    save(tmp_path, 1, 1.0)
    before = snapshot(tmp_path)

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        save(tmp_path, 2, 2.0)

    assert in_child(small_disk) == 1
    assert snapshot(tmp_path) == before


def test_a_failing_fsync_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    save(tmp_path, 1, 1.0)

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="Input/output"):
            save(tmp_path, 2, 2.0)
    assert value_of(tmp_path) == 1.0


def test_every_file_reaches_the_disk_before_the_checkpoint_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    synced: list[str] = []
    original = os.fsync

    def record(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).relative_to(tmp_path).as_posix())
        original(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    save(tmp_path, 1)
    aside = ".writing-images-000000001"
    assert synced[:5] == [*(f"{aside}/{name}" for name in FILES), aside]
    assert synced[5] == "."
    assert synced[6].startswith(".writing-latest")


def test_a_state_that_is_not_json_is_never_saved(tmp_path: Path):
    with pytest.raises(ValueError, match="JSON"):
        save_checkpoint(tmp_path, 1, {}, {"loss": float("nan")})
    assert not any(tmp_path.iterdir())
