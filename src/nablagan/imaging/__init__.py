"""Networks from images to images on files: reading, tiling, writing back alike."""

from nablagan.imaging.applying import Translator, completed, translated
from nablagan.imaging.pictures import Picture, read_picture, write_picture, written_name
from nablagan.imaging.tiles import Tiling, in_tiles

__all__ = [
    "Picture",
    "Tiling",
    "Translator",
    "completed",
    "in_tiles",
    "read_picture",
    "translated",
    "write_picture",
    "written_name",
]
