"""Runs that start from images: they resume exactly, two processes make the run of one, pictures show what they say."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from image_runs import RUNS, completion_run, pairs, pooled_run, translation_run
from nablagan.data.sampler import Sampler
from nablagan.report import write_report
from nablagan.training import showing
from nablagan.training.config import from_json, to_json
from nablagan.training.loop import prepare
from nablagan.training.restore import load_trained
from nablagan.training.translating import load_translator
from nablagan.types import InputError
from runs import ALONE, BATCH, events, go, images, images_run, stop_at, story, tensor_bytes
from torchruns import torchrun, worst_difference

every_task = pytest.mark.parametrize("name", RUNS)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run of each task."""
    place = tmp_path_factory.mktemp("finished")
    for name, (run, data) in RUNS.items():
        assert go(place / name, run(), data(), check_derivatives=True).status == "done"
    return {name: place / name for name in RUNS}


@every_task
def test_a_stopped_run_goes_on_exactly(name: str, finished: dict[str, Path], tmp_path: Path):
    run, data = RUNS[name]
    assert go(tmp_path / "run", run(), data(), check_derivatives=True, on_step=stop_at(5 * BATCH)).status == "stopped"
    assert go(tmp_path / "run", run(), data()).status == "done"
    assert tensor_bytes(tmp_path / "run") == tensor_bytes(finished[name])
    told = [event for event in story(tmp_path / "run") if event["kind"] != "derivative_check"]
    assert told == [event for event in story(finished[name]) if event["kind"] != "derivative_check"]


def test_a_pool_of_past_samples_goes_on_exactly(tmp_path: Path):
    data = RUNS["two ways"][1]()
    assert go(tmp_path / "straight", pooled_run(), data).status == "done"
    assert go(tmp_path / "run", pooled_run(), data, on_step=stop_at(5 * BATCH)).status == "stopped"
    assert go(tmp_path / "run", pooled_run(), data).status == "done"
    assert tensor_bytes(tmp_path / "run") == tensor_bytes(tmp_path / "straight")


def test_moved_pairs_go_on_exactly(tmp_path: Path):
    moving, data = translation_run(pair_augmentations=("flip", "shift", "zoom")), pairs()
    assert go(tmp_path / "straight", moving, data).status == "done"
    assert go(tmp_path / "run", moving, data, on_step=stop_at(5 * BATCH)).status == "stopped"
    assert go(tmp_path / "run", moving, data).status == "done"
    assert tensor_bytes(tmp_path / "run") == tensor_bytes(tmp_path / "straight")
    with pytest.raises(InputError, match="pair_augmentations: "):
        go(tmp_path / "run", translation_run(), data)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("two") / "tasks"
    torchrun(directory, "tasks")
    return directory


@every_task
def test_two_processes_make_the_run_of_one(name: str, finished: dict[str, Path], together: Path):
    """10 steps in float64; the oracle is the run of one process."""
    assert worst_difference(finished[name], together / name) < 1e-12


@every_task
def test_gradients_were_checked_and_vital_signs_taken(name: str, finished: dict[str, Path]):
    (checked,) = events(finished[name], "derivative_check")
    assert len(checked["agree"]) == 6
    probe = next(event for event in events(finished[name], "probe") if "overlap" in event["measures"])
    assert {"diversity", "sample_distance", "overlap", "memorisation", "generator_signal"} <= set(probe["measures"])


@every_task
def test_settings_survive_their_file(name: str):
    run = RUNS[name][0]()
    assert from_json(json.loads(json.dumps(to_json(run)))) == run


@every_task
def test_a_report_is_drawn(name: str, finished: dict[str, Path]):
    page = write_report(finished[name]).read_text()
    assert "From left to right: input, output" in page
    assert (finished[name] / "samples/images-000000080.png").exists()


@every_task
def test_pictures_have_the_columns_that_they_say(name: str, finished: dict[str, Path]):
    (run, data), trained = RUNS[name], load_trained(finished[name])
    columns = showing.columns_of(trained.generator, run(), data())
    assert [title for title, _ in columns] == showing.titles_of(run(), data())
    assert all(len(column) == showing.ROWS for _, column in columns)
    drawn = events(finished[name], "samples")[-1]
    assert drawn["columns"] == showing.titles_of(run(), data())
    with Image.open(finished[name] / drawn["file"]) as picture:
        assert picture.width > picture.height * len(columns) / showing.ROWS * 0.9


def test_what_is_shown_first_was_never_trained_on():
    run, data = translation_run(), pairs()
    shown = showing.examples(run, data)
    state = prepare(run, data.shape, 0, ALONE)
    sampler = Sampler(data, BATCH, 2, run.seed, holdout=run.holdout)
    known = {tuple(data.samples[i].ravel()) for i in sampler.members}
    rows = [tuple(((row + 1) * 127.5).round().byte().flatten().tolist()) for row in shown.real]
    assert [row in known for row in rows] == [False] * run.holdout + [True] * (showing.ROWS - run.holdout)
    assert state.run is run


def test_a_translator_is_the_averaged_net(finished: dict[str, Path]):
    translator = load_translator(finished["translation"])
    assert (translator.shape, translator.source_shape, translator.latent_size) == ((1, 8, 8), (3, 8, 8), 2)
    source, latent = torch.rand(2, 3, 5, 9), torch.randn(2, 2)
    expected = load_trained(finished["translation"]).generator(source.double(), latent.double()).float()
    assert torch.equal(translator(source, latent), expected)
    completing = load_translator(finished["completion"])
    assert completing.completes
    assert completing.source_shape == (2, 8, 8)


def test_both_ways_are_there_where_they_were_learnt(finished: dict[str, Path]):
    back = load_translator(finished["two ways"], backwards=True)
    assert (back.shape, back.source_shape, back.latent_size) == ((3, 8, 8), (1, 8, 8), 0)
    net = load_trained(finished["two ways"]).generator
    source = torch.rand(2, 1, 8, 8)
    assert torch.equal(back(source), net.back(source.double()).float())
    with pytest.raises(InputError, match="one direction only"):
        load_translator(finished["contrastive"], backwards=True)


def test_a_run_of_latents_translates_nothing(tmp_path: Path):
    go(tmp_path, images_run(images=BATCH))
    with pytest.raises(InputError, match="makes images of latents: use nablagan sample"):
        load_translator(tmp_path)


def test_unpaired_sources_come_in_an_order_of_their_own():
    data = pairs(is_paired=False, sources=13)
    sampler = Sampler(data, 8, 2, 0)
    seen = [sampler.batch(at).source for at in range(0, 8 * 13, 8)]
    assert data.sources is not None
    every = {bytes(row.ravel()) for row in data.sources}
    rows = [((row + 1) * 127.5).round().byte().numpy() for batch in seen if batch is not None for row in batch]
    counts = [sum(bytes(row.ravel()) == one for row in rows) for one in every]
    assert counts == [8] * 13


def test_two_processes_draw_what_one_draws():
    for data, masks in (
        (pairs(), None),
        (pairs(is_paired=False, sources=13), None),
        (images(), completion_run().masks),
    ):
        whole = Sampler(data, 8, 4, 0, masks=masks).batch(16, 24)
        halves = [Sampler(data, 8, 4, 0, False, rank, 2, masks=masks).batch(16, 24) for rank in (0, 1)]
        for name in ("real", "source", "mask"):
            if (tensor := getattr(whole, name)) is not None:
                assert torch.equal(torch.cat([getattr(half, name) for half in halves]), tensor)


def test_masks_of_the_data_are_used_row_by_row():
    data = images()
    own = np.zeros((20, 1, 8, 8), np.uint8)
    own[np.arange(20), 0, 0, np.arange(20) % 8] = 255
    batch = Sampler(replace(data, masks=own), 8, 4, 0, masks=completion_run().masks).of_samples(np.arange(5))
    assert batch.mask is not None
    assert batch.mask[:, 0, 0].argmax(1).tolist() == [0, 1, 2, 3, 4]
    assert batch.mask.sum().item() == 5


def test_what_is_for_generation_is_refused_elsewhere():
    with pytest.raises(InputError, match="for generation, not translation"):
        translation_run(augmentations=("color",))
    assert translation_run(latent_size=0).latent_size == 0
    with pytest.raises(InputError, match="latent_size is 0"):
        images_run(latent_size=0)
    with pytest.raises(InputError, match="pair augmentations are for translation and completion"):
        images_run(pair_augmentations=("flip",))
    with pytest.raises(InputError, match="pair augmentation 'turn' is unknown"):
        translation_run(pair_augmentations=("turn",))
