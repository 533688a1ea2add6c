"""Every player, with classes and without."""

import pytest
import torch

from generators import PLAYERS, generator


@pytest.fixture(params=[(name, classes) for name in PLAYERS for classes in (0, 3)], ids=str)
def case(request):
    """(generator, latents (3, 6), labels or None) for every player, with classes and without."""
    name, classes = request.param
    return generator(name, classes), torch.randn(3, 6, dtype=torch.float64), torch.arange(3) if classes else None
