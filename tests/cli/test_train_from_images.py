"""`nablagan train` on images to be translated or completed: what its options do, and what is refused in one line."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from judging import pixel_features
from nablagan.cli.main import main
from nablagan.cli.train import _next
from nablagan.evaluation.pairs import PairJudge
from nablagan.metrics.features import Extractor
from nablagan.metrics.perceptual import StageFeatures
from nablagan.training.best import best_name
from runs import events

TINY = ["--size", "tiny", "--batch", "4", "--images", "8", "--no-derivative-check"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders A and B of two splits, of different pictures, 8x8 in grey and colour."""
    place = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        for name in map(str, range(12)):
            for folder, shape in (("A", (8, 8)), ("B", (8, 8, 3))):
                path = place / split / folder / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(random.integers(0, 256, shape, np.uint8)).save(path)
    return place


@pytest.fixture
def train(tmp_path, capsys):
    """Trains in tmp_path/NAME and returns the exit code and what was printed."""

    def run(name, *argv):
        places = ["--out", str(tmp_path / name), "--cache", str(tmp_path / "cache")]
        return main(["train", *map(str, argv), *TINY, *places]), capsys.readouterr()

    return run


def kept(place: Path) -> tuple[dict, dict]:
    """config.json and data.json."""
    return json.loads((place / "config.json").read_text()), json.loads((place / "data.json").read_text())


def test_a_split_and_augmentations_reach_the_run(train, data, tmp_path):
    code, printed = train("run", "translate", "--data", data, "--split", "val", "--pair-augment", "flip,shift")
    assert (code, "next:   nablagan translate" in printed.out) == (0, True)
    config, described = kept(tmp_path / "run")
    assert config["data"]["options"] == {"paired": True, "split": "val"}
    assert config["pair_augmentations"] == ["flip", "shift"]
    assert described["ignored"] == {"not of the split val": 24}
    code, printed = train("run", "translate", "--data", data, "--pair-augment", "flip,shift")
    assert (code, "the data have changed" in printed.err) == (2, True)


def test_evaluations_while_training_keep_the_best(train, data, tmp_path, monkeypatch):
    sums = Extractor("sums", pixel_features, {"dimensions": 5})
    judge = PairJudge(sums, StageFeatures("pixels", lambda images: [images], {}))
    monkeypatch.setattr("nablagan.evaluation.opening.open_pair_judge", lambda *chosen: judge)
    monkeypatch.setattr("nablagan.recipes.options.HOLDOUT_PART", 3)  # of 12 pairs, 4 are held out
    code, printed = train("run", "translate", "--data", data, "--evaluate-every", "4", "--evaluate-share", "1")
    assert code == 0, printed.err
    found = events(tmp_path / "run", "evaluation")
    assert [event["images_seen"] for event in found] == [4, 8]
    assert all(event["by"] == "perceptual_distance" for event in found)
    values = [event["measures"]["perceptual_distance"] for event in found]
    assert best_name(tmp_path / "run" / "checkpoints") == f"images-{found[int(np.argmin(values))]['images_seen']:09d}"
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Perceptual distance while training" in page
    assert "4 samples a side, pixels features, against" in page


class Record:
    """What `_next` asks of a run: the options that its generator was built with."""

    def __init__(self, **options):
        self.config = {"masks": None, "generator": {"options": options}}

    def get(self, part, *keys):
        value = self.config if part == "config" else {"source_shape": [1, 8, 8]}  # of the data, whoever uses them
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value


def test_a_run_of_latents_on_data_with_sources_is_sampled_from():
    assert _next(Record(), "run") == "nablagan sample run --count 64 --out samples"
    assert _next(Record(source_shape=[1, 8, 8]), "run") == "nablagan translate run IMAGES --out translated"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("translate", "--split", "dev"), "holds the splits train, val and no dev"),
        (("strided", "--split", "val"), "--split is for"),
        (("translate", "--evaluate-every", "8"), "samples are held out, on which nothing can be judged"),
        (("translate", "--evaluate-every", "8", "--best", "coverage"), "no best by 'coverage'"),
        (("translate", "--unpaired", "--evaluate-every", "8", "--best", "l1"), "there are kernel_distance"),
        (("pix2pix", "--update", "pooled"), "beside another one's source"),
        (("translate", "--sees-source", "--update", "pooled", "--dry-run"), "beside another one's source"),
        (("translate", "--reconstruction", "0"), "nothing ties an image to its source"),
        (("translate", "--unpaired", "--no-sees-source"), "no use for --no-sees-source"),
        (("strided", "--sees-source"), "no use for --sees-source"),
        (("translate", "--augment", "color"), "no use for --augment"),
        (("translate", "--pair-augment", "color"), "no pair augmentation 'color'"),
        (("translate", "--conditional"), "no use for --conditional"),
        (("translate", "--holes", "box"), "no use for --holes"),
        (("strided", "--holes", "box"), "no use for --holes"),
        (("strided", "--net", "unet"), "no use for --net"),
        (("strided", "--pair-augment", "flip"), "no use for --pair-augment"),
        (("translate", "--net", "partial"), "need a mask"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(train, data, tmp_path, options, words):
    code, printed = train("run", *options, "--data", data / "train/B" if options[0] == "strided" else data)
    assert code == 2
    assert words in printed.err
    assert printed.err.splitlines()[-1].startswith("nablagan: error: ")
    assert not (tmp_path / "run").exists()
