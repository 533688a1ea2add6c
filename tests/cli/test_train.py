"""Training and sampling from the command line, on tiny players."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from nablagan import optim
from nablagan.cli.choices import count
from nablagan.cli.main import main
from nablagan.cli.sample import _write_images
from nablagan.cli.train import next_directory
from nablagan.data import to_uint8
from nablagan.diagnostics.doctor import Advice, Doctor, Evidence, Rule, Sign
from nablagan.recipes.strided import BY_CLASS
from nablagan.training import writer
from nablagan.training.checkpoint import sha256
from nablagan.training.config import from_json

TINY = ["--size", "tiny", "--batch", "16", "--images", "96", "--no-derivative-check", "--cache"]


@pytest.fixture
def train(tmp_path, capsys):
    """Trains tiny players in tmp_path/run and returns the exit code and what was printed."""

    def run(*argv):
        code = main(["train", "--out", str(tmp_path / "run"), *TINY, str(tmp_path / "cache"), *argv])
        return code, capsys.readouterr()

    return run


def events(directory, kind):
    lines = [json.loads(line) for line in (directory / "events.jsonl").read_text().splitlines()]
    return [event for event in lines if event["kind"] == kind]


def test_train_writes_a_run_and_its_report(train, tmp_path):
    code, printed = train()
    run = tmp_path / "run"
    assert code == 0
    assert "done at 96 images" in printed.out
    assert f"report: {run / 'report.html'}" in printed.out
    assert "strided on builtin:digits, 96 images" in printed.err
    assert (run / "report.html").stat().st_size > 10_000
    assert (run / "DONE").exists()
    config = json.loads((run / "config.json").read_text())
    assert (config["conditional"], config["images"], config["recipe"]) == (True, 96, "strided")
    assert events(run, "tick")[-1]["measures"]["generator_learning_rate"] < 2e-3


def test_derivatives_are_checked_unless_declined(tmp_path, capsys):
    options = ["--data", "builtin:ring", "--size", "tiny", "--batch", "16", "--images", "16"]
    for name, more, times in (("checked", [], 1), ("unchecked", ["--no-derivative-check"], 0)):
        assert main(["train", *options, *more, "--out", str(tmp_path / name)]) == 0
        assert len(events(tmp_path / name, "derivative_check")) == times
    configs = [(tmp_path / name / "config.json").read_text() for name in ("checked", "unchecked")]
    assert configs[0] == configs[1]


def test_the_same_command_again_is_quick_and_changes_nothing(train, tmp_path):
    train()
    before = (tmp_path / "run/events.jsonl").read_bytes()
    code, printed = train()
    assert code == 0
    assert "done at 96 images (all its images have been seen)" in printed.out
    assert (tmp_path / "run/events.jsonl").read_bytes() == before


def test_other_settings_in_the_same_directory_are_refused(train):
    train()
    code, printed = train("--gamma", "5")
    assert code == 2
    assert "other settings" in printed.err
    assert "weight" in printed.err
    code, printed = train("--images", "960")
    assert code == 2
    assert "images: 96 there, 960 now" in printed.err
    assert "--init-from" in printed.err


def test_json_is_one_object_on_standard_output(train, tmp_path):
    code, printed = train("--json")
    content = json.loads(printed.out)
    assert (code, printed.err) == (0, "")
    assert content["status"] == "done"
    assert content["images_seen"] == 96
    assert content["report"] == str(tmp_path / "run/report.html")


def test_options_reach_the_run(train, tmp_path):
    options = ["--unconditional", "--loss", "hinge", "--gamma", "2", "--learning-rate", "5e-4", "--latent-size", "8"]
    more = ["--augment", "color,cutout", "--augment-probability", "0.5", "--ema", "64,1k", "--seed", "7"]
    code, _ = train(*options, *more, "--dtype", "float64", "--picture-images", "48", "--checkpoint-images", "32")
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert code == 0
    assert (config["conditional"], config["loss"], config["latent_size"]) == (False, "nablagan.losses:hinge", 8)
    assert config["generator_adam"]["learning_rate"]["start"] == 5e-4
    assert [penalty["weight"]["start"] for penalty in config["penalties"]] == [2.0, 2.0]
    assert (config["augmentations"], config["ema_half_lives"]) == (["color", "cutout"], [64, 1000])
    assert config["augmentation_probability"]["end"] == 0.5
    assert (config["seed"], config["dtype"]) == (7, "float64")
    assert (config["picture_images"], config["checkpoint_images"]) == (48, 32)


def test_a_gamma_that_sets_itself_moves_and_resumes(train, tmp_path):
    assert train("--gamma", "auto")[0] == 0
    weights = [event["measures"]["penalty_weight_r1"] for event in events(tmp_path / "run", "tick")]
    assert len(set(weights)) == len(weights) > 1
    code, printed = train("--gamma", "auto")
    assert (code, "all its images have been seen" in printed.out) == (0, True)
    with pytest.raises(SystemExit) as ended:
        train("--gamma", "much")
    assert ended.value.code == 2


def test_an_update_is_chosen_by_name_and_resumes_bit_for_bit(tmp_path, capsys):
    """Optimistic play remembers its last step: it has to come back from the checkpoint too."""
    options = ["--data", "builtin:ring", "--size", "tiny", "--batch", "16", "--images", "48", "--dtype", "float64"]
    for name, update in (("extragradient", "Extragradient"), ("past-extragradient", "PastExtragradient")):
        argv = ["train", *options, "--update", name, "--out"]
        assert main([*argv, str(tmp_path / name)]) == 0
        resumed = tmp_path / f"{name}-resumed"
        assert main([*argv, str(resumed), "--seconds", "0.000001"]) == 0
        assert main([*argv, str(resumed)]) == 0
        assert "going on from 16 images" in capsys.readouterr().err
        config = json.loads((resumed / "config.json").read_text())
        assert config["update"].split(":")[1] == update
        assert from_json(config).update is getattr(optim, update)
        straight, again = (
            {file.name: file.read_bytes() for file in (run / "checkpoints/images-000000048").glob("*.safetensors")}
            for run in (tmp_path / name, resumed)
        )
        assert straight == again
    assert "extra.last" in load_file(resumed / "checkpoints/images-000000048/optimizers.safetensors")
    assert main([*argv, str(resumed), "--update", "optimistic"]) == 2
    assert "update: 'nablagan.optim.past_extragradient:PastExtragradient' there" in capsys.readouterr().err


def test_the_penalties_method_is_chosen_by_name_and_is_part_of_the_run(train, tmp_path):
    code, _ = train("--penalty-method", "aligned-fd")
    chosen = [setting["penalty"] for setting in json.loads((tmp_path / "run/config.json").read_text())["penalties"]]
    assert code == 0
    assert [penalty["partial"].split(":")[1] for penalty in chosen] == ["r1", "r2"]
    assert {penalty["keywords"]["method"] for penalty in chosen} == {"nablagan.penalties.methods:aligned_fd"}
    (tick, *_) = events(tmp_path / "run", "tick")
    assert {"penalty_r1", "penalty_weight_r1", "penalty_r2", "penalty_weight_r2"} <= set(tick["measures"])
    code, printed = train()
    assert (code, "penalties: " in printed.err) == (2, True)
    code, printed = train("--penalty-method", "aligned")
    assert code == 2
    assert "no penalty method 'aligned': did you mean aligned_fd? there are double_backward" in printed.err


def test_an_unknown_update_is_refused_with_the_nearest_name(train):
    code, printed = train("--update", "extragradiant")
    assert code == 2
    assert "no update 'extragradiant': did you mean extragradient?" in printed.err
    assert "runge_kutta_4" in printed.err
    assert " along" not in printed.err


def test_points_are_trained_by_default_with_the_recipe_for_points(tmp_path, capsys):
    options = ["--data", "builtin:ring", "--size", "tiny", "--images", "512", "--out", str(tmp_path / "run")]
    assert main(["train", *options]) == 0
    assert json.loads((tmp_path / "run/config.json").read_text())["recipe"] == "points"
    assert main(["sample", str(tmp_path / "run"), "--count", "32", "--out", str(tmp_path / "points")]) == 0
    assert {path.name for path in (tmp_path / "points").iterdir()} == {"points.npy", "points.png"}


def test_dry_run_writes_nothing(train, tmp_path):
    code, printed = train("--dry-run", "--json")
    content = json.loads(printed.out)
    assert code == 0
    assert content["run"]["images"] == 96
    assert content["parameters"]["generator"] > 1000
    assert content["expected_seconds"] > 0
    assert not (tmp_path / "run").exists()
    code, printed = train("--dry-run")
    assert "expected time:" in printed.out
    code, printed = train("--dry-run", "--learning-rate", "1e30", "--loss", "least_squares")
    assert code == 2
    assert "diverges in its first steps" in printed.err


def test_diverged_training_ends_with_3_and_a_report(train, tmp_path):
    code, printed = train("--learning-rate", "1e30", "--loss", "least_squares")
    assert code == 3
    assert "training failed" in printed.err
    assert (tmp_path / "run/FAILED").exists()
    assert (tmp_path / "run/report.html").exists()


def test_a_time_limit_stops_a_run_that_goes_on_later(train, tmp_path):
    code, printed = train("--seconds", "0.000001")
    assert code == 0
    assert "stopped at 16 images" in printed.out
    code, printed = train()
    assert code == 0
    assert "going on from 16 images" in printed.err
    assert "done at 96 images" in printed.out


def test_a_new_run_begins_with_the_players_of_another(train, tmp_path, capsys):
    train()
    options = ["--cache", str(tmp_path / "cache"), "--size", "tiny", "--batch", "16", "--images", "16"]
    argv = ["train", "--init-from", str(tmp_path / "run"), "--out", str(tmp_path / "second"), *options]
    assert main(argv) == 0
    first, second = (
        load_file(tmp_path / name / "generator.safetensors")
        for name in ("run/checkpoints/images-000000096", "second/checkpoints/images-000000000")
    )
    assert all(first[name].equal(second[name]) for name in first)
    assert events(tmp_path / "second", "start")[0]["init_from"] == str(tmp_path / "run")
    capsys.readouterr()
    for other in (["--unconditional"], ["--latent-size", "8"]):
        assert main([*argv, "--out", str(tmp_path / "third"), *other]) == 2
        assert "the players to start from are not like this run's" in capsys.readouterr().err
    assert main([*argv, "--out", str(tmp_path / "third"), "--init-from", str(tmp_path)]) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_signal_stops_training_with_a_checkpoint(tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "nablagan", "train", "--size", "tiny", "--batch", "16", "--out", str(out)]
    environment = {**os.environ, "NABLAGAN_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while not (out / "events.jsonl").exists() or not events(out, "tick"):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate()
    assert process.returncode == 143, printed
    assert "stopped at" in printed
    assert (out / "checkpoints" / (out / "checkpoints/latest").read_text().strip() / "manifest.json").exists()


def test_sample_gives_the_same_bytes_for_the_same_seed(train, tmp_path, capsys):
    train()
    for name in ("a", "b"):
        argv = ["sample", str(tmp_path / "run"), "--count", "11", "--seed", "1", "--out", str(tmp_path / name)]
        assert main([*argv, "--class", "3"]) == 0
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == [f"{index:03d}.png" for index in range(11)] + ["grid.png"]
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
    assert main([*argv, "--seed", "2", "--class", "3"]) == 0
    assert (tmp_path / "a/000.png").read_bytes() != (tmp_path / "b/000.png").read_bytes()
    assert main([*argv, "--class", "4", "--json"]) == 0
    assert (tmp_path / "a/000.png").read_bytes() != (tmp_path / "b/000.png").read_bytes()
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["files"] == files


def test_wrong_requests_for_samples(train, tmp_path, capsys):
    train("--ema", "64")
    run = str(tmp_path / "run")
    for options, expected in (
        (["--class", "ten"], "no class 'ten': this run has 0, 1, 2"),
        (["--count", "0"], "count is 0"),
        (["--ema", "5"], "no average with half-life 5"),
        (["--checkpoint", "nowhere"], "nowhere"),
    ):
        assert main(["sample", run, "--out", str(tmp_path / "samples"), *options]) == 2
        error = capsys.readouterr().err
        assert expected in error
        assert error.count("\n") == 1


@pytest.mark.parametrize(("channels", "whole"), [(1, False), (2, True), (3, False), (5, True)])
def test_samples_of_many_channels_are_kept_whole(tmp_path, channels, whole):
    samples = torch.rand(2, channels, 8, 8) * 2 - 1
    files = _write_images(samples, tmp_path)
    assert [file.name for file in files] == ["000.png", "001.png", *["samples.npy"] * whole, "grid.png"]
    if whole:
        assert np.array_equal(np.load(files[2]), to_uint8(samples))


@pytest.mark.parametrize(("text", "expected"), [("200000", 200_000), ("200k", 200_000), ("1.5M", 1_500_000)])
def test_counts(text, expected):
    assert count(text) == expected


def test_new_runs_are_numbered(tmp_path):
    assert next_directory(tmp_path, "digits", "strided").name == "00001-digits-strided"
    (tmp_path / "00041-x-y").mkdir()
    assert next_directory(tmp_path, "my photos/", "r3gan").name == "00042-my-photos--r3gan"


def test_rates_momentum_and_spectral_norm_reach_the_run_which_resumes_and_samples(train, tmp_path):
    options = ["--learning-rate", "1e-3", "--discriminator-learning-rate", "4e-3", "--beta1", "0.5", "--spectral-norm"]
    assert train(*options, "--seconds", "0.000001")[0] == 0
    assert train(*options)[0] == 0
    config = json.loads((tmp_path / "run/config.json").read_text())
    generator, discriminator = (config[f"{player}_adam"] for player in ("generator", "discriminator"))
    assert (generator["learning_rate"]["start"], discriminator["learning_rate"]["start"]) == (1e-3, 4e-3)
    assert discriminator["learning_rate"]["end"] == pytest.approx(
        4e-3 * BY_CLASS.left
    )  # the recipe's schedule, in its proportions
    assert (generator["beta1"], discriminator["beta1"]) == (0.5, 0.5)
    assert config["discriminator"]["build"] == "nablagan.players.spectral:spectral"
    assert config["generator"]["build"] == "nablagan.players.dcgan:generator"
    weights = load_file(tmp_path / "run/checkpoints/images-000000096/discriminator.safetensors")
    assert any("parametrizations" in name for name in weights)
    assert main(["sample", str(tmp_path / "run"), "--count", "2", "--out", str(tmp_path / "samples")]) == 0
    straight = tmp_path / "straight"
    assert main(["train", "--out", str(straight), *TINY, str(tmp_path / "cache"), *options]) == 0
    again = load_file(straight / "checkpoints/images-000000096/discriminator.safetensors")
    assert all(torch.equal(again[name], weight) for name, weight in weights.items())


def test_a_rate_of_the_discriminator_alone_leaves_the_generators(train, tmp_path):
    assert train("--discriminator-learning-rate", "7e-3", "--images", "16")[0] == 0
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["generator_adam"]["learning_rate"]["start"] == 2e-3
    assert config["discriminator_adam"]["learning_rate"]["start"] == 7e-3


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--discriminator-learning-rate", "0", "discriminator learning rate is 0.0: give a number above 0"),
        ("--discriminator-learning-rate", "nan", "discriminator learning rate is nan"),
        ("--learning-rate", "inf", "learning rate is inf: give a number above 0"),
        ("--beta1", "1", "beta1 is 1.0: give a number in [0, 1)"),
        ("--beta1", "-0.1", "beta1 is -0.1"),
        ("--beta1", "nan", "beta1 is nan"),
    ],
)
def test_rates_and_momentum_out_of_range_are_refused(train, tmp_path, option, value, words):
    code, printed = train(option, value)
    assert (code, words in printed.err) == (2, True)
    assert not (tmp_path / "run").exists()


def test_spectral_norm_of_a_zero_weight_is_refused(train, tmp_path):
    code, printed = train("r3gan", "--spectral-norm")
    assert (code, "is zero" in printed.err) == (2, True)
    assert not (tmp_path / "run").exists()


def test_trouble_stops_with_3_and_the_command_again_goes_on(train, tmp_path, monkeypatch, capsys):
    """One rule that finds something at the first probe, at once."""

    def sign(history, circumstances):
        return Sign(float(history.images_seen >= 120), (Evidence("overlap", 0.4, 0.5, "it shivers"),))

    rule = Rule("fever", "a fever", sign, lambda *_: Advice("keep it warm", ("--gamma", "1")), 1)
    monkeypatch.setattr(writer, "Doctor", partial(Doctor, rules=(rule,)))
    options = ["--images", "288", "--batch", "2", "--on-trouble", "stop"]  # a probe every 120 images
    code, printed = train(*options)
    assert code == 3
    assert "doctor: a fever (it shivers). Keep it warm: --gamma 1" in printed.err
    assert "stopped at 120 images (the doctor found: a fever; try --gamma 1)" in printed.out
    assert "training failed" not in printed.err
    code, printed = train(*options)
    assert (code, "done at 288 images" in printed.out) == (0, True)
    page = (tmp_path / "run/report.html").read_text()
    assert "A fever" in page
    with pytest.raises(SystemExit) as ended:
        train("--on-trouble", "panic")
    assert ended.value.code == 2


def test_a_run_from_before_probes_goes_on_as_it_began_and_has_its_report(train, tmp_path, capsys):
    """Its config.json and checkpoints know nothing of held-out samples and intervals of probes."""
    assert train("--seconds", "0.000001")[0] == 0
    run = tmp_path / "run"
    old = ("holdout", "probe_images", "audit_images")
    config = json.loads((run / "config.json").read_text())
    assert config["holdout"] == 64
    (run / "config.json").write_text(json.dumps({k: v for k, v in config.items() if k not in old}))
    for checkpoint in (run / "checkpoints").glob("images-*"):
        state, manifest = (json.loads((checkpoint / f"{name}.json").read_text()) for name in ("state", "manifest"))
        state["run"] = {k: v for k, v in state["run"].items() if k not in old}
        (checkpoint / "state.json").write_text(json.dumps(state))
        manifest["sha256"]["state.json"] = sha256(checkpoint / "state.json")
        (checkpoint / "manifest.json").write_text(json.dumps(manifest))
    assert main(["report", str(run)]) == 0
    capsys.readouterr()
    code, printed = train()
    assert (code, "done at 96 images" in printed.out) == (0, True)
    assert json.loads((run / "config.json").read_text())["holdout"] == 0
    code, printed = train()
    assert (code, "all its images have been seen" in printed.out) == (0, True)
