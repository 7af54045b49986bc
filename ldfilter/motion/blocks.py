"""Local means and slopes of pictures and flows: cheap, and enough to judge how they differ."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

_BLOCK = 4  # px; averaged over 3x3 blocks, so that a mean looks at 12x12 px; empirical


def block_means(values: Tensor) -> Tensor:
    """Local means of (1, 1, h, w), one per block of 4x4 px."""
    values = F.avg_pool2d(values, _BLOCK, ceil_mode=True, count_include_pad=False)
    return F.avg_pool2d(values, 3, stride=1, padding=1, count_include_pad=False)


def gradient_energy(a: Tensor) -> Tensor:
    """Sum over channels of |grad a|^2 by central differences, (B, C, h, w) to (B, 1, h, w).

    For white noise of one channel its mean is the variance.
    """
    padded = F.pad(a, (1, 1, 1, 1), mode="replicate")
    across = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    down = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    return across.square_().add_(down.square_()).sum(1, keepdim=True).div_(4)
