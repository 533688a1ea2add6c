"""A smooth continuation of what is known of an image into its holes: what completion starts from."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

ROUNDS = 16
"""Steps at each resolution: as good as 100 without Chebyshev's weights (docs/log.md)."""
LARGEST, SMALLEST = 4.0, 0.04
"""Eigenvalues of the squared Laplacian for which the steps are weighted: its largest, and where smoothness may stay."""


def continued(images: Tensor, mask: Tensor) -> Tensor:
    """The images (batch, channels, h, w), where the mask (batch, 1, h, w) is above 0 the rest's smooth continuation.

    Known pixels are averaged from resolution to resolution down to one pixel; back up, each hole takes the coarser
    one's, raised bilinearly, and moves towards the biharmonic equation (the square of the Laplacian is 0) by Chebyshev
    iteration, with its known pixels fixed. Known pixels keep their bits; what the images hold in the hole is not looked
    at, and where nothing is known it becomes 0.
    """
    known = (mask <= 0).to(images.dtype)
    pyramid = [(torch.where(mask > 0, 0.0, images), known)]
    while max(pyramid[-1][0].shape[-2:]) > 1:
        pyramid.append(_coarser(*pyramid[-1]))
    smooth, _ = pyramid.pop()
    for values, known in reversed(pyramid):
        height, width = values.shape[-2:]
        raised = interpolate(smooth, scale_factor=2.0, mode="bilinear")[..., :height, :width]
        smooth = _smoothed(torch.where(known > 0, values, raised), 1 - known)
    return smooth


def _smoothed(x: Tensor, hole: Tensor) -> Tensor:
    """x after ROUNDS steps of Chebyshev iteration on the biharmonic equation, which change it in the hole alone."""
    middle, spread = (LARGEST + SMALLEST) / 2, (LARGEST - SMALLEST) / 2
    pace, direction = 1 / middle, -hole * _laplacian(_laplacian(x))
    for number in range(1, ROUNDS):
        x = x + pace * direction
        carried = (spread * pace) ** 2 / (2 if number == 1 else 4)
        pace = 1 / (middle - carried / pace)
        direction = torch.addcmul(carried * direction, hole, _laplacian(_laplacian(x)), value=-1)
    return x + pace * direction


def _coarser(values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Means over the known pixels of 2x2, 0 where there are none, and where there are some."""
    share = avg_pool2d(known, 2, ceil_mode=True, count_include_pad=False)
    total = avg_pool2d(values, 2, ceil_mode=True, count_include_pad=False)
    some = share > 0
    return torch.where(some, total / share.clamp_min(0.25), 0.0), some.to(values.dtype)


def _laplacian(x: Tensor) -> Tensor:
    """The mean of the four neighbours minus x; at the borders the image is repeated."""
    wide = pad(x, (1, 1, 1, 1), mode="replicate")
    total = wide[..., 1:-1, :-2] + wide[..., 1:-1, 2:]
    total += wide[..., :-2, 1:-1]
    total += wide[..., 2:, 1:-1]
    return total / 4 - x
