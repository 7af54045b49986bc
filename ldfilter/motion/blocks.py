"""Local means on a coarse grid: cheap, and enough to judge how pictures differ."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

_BLOCK = 4  # px; averaged over 3x3 blocks, so that a mean looks at 12x12 px; empirical


def block_means(values: Tensor) -> Tensor:
    """Local means of (1, 1, h, w), one per block of 4x4 px."""
    values = F.avg_pool2d(values, _BLOCK, ceil_mode=True, count_include_pad=False)
    return F.avg_pool2d(values, 3, stride=1, padding=1, count_include_pad=False)
