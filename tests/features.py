"""Feature arrays for tests: Gaussians of known parameters, and pixels of real digits."""

from functools import cache

import torch

from nablagan.data import open_dataset


def gaussians(n, d, seed, mean=0.0, scale=1.0):
    """(n, d) draws of N(mean, scale^2 I), float64; `scale` may be (d,) or a (d, d) factor A of A A^T."""
    drawn = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    scale = torch.as_tensor(scale, dtype=torch.float64)
    return (drawn @ scale.T if scale.ndim == 2 else drawn * scale) + mean


@cache
def digits():
    """All 5,000 embedded digits as pixels (5000, 784), float64, in an order drawn once."""
    samples = torch.as_tensor(open_dataset("builtin:digits", resolution=28).samples)
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(1))
    return samples.flatten(1).double()[order]
