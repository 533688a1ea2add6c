"""How vectors of two libraries are compared."""

import numpy as np


def assert_near(found, expected, relative=1e-10):
    """In the Euclidean norm of the whole array; shapes and dtypes are the same."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert error <= relative, error
