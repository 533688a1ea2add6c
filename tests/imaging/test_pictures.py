"""Picture files read and written back: mode, depth, size, orientation and what else they carry."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from nablagan.imaging.modes import COLOURS, with_colours
from nablagan.imaging.pictures import read_picture, write_picture, written_name
from nablagan.types import InputError

RANDOM = np.random.default_rng(0)
HEIGHT, WIDTH = 7, 5


def picture(mode):
    """A picture of noise in that mode."""
    pixels = RANDOM.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
    if mode == "I;16":
        return Image.fromarray(RANDOM.integers(0, 65536, (HEIGHT, WIDTH), dtype=np.uint16))
    if mode == "F":
        return Image.fromarray(RANDOM.random((HEIGHT, WIDTH), dtype=np.float32))
    if mode == "LA":
        return Image.merge("LA", [Image.fromarray(np.ascontiguousarray(pixels[:, :, i])) for i in (0, 3)])
    if mode == "RGBA":
        return Image.fromarray(pixels)
    return Image.fromarray(pixels[:, :, :3].copy()).convert(mode)


SAME = [
    *[("PNG", ".png", mode) for mode in ("1", "L", "LA", "I;16", "RGB", "RGBA")],
    *[("TIFF", ".tif", mode) for mode in ("1", "L", "LA", "I;16", "F", "RGB", "RGBA")],
    *[("BMP", ".bmp", mode) for mode in ("1", "L", "RGB")],
    *[("PPM", ".ppm", mode) for mode in ("1", "L", "RGB", "I;16")],
]


@pytest.mark.parametrize(("format", "suffix", "mode"), SAME)
def test_a_lossless_file_comes_back_with_its_mode_and_every_value(format, suffix, mode, tmp_path):
    """Oracle: Pillow's own reading of both files."""
    image = picture(mode)
    image.save(tmp_path / f"a{suffix}", format=format)
    read = read_picture(tmp_path / f"a{suffix}")
    assert (read.mode, read.size, read.notes) == (mode, (HEIGHT, WIDTH), ())
    assert len(read.colours) == COLOURS[mode]
    write_picture(read, tmp_path / "sub" / f"b{suffix}")
    with Image.open(tmp_path / "sub" / f"b{suffix}") as back, Image.open(tmp_path / f"a{suffix}") as first:
        assert (back.mode, back.format, back.size) == (first.mode, format, (WIDTH, HEIGHT))
        assert (np.asarray(back) == np.asarray(first)).all()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_stays_a_jpeg(mode, tmp_path):
    smooth = Image.fromarray(np.add.outer(np.arange(64), np.arange(48)).astype(np.uint8)).convert(mode)
    smooth.save(tmp_path / "a.jpg", quality=95)
    read = read_picture(tmp_path / "a.jpg")
    write_picture(read, tmp_path / "b.jpg")
    back = read_picture(tmp_path / "b.jpg")
    assert (back.mode, back.size) == (mode, (64, 48))
    assert np.abs(back.colours.astype(int) - read.colours).mean() < 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_every_orientation_is_turned_upright_once(suffix, orientation, tmp_path):
    """Four quadrants of known grey; what is written has no orientation left and looks the same."""
    quadrants = np.kron([[40, 100], [160, 220]], np.ones((24, 16))).astype(np.uint8)
    turns = {2: (1, 0), 3: (1, 1), 4: (0, 1), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}
    left_right, up_down = turns.get(orientation, (0, 0))
    stored = quadrants.T if orientation >= 5 else quadrants  # turned back by hand, by the table of the EXIF standard
    stored = stored[:, ::-1] if left_right else stored
    stored = stored[::-1] if up_down else stored
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = orientation, "a description"
    Image.fromarray(stored.copy()).convert("RGB").save(tmp_path / f"a{suffix}", exif=exif)
    read = read_picture(tmp_path / f"a{suffix}")
    write_picture(read, tmp_path / f"b{suffix}")
    back = read_picture(tmp_path / f"b{suffix}")
    for each in (read, back):
        assert each.size == (48, 32)
        assert np.abs(each.colours[0].astype(int) - quadrants).mean() < 3
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.getexif().get(0x0112, 1) == 1
        assert suffix == ".tif" or image.getexif()[0x010E] == "a description"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_profile_and_resolution_are_kept(suffix, tmp_path):
    picture("RGB").save(tmp_path / f"a{suffix}", icc_profile=b"profile", dpi=(72, 300))
    write_picture(read_picture(tmp_path / f"a{suffix}"), tmp_path / f"b{suffix}")
    with Image.open(tmp_path / f"b{suffix}") as back:
        assert back.info["icc_profile"] == b"profile"
        assert back.info["dpi"] == pytest.approx((72, 300), rel=1e-3)


def test_palettes_and_transparent_values_become_colours(tmp_path):
    """Oracle: Pillow's conversion."""
    palette = picture("RGB").quantize(8)
    palette.save(tmp_path / "p.png", transparency=3)
    picture("L").save(tmp_path / "l.png", transparency=9)
    picture("1").save(tmp_path / "1.png", transparency=1)
    for name, mode in (("p", "RGBA"), ("l", "LA"), ("1", "LA")):
        read = read_picture(tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as image:
            expected = np.asarray(image.convert("RGBA"))
        assert read.mode == mode
        assert read.alpha is not None
        assert (read.alpha[0] == expected[:, :, 3]).all()
        assert (read.colours == expected[:, :, :3].transpose(2, 0, 1)[: len(read.colours)]).all()
    palette.save(tmp_path / "p.gif")
    assert read_picture(tmp_path / "p.gif").notes == ("palette, written as colours",)
    assert written_name(read_picture(tmp_path / "p.gif"), tmp_path / "p.gif").name == "p.png"


def test_sixteen_bit_colours_are_said_to_be_reduced(tmp_path):
    cv2 = pytest.importorskip("cv2")
    wide = RANDOM.integers(0, 65536, (6, 4, 3), dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", wide)[1].tobytes())
    read = read_picture(tmp_path / "a.png")
    assert read.notes == ("16 bits a colour reduced to 8, as Pillow reads no more",)
    assert read.colours.dtype == np.uint8


def test_names_that_can_hold_what_is_written(tmp_path):
    names = {}
    for mode in ("L", "LA", "I;16", "F"):
        picture(mode).save(tmp_path / "a.tif")
        read = read_picture(tmp_path / "a.tif")
        names[mode] = [written_name(read, tmp_path / name).name for name in ("x.jpg", "x.tif", "x")]
    assert names == {
        "L": ["x.jpg", "x.tif", "x.png"],
        "LA": ["x.png", "x.tif", "x.png"],
        "I;16": ["x.png", "x.tif", "x.png"],
        "F": ["x.tiff", "x.tif", "x.tiff"],
    }
    read = read_picture(tmp_path / "a.tif")
    with pytest.raises(InputError, match=r"cannot hold this picture \(floats\); name it b\.tiff"):
        write_picture(read, tmp_path / "b.png")
    with pytest.raises(InputError, match="no format has the suffix"):
        write_picture(read, tmp_path / "b.xyz")
    picture("RGB").save(tmp_path / "a.png")
    assert written_name(read_picture(tmp_path / "a.png"), tmp_path / "a.jpg", exactly=True).name == "a.png"


def test_another_number_of_colours_changes_the_mode_and_drops_the_profile(tmp_path):
    picture("LA").save(tmp_path / "a.png", icc_profile=b"profile", dpi=(72, 72))
    read = read_picture(tmp_path / "a.png")
    painted = read.painted(np.zeros((3, HEIGHT, WIDTH), np.uint8))
    assert (painted.mode, set(painted.kept)) == ("RGBA", {"dpi"})
    assert painted.alpha is read.alpha
    assert {mode: with_colours(mode, 3) for mode in ("1", "I;16", "F")} == {"1": "RGB", "I;16": "RGB", "F": "RGB"}


def test_what_is_no_picture_is_one_line(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").write_bytes(b"")
    picture("RGB").save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:60])
    Image.fromarray(np.full((2, 2), 7.0, np.float32)).save(tmp_path / "floats.tif")
    Image.fromarray(np.full((2, 2), 70000, np.int32)).save(tmp_path / "integers.tif")
    expected = {
        "text.png": "not an image",
        "empty.png": "empty file",
        "cut.png": "truncated|damaged",
        "floats.tif": "floats outside",
        "integers.tif": "beyond 16 bits",
        "nowhere.png": "No such file",
    }
    for name, words in expected.items():
        with pytest.raises(InputError, match=words) as refused:
            read_picture(tmp_path / name)
        assert "\n" not in str(refused.value)


def test_a_header_that_promises_too_much_is_refused(tmp_path):
    stream = BytesIO()
    Image.new("1", (10, 10)).save(stream, "PNG")
    data = bytearray(stream.getvalue())
    data[16:24] = (1 << 16).to_bytes(4, "big") + (1 << 14).to_bytes(4, "big")
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(bytes(data))
    with pytest.raises(InputError, match="too many pixels"):
        read_picture(tmp_path / "bomb.png")


def test_cmyk_is_written_as_rgb(tmp_path):
    picture("CMYK").save(tmp_path / "a.tif", icc_profile=b"profile")
    read = read_picture(tmp_path / "a.tif")
    assert (read.mode, "icc_profile" in read.kept, read.notes) == ("RGB", False, ("CMYK, written as RGB",))
