"""Samples to tensors."""

import numpy as np
import torch

from nablagan.data import Dataset, to_tensor, to_uint8


def test_bytes_become_floats_in_minus_one_to_one_and_back():
    samples = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    tensor = to_tensor(samples)
    assert tensor.dtype == torch.float32
    torch.testing.assert_close(tensor.flatten().double(), torch.linspace(-1, 1, 256).double(), atol=2e-7, rtol=0)
    np.testing.assert_array_equal(to_uint8(tensor), samples)


def test_points_stay_as_they_are_and_are_copied():
    points = np.array([[1.5, -3.0]], np.float32)
    tensor = to_tensor(points)
    tensor.zero_()
    assert points.tolist() == [[1.5, -3.0]]
    assert to_tensor(points).tolist() == [[1.5, -3.0]]


def test_a_read_only_sample_is_no_trouble():
    samples = np.zeros((2, 1, 8, 8), np.uint8)
    samples.flags.writeable = False
    assert to_tensor(samples).eq(-1).all()


def test_shape_length_and_kind():
    images = Dataset("a", np.zeros((5, 3, 8, 16), np.uint8), None, (), "", {})
    points = Dataset("b", np.zeros((4, 2), np.float32), None, (), "", {})
    assert (len(images), images.shape, images.is_images) == (5, (3, 8, 16), True)
    assert (len(points), points.shape, points.is_images) == (4, (2,), False)
