"""Pairs, domains and images with masks of the user's own. Oracle: the pixels that were written, cut by numpy."""

import zipfile
from functools import partial

import numpy as np
import pytest
from PIL import Image

from data.making import channels_first, encoded, photo
from nablagan.data import contact_sheet, open_dataset, open_masked, open_pairs, reversed_pairs
from nablagan.types import InputError

COUNT = 9


def pictures(channels=3, height=16, width=16, first=0, count=COUNT):
    return [photo(height, width, channels, seed=first + index) for index in range(count)]


def write(folder, images, suffix=".png", **options):
    folder.mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(images):
        format = {".png": "PNG", ".tif": "TIFF", ".jpg": "JPEG"}[suffix]
        (folder / f"{index:03d}{suffix}").write_bytes(encoded(image, format, **options))


def stacked(images):
    return np.stack([channels_first(image) for image in images])


@pytest.fixture
def sides():
    """Grey sources, and samples in colour that are their partners."""
    return pictures(channels=1, first=50), pictures(channels=3)


def check_pairs(dataset, sources, samples):
    np.testing.assert_array_equal(dataset.sources, stacked(sources))
    np.testing.assert_array_equal(dataset.samples, stacked(samples))
    assert dataset.is_paired
    assert (dataset.labels, dataset.classes, dataset.masks) == (None, (), None)
    assert dataset.description["source_shape"] == list(dataset.sources.shape[1:])


@pytest.mark.parametrize(
    "names", [("A", "B"), ("trainA", "trainB"), ("source", "target"), ("Sources", "Targets"), ("a", "b")]
)
def test_two_folders_are_matched_by_name(tmp_path, sides, names):
    sources, samples = sides
    write(tmp_path / "maps" / names[0], sources, ".tif")  # another format makes no other name
    write(tmp_path / "maps" / names[1], samples)
    dataset = open_pairs(tmp_path / "maps")
    check_pairs(dataset, sources, samples)
    assert (dataset.name, len(dataset), dataset.description["bad_count"]) == ("maps", COUNT, 0)


def test_the_split_says_which_folders(tmp_path, sides):
    sources, samples = sides
    for folder, images in (
        ("trainA", sources),
        ("trainB", samples),
        ("testA", sources[::-1]),
        ("testB", samples[::-1]),
    ):
        write(tmp_path / folder, images)
    check_pairs(open_pairs(tmp_path), sources, samples)
    held_out = open_pairs(tmp_path, split="test")
    check_pairs(held_out, sources[::-1], samples[::-1])
    assert held_out.description["ignored"] == {"beside testA and testB": 2 * COUNT}


@pytest.mark.parametrize("inside", [True, False])
def test_folders_of_splits_are_not_mixed(tmp_path, sides, inside):
    sources, samples = sides
    for split, step in (("train", 1), ("Test", -1)):
        for folder, images in (("A", sources), ("B", samples)):
            write(tmp_path / (f"{folder}/{split}" if inside else f"{split}/{folder}"), images[::step])
    check_pairs(open_pairs(tmp_path), sources, samples)
    held_out = open_pairs(tmp_path, split="test")
    check_pairs(held_out, sources[::-1], samples[::-1])
    assert held_out.description["ignored"] == {"not of the split test": 2 * COUNT}
    with pytest.raises(InputError, match="holds the splits test, train and no val; choose one"):
        open_pairs(tmp_path, split="val")


def test_files_side_by_side_of_one_split(tmp_path):
    both = pictures(width=32)
    write(tmp_path / "facades" / "train", both)
    write(tmp_path / "facades" / "val", both[::-1])
    dataset = open_pairs(tmp_path / "facades", split="val")
    check_pairs(dataset, [image[:, :16] for image in both[::-1]], [image[:, 16:] for image in both[::-1]])


def test_files_side_by_side_are_cut_in_the_middle(tmp_path):
    sources, samples = pictures(first=50, height=16, width=24), pictures(height=16, width=24)
    write(tmp_path, [np.concatenate(both, axis=1) for both in zip(sources, samples, strict=True)])
    dataset = open_pairs(tmp_path, resolution=(16, 24))
    check_pairs(dataset, sources, samples)
    assert dataset.description["sizes"] == {"16x24": COUNT}


def test_a_zip_is_read_like_a_folder(tmp_path, sides):
    sources, samples = sides
    with zipfile.ZipFile(tmp_path / "maps.zip", "w") as archive:
        for folder, images in (("maps/A", sources), ("maps/B", samples)):
            for index, image in enumerate(images):
                archive.writestr(f"{folder}/{index}.png", encoded(image))
    check_pairs(open_pairs(tmp_path / "maps.zip"), sources, samples)


def test_a_table_names_the_files(tmp_path, sides):
    sources, samples = sides
    write(tmp_path / "left", sources)
    write(tmp_path / "right", samples)
    masks = [(image[..., 0] > 127) * np.uint8(255) for image in samples]
    write(tmp_path / "holes", masks)
    lines = [f"right/{index:03d}.png,left/{index:03d}.png,holes/{index:03d}.png" for index in range(COUNT)]
    (tmp_path / "pairs.csv").write_text("\n".join(["Target,Source,Note", *lines]))
    check_pairs(open_pairs(tmp_path / "pairs.csv"), sources, samples)
    (tmp_path / "all.csv").write_text("\n".join(["target,source,mask", *lines]))
    dataset = open_pairs(tmp_path / "all.csv")
    np.testing.assert_array_equal(dataset.masks, stacked(masks))
    np.testing.assert_array_equal(dataset.sources, stacked(sources))
    masked = open_masked(tmp_path / "all.csv")
    np.testing.assert_array_equal(masked.masks, dataset.masks)
    np.testing.assert_array_equal(masked.samples, dataset.samples)
    assert masked.sources is None
    assert open_pairs(tmp_path / "pairs.csv", paired=False).is_paired is False
    alone = open_masked(tmp_path / "pairs.csv")  # images to be completed with holes that are drawn
    assert (alone.masks, alone.sources) == (None, None)
    assert np.array_equal(alone.samples, open_pairs(tmp_path / "pairs.csv").samples)


def test_unpaired_domains_have_their_own_counts_and_one_size(tmp_path):
    sources, samples = pictures(channels=1, first=50, height=20, width=24, count=11), pictures()
    write(tmp_path / "A", sources)
    write(tmp_path / "B", samples)
    dataset = open_pairs(tmp_path, paired=False, resolution=16)
    assert (dataset.sources.shape, dataset.samples.shape) == ((11, 1, 16, 16), (COUNT, 3, 16, 16))
    assert not dataset.is_paired
    np.testing.assert_array_equal(dataset.samples, stacked(samples))
    assert contact_sheet(dataset).width > 100
    alone = open_dataset(tmp_path / "A", resolution=16)
    np.testing.assert_array_equal(dataset.sources, alone.samples)


def test_both_sides_of_a_pair_are_cut_and_scaled_alike(tmp_path):
    images = pictures(height=30, width=46)
    write(tmp_path / "A", images)
    write(tmp_path / "B", images)
    for fit in ("crop", "pad", "stretch", "border"):
        dataset = open_pairs(tmp_path, resolution=20, fit=fit)
        np.testing.assert_array_equal(dataset.sources, dataset.samples)
        assert dataset.shape == (3, 20, 20)
    odd = open_pairs(tmp_path, resolution=(37, 53), source_channels=1)
    assert (odd.shape, odd.sources.shape) == ((3, 37, 53), (COUNT, 1, 37, 53))


def test_bad_pairs_are_counted_with_their_names(tmp_path, sides):
    sources, samples = sides
    write(tmp_path / "A", [*sources, sources[0], photo(8, 8, channels=1), sources[0]])
    write(tmp_path / "B", [*samples, samples[0], photo(16, 16)])
    (tmp_path / "B" / "009.png").write_bytes(b"\x89PNG")
    (tmp_path / "B" / "000.tif").write_bytes(encoded(samples[0], "TIFF"))
    dataset = open_pairs(tmp_path, limit_bad=0.5)
    check_pairs(dataset, sources[1:], samples[1:])
    assert dataset.description["bad"] == {
        "not an image": ["A/009.png"],
        "of another size than its partner": ["A/010.png"],
        "of the same name as another": ["A/000.png", "B/000.png", "B/000.tif"],
        "without a partner in the other folder": ["A/011.png"],
    }
    with pytest.raises(
        InputError, match=r"6 of 14 files .* without a partner in the other folder \(A/011.png\).*--limit"
    ):
        open_pairs(tmp_path)


def test_pictures_of_odd_width_are_not_side_by_side(tmp_path):
    write(tmp_path, [*pictures(width=32), photo(16, 31)])
    dataset = open_pairs(tmp_path, limit_bad=0.2)
    assert dataset.description["bad"] == {"of odd width, so no two pictures side by side": ["009.png"]}
    assert dataset.shape == (3, 16, 16)


def test_pairs_come_from_the_cache_and_change_with_a_byte_of_either_side(tmp_path, sides, monkeypatch):
    for folder, images in zip("AB", sides, strict=True):
        write(tmp_path / folder, images)
    first = open_pairs(tmp_path)
    monkeypatch.setattr("nablagan.data.rows._decoded", None)
    assert open_pairs(tmp_path).fingerprint == first.fingerprint
    monkeypatch.undo()
    (tmp_path / "A" / "003.png").write_bytes(encoded(255 - sides[0][3]))
    assert open_pairs(tmp_path).fingerprint != first.fingerprint
    assert open_pairs(tmp_path, resolution=8).fingerprint != first.fingerprint


def test_sixteen_bits_and_exif_on_one_side(tmp_path):
    upright = pictures(channels=3)
    turned = Image.Exif()
    turned[0x0112] = 6
    deep = [np.rot90(image[..., 0].astype(np.uint16) * 257).copy() for image in upright]
    write(tmp_path / "A", deep, exif=turned)
    write(tmp_path / "B", upright)
    dataset = open_pairs(tmp_path)
    np.testing.assert_array_equal(dataset.sources, stacked([image[..., 0] for image in upright]))
    assert dataset.description["converted"] == {"16 bits to 8": COUNT, "turned as EXIF says": COUNT}


def test_floats_and_many_channels_come_from_tiff_files(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    random = np.random.default_rng(0)
    for folder in "AB":
        (tmp_path / folder).mkdir()
    bands, colours = (
        random.integers(0, 256, (COUNT, 5, 16, 16), np.uint8),
        random.random((COUNT, 16, 16, 3), np.float32),
    )
    for index in range(COUNT):
        tifffile.imwrite(
            tmp_path / "A" / f"{index}.tif", bands[index], planarconfig="separate", photometric="minisblack"
        )
        tifffile.imwrite(tmp_path / "B" / f"{index}.tif", colours[index], photometric="rgb")
    dataset = open_pairs(tmp_path)
    np.testing.assert_array_equal(dataset.sources, bands)
    np.testing.assert_array_equal(dataset.samples, np.rint(colours * 255).transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(open_pairs(tmp_path, source_channels=5).sources, bands)
    with pytest.raises(InputError, match="9 of 5 channels, not 3"):
        open_pairs(tmp_path, source_channels=3)
    (tmp_path / "A" / "3.tif").write_bytes(encoded(photo(16, 16), "TIFF"))
    with pytest.raises(InputError, match=r"the source pictures have different channels \(1 of 3, 8 of 5\)"):
        open_pairs(tmp_path)


def test_images_with_masks_of_their_own(tmp_path):
    images = pictures()
    holes = [photo(16, 16, channels=1, seed=index) for index in range(COUNT)]
    write(tmp_path / "images", images)
    (tmp_path / "masks").mkdir()
    for index, hole in enumerate(holes):
        (tmp_path / "masks" / f"{index:03d}{'_mask' if index % 2 else ''}.png").write_bytes(encoded(hole))
    dataset = open_masked(tmp_path)
    np.testing.assert_array_equal(dataset.samples, stacked(images))
    np.testing.assert_array_equal(dataset.masks, (stacked(holes) > 127) * np.uint8(255))
    assert dataset.description["mask_count"] == COUNT
    assert contact_sheet(dataset).width > 0
    smaller = open_masked(tmp_path, resolution=8)
    assert set(np.unique(smaller.masks)) == {0, 255}
    halves = stacked(holes).astype(float).reshape(COUNT, 1, 8, 2, 8, 2) > 127
    most = halves.mean(axis=(3, 5))
    agrees = (smaller.masks > 0) == (most > 0.5)
    assert agrees[most != 0.5].mean() > 0.97
    (tmp_path / "masks" / "000.png").write_bytes(encoded(photo(8, 8, channels=1)))
    assert open_masked(tmp_path, limit_bad=0.2).description["bad"] == {
        "of another size than its partner": ["masks/000.png"]
    }


def test_completion_of_data_without_masks(tmp_path):
    write(tmp_path / "photos", pictures())
    assert open_masked(tmp_path / "photos").fingerprint == open_dataset(tmp_path / "photos").fingerprint
    assert open_masked("builtin:digits-heldout").masks is None
    write(tmp_path / "only" / "images", pictures())
    assert open_masked(tmp_path / "only").masks is None


def test_builtin_pairs_as_pairs_and_as_domains():
    pairs = open_pairs("builtin:edges-heldout")
    assert pairs.fingerprint == open_dataset("builtin:edges-heldout").fingerprint
    domains = open_pairs("builtin:edges-heldout", paired=False, source_channels=3)
    assert (domains.is_paired, domains.sources.shape[1]) == (False, 3)
    assert domains.fingerprint != pairs.fingerprint
    with pytest.raises(InputError, match="digits-heldout has no sources to translate; there are builtin:glyphs"):
        open_pairs("builtin:digits-heldout")
    with pytest.raises(InputError, match="source channels 5 cannot be made from 1"):
        open_pairs("builtin:edges-heldout", source_channels=5)


def test_the_other_direction(tmp_path, sides):
    for folder, images in zip("AB", sides, strict=True):
        write(tmp_path / folder, images)
    dataset = open_pairs(tmp_path)
    turned = reversed_pairs(dataset)
    check_pairs(turned, sides[1], sides[0])
    assert turned.description["shape"] == [1, 16, 16]
    assert turned.fingerprint != dataset.fingerprint
    assert reversed_pairs(turned).samples is dataset.samples
    edges = open_pairs("builtin:edges-heldout")
    assert reversed_pairs(edges).labels is edges.labels
    domains = reversed_pairs(open_pairs("builtin:edges-heldout", paired=False))
    assert (domains.labels, domains.classes, domains.description["class_counts"]) == (None, (), {})
    with pytest.raises(InputError, match="has no sources"):
        reversed_pairs(open_dataset("builtin:digits-heldout"))


def test_generation_still_takes_the_folders_for_classes(tmp_path, sides):
    for folder, images in zip("AB", sides, strict=True):
        write(tmp_path / folder, images)
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("A", "B")
    assert dataset.sources is None


def test_files_without_a_partner_may_be_left_out(tmp_path):
    sides = pictures(), pictures(count=4 * COUNT)
    for folder, images in zip("AB", sides, strict=True):
        write(tmp_path / folder, images)
    with pytest.raises(InputError, match=r"have no partner of equal name.*--unpaired.*--limit-bad"):
        open_pairs(tmp_path)
    assert len(open_pairs(tmp_path, limit_bad=1)) == COUNT


def test_what_cannot_be_opened_says_why(tmp_path):
    write(tmp_path / "one" / "A", pictures())
    write(tmp_path / "plain", pictures())
    write(tmp_path / "other" / "A", pictures())
    (tmp_path / "other" / "B").mkdir()
    (tmp_path / "other" / "B" / "x.png").write_bytes(encoded(photo()))
    for folder, name in (("images", "x"), ("masks", "y")):
        (tmp_path / "apart" / folder).mkdir(parents=True)
        (tmp_path / "apart" / folder / f"{name}.png").write_bytes(encoded(photo()))
    (tmp_path / "columns.csv").write_text("left,right\na.png,b.png\n")
    (tmp_path / "misspelt.csv").write_text("image,masks\na.png,b.png\n")
    (tmp_path / "empty.csv").write_text("source,target\na.png,\n")
    (tmp_path / "gone.csv").write_text("source,target\na.png,b.png\n")
    (tmp_path / "latin.csv").write_bytes("source,target\né,b\n".encode("latin-1"))
    (tmp_path / "data.npy").write_bytes(b"")
    unpaired = partial(open_pairs, paired=False)
    for opener, name, words in (
        (open_pairs, "one", "one has images in A alone; give it A and B"),
        (unpaired, "plain", r"plain has no folders A and B \(or trainA and trainB\)"),
        (open_pairs, "other", "have no partner of equal name; give pairs equal names, .*--unpaired"),
        (open_masked, "apart", r"2 of 2 files .* without a partner in the other folder .*none is left"),
        (open_pairs, "columns.csv", "has no column source but left, right"),
        (open_masked, "gone.csv", r"1 missing \(b.png\); none is left"),
        (open_masked, "columns.csv", "has no column target but left, right"),
        (open_masked, "misspelt.csv", "has no column mask but image, masks"),
        (open_pairs, "empty.csv", "has no complete row; give source, target"),
        (open_pairs, "gone.csv", r"1 missing \(a.png\); none is left"),
        (open_pairs, "latin.csv", "cannot be read as CSV .*; save it as UTF-8"),
        (open_pairs, "data.npy", "holds no pairs that can be read"),
        (open_pairs, "nowhere", "does not exist"),
        (partial(open_pairs, resolution=4), "plain", "resolution 4 is not possible"),
        (partial(open_pairs, limit_bad=2), "plain", "limit_bad 2 must be"),
    ):
        with pytest.raises(InputError, match=words):
            opener(tmp_path / name)


@pytest.mark.parametrize("places", [("x/A", "y/B"), ("x/A", "x/B", "y/A", "y/B"), ("testA", "testB")])
def test_folders_of_pairs_elsewhere_are_not_taken_for_pictures_side_by_side(tmp_path, places):
    for place in places:
        write(tmp_path / place, pictures(width=32))
    for opener in (open_pairs, partial(open_pairs, paired=False)):
        with pytest.raises(InputError, match="but no A and B beside each other on top: give the folder"):
            opener(tmp_path)
    with pytest.raises(InputError, match="but no valA and valB beside each other"):
        open_pairs(tmp_path, split="val")
    assert places[0] != "testA" or len(open_pairs(tmp_path, split="test")) == COUNT


@pytest.mark.parametrize("places", [("x/images", "x/masks", "y/images", "y/masks"), ("images", "mask")])
def test_folders_of_masks_elsewhere_are_not_taken_for_images(tmp_path, places):
    for place in places:
        write(tmp_path / place, pictures())
    with pytest.raises(InputError, match="but no images and masks beside each other on top"):
        open_masked(tmp_path)
