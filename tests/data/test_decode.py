"""Decoding against pixels that were known before they were encoded, and against files that mean harm."""

import io
import resource
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from data.making import channels_first, encoded, exact_policy, photo
from nablagan.data.decode import LARGEST_PIXEL_COUNT, BadFile, decode, read_header

REASONS = {"not an image", "truncated", "damaged", "too many pixels", "integers beyond 16 bits"}
HEIGHT, WIDTH = 24, 36


def on_white(colour, alpha):
    alpha = alpha.astype(np.float64) / 255
    alpha = alpha[..., None] if colour.ndim == 3 else alpha
    return np.rint(colour * alpha + 255 * (1 - alpha))


def picture_in(mode):
    """A picture in a mode, and what it shows, computed without Pillow: grey (H, W) or colour (H, W, 3)."""
    grey, colour, alpha = photo(HEIGHT, WIDTH, 1), photo(HEIGHT, WIDTH, 3, seed=1), photo(HEIGHT, WIDTH, 1, seed=2)
    if mode == "1":
        return Image.fromarray(grey > 127), (grey > 127) * 255.0
    if mode == "L":
        return Image.fromarray(grey), grey
    if mode == "LA":
        return Image.fromarray(np.dstack([grey, alpha])), on_white(grey, alpha)
    if mode == "P":
        index, palette = photo(HEIGHT, WIDTH, 1) // 32, np.arange(24, dtype=np.uint8) * 10
        image = Image.fromarray(index, "L")
        image.putpalette(palette.tobytes())
        return image, palette.reshape(8, 3)[index]
    if mode == "RGB":
        return Image.fromarray(colour), colour
    if mode == "RGBA":
        return Image.fromarray(np.dstack([colour, alpha])), on_white(colour, alpha)
    if mode == "I;16":
        deep = grey.astype(np.uint16) * 257 + 100
        return Image.fromarray(deep), np.rint(deep / 257)
    if mode == "CMYK":
        ink = photo(HEIGHT, WIDTH, 4).astype(np.float64)
        shown = (255 - ink[..., :3]) * (255 - ink[..., 3:]) / 255
        return Image.frombytes("CMYK", (WIDTH, HEIGHT), photo(HEIGHT, WIDTH, 4).tobytes()), shown
    assert mode == "F"
    return Image.fromarray(grey.astype(np.float32) / 255), grey


LOSSLESS = [
    *(("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    *(("TIFF", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK", "F")),
    *(("BMP", mode) for mode in ("1", "L", "P", "RGB")),
    *(("GIF", mode) for mode in ("1", "L", "P")),
    *(("PPM", mode) for mode in ("1", "L", "RGB", "I;16", "F")),
    *(("WEBP", mode) for mode in ("L", "RGB", "RGBA")),
]
CONVERSIONS = {
    "1": "black and white",
    "LA": "transparent, put on white",
    "P": "palette",
    "RGBA": "transparent, put on white",
    "I;16": "16 bits to 8",
    "CMYK": "CMYK",
    "F": "floats to 8 bits",
}


@pytest.mark.parametrize(("format", "mode"), LOSSLESS)
def test_every_mode_shows_the_pixels_that_were_written(format, mode):
    image, shown = picture_in(mode)
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    data = encoded(image, format, **options)
    colours = 3 if np.ndim(shown) == 3 else 1
    result = decode(data, exact_policy(HEIGHT, WIDTH, colours))
    assert result.size == (HEIGHT, WIDTH) == read_header(data).size
    assert result.pixels.dtype == np.uint8
    np.testing.assert_allclose(result.pixels, channels_first(shown), atol=1)
    if mode not in ("LA", "RGBA", "P", "CMYK"):  # the others are rounded on the way
        np.testing.assert_array_equal(result.pixels, channels_first(shown))
    if mode in CONVERSIONS and (format, mode) != ("GIF", "1"):
        assert CONVERSIONS[mode] in result.conversions


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_shows_nearly_the_pixels_that_were_written(mode, progressive):
    image, shown = picture_in(mode)
    data = encoded(image, "JPEG", quality=95, subsampling=0, progressive=progressive)
    result = decode(data, exact_policy(HEIGHT, WIDTH, 3 if np.ndim(shown) == 3 else 1))
    assert np.abs(result.pixels - channels_first(shown).astype(float)).mean() < 3


@pytest.mark.parametrize(("mode", "grey"), [("L", True), ("1", True), ("I;16", True), ("RGB", False), ("P", False)])
def test_header_tells_grey_from_colour(mode, grey):
    assert read_header(encoded(picture_in(mode)[0])).is_grey is grey


def test_deep_colour_is_counted_as_sixteen_bits():
    raw = (photo(HEIGHT, WIDTH).astype(">u2") * 257).tobytes()
    rows = b"".join(b"\0" + raw[row * WIDTH * 6 : (row + 1) * WIDTH * 6] for row in range(HEIGHT))
    data = png(WIDTH, HEIGHT, zlib.compress(rows), depth=16, kind=2)
    result = decode(data, exact_policy(HEIGHT, WIDTH))
    assert result.conversions == ("16 bits to 8",)
    np.testing.assert_array_equal(result.pixels, channels_first(photo(HEIGHT, WIDTH)))


def test_one_transparent_shade_of_a_deep_grey_picture_is_counted_and_decoded():
    image, shown = picture_in("I;16")
    result = decode(encoded(image, "PNG", transparency=5), exact_policy(HEIGHT, WIDTH, 1))
    np.testing.assert_array_equal(result.pixels[0], shown)
    assert result.conversions == ("16 bits to 8",)


# EXIF 2.3, tag 0x0112: stored[row, column] of a picture that shows as `upright`
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[:, ::-1],
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_exif_orientation_is_undone(format, orientation):
    upright = photo(HEIGHT, WIDTH)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "WEBP" else {"quality": 95} if format == "JPEG" else {}
    data = encoded(np.ascontiguousarray(STORED[orientation](upright)), format, exif=exif, **options)
    result = decode(data, exact_policy(HEIGHT, WIDTH))
    assert read_header(data).size == result.size == (HEIGHT, WIDTH)
    tolerance = 40 if format == "JPEG" else 0
    np.testing.assert_allclose(result.pixels, channels_first(upright).astype(int), atol=tolerance)
    assert ("turned as EXIF says" in result.conversions) == (orientation > 1)


@pytest.mark.parametrize("value", [0, 9, 60000])
def test_an_impossible_orientation_changes_nothing(value):
    exif = Image.Exif()
    exif[0x0112] = value
    result = decode(encoded(photo(), "PNG", exif=exif), exact_policy(HEIGHT, WIDTH))
    np.testing.assert_array_equal(result.pixels, channels_first(photo()))


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_used(format):
    frames = [Image.fromarray(np.full((HEIGHT, WIDTH), shade, np.uint8)) for shade in (40, 200, 90)]
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)
    result = decode(data, exact_policy(HEIGHT, WIDTH, 1))
    assert (result.pixels == 40).all()
    assert "several frames, first one used" in result.conversions


WHOLE = {
    "PNG": encoded(photo()),
    "JPEG": encoded(photo(), "JPEG"),
    "JPEG progressive": encoded(photo(), "JPEG", progressive=True),
    "WEBP": encoded(photo(), "WEBP"),
    "WEBP lossless": encoded(photo(), "WEBP", lossless=True),
    "BMP": encoded(photo(), "BMP"),
    "TIFF": encoded(photo(), "TIFF"),
    "TIFF deflate": encoded(photo(), "TIFF", compression="tiff_adobe_deflate"),
    "GIF": encoded(photo(channels=1), "GIF"),
    "PPM": encoded(photo(), "PPM"),
}


def outcome(data, policy=None):
    """The pixels, or the reason why not; any other exception is the crash that the tests look for."""
    try:
        read_header(data)
        return decode(data, policy or exact_policy(HEIGHT, WIDTH)).pixels
    except BadFile as bad:
        return bad.reason


@pytest.mark.parametrize("kind", WHOLE)
def test_a_file_cut_at_every_twentieth_is_whole_or_counted(kind):
    data = WHOLE[kind]
    whole = outcome(data)
    for percent in range(5, 100, 5):
        result = outcome(data[: len(data) * percent // 100])
        assert result in REASONS if isinstance(result, str) else np.array_equal(result, whole), percent
    assert outcome(data[: len(data) // 2]) in REASONS


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", WHOLE)
def test_random_byte_flips_never_crash(kind):
    random = np.random.default_rng(3)
    for _ in range(100):
        data = bytearray(WHOLE[kind])
        for place in random.integers(0, len(data), random.integers(1, 5)):
            data[place] ^= int(random.integers(1, 256))
        result = outcome(bytes(data))
        assert isinstance(result, np.ndarray) or result in REASONS or result.startswith(("pixel type", "floats"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"\0" * 500, "not an image"),
        (b"hello\n", "not an image"),
        (b"\x89PNG\r\n", "not an image"),
    ],
)
def test_what_is_no_picture_is_counted_as_such(data, reason):
    assert outcome(data) == reason


def test_formats_that_are_not_listed_are_not_opened():
    assert outcome(encoded(photo(), "ICO")) == "not an image"
    assert outcome(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n") == "not an image"


def test_floats_and_integers_out_of_range_are_refused():
    assert outcome(encoded(np.full((8, 8), 1.5, np.float32), "TIFF")) == "floats outside [0, 1]"
    assert outcome(encoded(np.full((8, 8), np.nan, np.float32), "TIFF")) == "floats outside [0, 1]"
    assert outcome(encoded(np.full((8, 8), 70_000, np.int32), "TIFF")) == "integers beyond 16 bits"


def test_a_pixel_type_that_has_no_plain_meaning_is_counted():
    lab = Image.frombytes("LAB", (8, 8), bytes(192))
    assert outcome(encoded(lab, "TIFF")) == "pixel type LAB"


def png(width, height, pixels, depth=8, kind=0, *more):
    """A PNG file made by hand; `pixels` compressed."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), *more, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def webp(width, height):
    canvas = bytes([2, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    still = encoded(photo(8, 8), "WEBP", lossless=True)[12:]
    frame = bytes(6) + (7).to_bytes(3, "little") * 2 + bytes(4) + still
    body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body += b"ANMF" + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


def with_size(data, place, layout, width, height):
    return data[:place] + struct.pack(layout, width, height) + data[place + struct.calcsize(layout) :]


GIANTS = {
    "PNG": png(50_000, 50_000, zlib.compress(bytes(100))),
    "PNG just too large": png(8192, LARGEST_PIXEL_COUNT // 8192 + 1, zlib.compress(bytes(100))),
    "BMP": with_size(WHOLE["BMP"], 18, "<ii", 50_000, 50_000),
    "GIF": with_size(WHOLE["GIF"], 6, "<HH", 50_000, 50_000),
    "PPM": WHOLE["PPM"].replace(b"36 24", b"50000 50000", 1),
    "WEBP": webp(16_383, 16_383),
    "JPEG": WHOLE["JPEG"].replace(struct.pack(">HH", HEIGHT, WIDTH), struct.pack(">HH", 50_000, 50_000), 1),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", GIANTS)
def test_a_giant_is_refused_from_its_header(kind, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("pixels were decoded"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for function in (read_header, lambda data: decode(data, exact_policy(8, 8))):
        with pytest.raises(BadFile, match="too many pixels"):
            function(GIANTS[kind])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # in KiB


def test_a_text_that_unpacks_to_much_is_not_unpacked():
    text = b"comment\0\0" + zlib.compress(bytes(80 << 20), 1)
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text + struct.pack(">I", zlib.crc32(b"zTXt" + text))
    data = png(8, 8, zlib.compress(bytes(72)), 8, 0, chunk)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = outcome(data, exact_policy(8, 8, 1))
    assert result in REASONS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_reading_the_header_decodes_no_pixels(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("pixels were decoded"))
    for kind, data in WHOLE.items():
        assert read_header(data).size == (HEIGHT, WIDTH), kind


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size_and_keeps_its_size():
    large = np.asarray(Image.fromarray(photo(60, 90)).resize((1440, 960), Image.Resampling.BICUBIC))
    result = decode(encoded(large, "JPEG", quality=95), exact_policy(40, 60))
    oracle = large.reshape(40, 24, 60, 24, 3).mean(axis=(1, 3))
    assert result.size == (960, 1440)
    assert np.abs(result.pixels - channels_first(oracle)).mean() < 3


def test_pictures_that_are_too_small_are_counted_as_enlarged():
    assert "enlarged" in decode(encoded(photo(8, 8)), exact_policy(16, 16)).conversions
    assert "enlarged" not in decode(encoded(photo(32, 32)), exact_policy(16, 16)).conversions


def test_a_phone_picture_with_several_images_gives_the_first():
    first, second = Image.fromarray(photo(seed=1)), Image.fromarray(photo(seed=2))
    stream = io.BytesIO()
    first.save(stream, "MPO", save_all=True, append_images=[second], quality=95)
    result = decode(stream.getvalue(), exact_policy(HEIGHT, WIDTH))
    assert np.abs(result.pixels - channels_first(photo(seed=1)).astype(float)).mean() < 3
