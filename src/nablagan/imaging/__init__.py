"""Networks from images to images on files: reading, tiling, writing back alike."""

from nablagan.imaging.pictures import Picture, read_picture, write_picture, written_name

__all__ = ["Picture", "read_picture", "write_picture", "written_name"]
