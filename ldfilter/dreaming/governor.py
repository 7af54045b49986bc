"""Holds the strength of a shot at that of its first frame: the dream neither fades nor burns in,
and new areas catch up with old ones.

LucidDream leaves this to the balance between over-hallucination and the temporal loss (A.2), which
a few updates per frame do not reach: strength halves or doubles within a second.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

# Empirical, all of them.
CELL = 16  # px, at which local strength is measured
GAIN = (0.3, 3.0)  # least and greatest factor on an update
LEVEL = (0.6, 1.6)
HASTE = 0.1  # exponent of the correction of the level by one frame


@dataclass(frozen=True, slots=True, eq=False)
class Steering:
    """What the governor does to one frame, both (1, 1, h, w).

    Attributes:
        gain: multiplies updates; above 1 where the dream is weak.
        fade: multiplies the remembered dream; below 1 where it is strong.
    """

    gain: Tensor
    fade: Tensor


class Governor:
    """Steers every place towards one strength, and that so that the whole keeps its own.

    Args:
        fade: the least that one frame leaves of a dream that is too strong.

    Attributes:
        wanted: mean |x - p| of the shot's first frame.
        level: the strength steered to, over the wanted one: some places (black, white) cannot
            reach it, others make up for them.
    """

    def __init__(self, *, fade: float) -> None:
        self.fade = fade
        self.wanted = 0.0
        self.level = 1.0

    def start(self, strength: float) -> None:
        """A shot starts; its first frame was dreamed at `strength`."""
        self.wanted = strength
        self.level = 1.0

    def aim(self, strength: float) -> None:
        """From now on the strength is another one; what was learnt of the level stays."""
        self.wanted = strength

    def observe(self, strength: float) -> None:
        """A later frame of the shot was dreamed at `strength`."""
        correction = (self.wanted / max(strength, 1e-6)) ** HASTE
        self.level = min(max(self.level * correction, LEVEL[0]), LEVEL[1])

    def steer(self, residual: Tensor) -> Steering:
        """What to do to a frame that starts with `residual`, (1, 3, h, w)."""
        ratio = self.wanted * self.level / local_strength(residual).clamp_min(1e-6)
        return Steering(gain=ratio.clamp(*GAIN), fade=ratio.clamp(self.fade, 1.0))


def local_strength(residual: Tensor) -> Tensor:
    """Mean |x - p| around every pixel, (1, 1, h, w)."""
    size = residual.abs().mean(dim=1, keepdim=True)
    cells = F.avg_pool2d(size, CELL, ceil_mode=True, count_include_pad=False)
    cells = F.avg_pool2d(cells, 3, stride=1, padding=1, count_include_pad=False)
    return F.interpolate(cells, size=size.shape[2:], mode="bilinear")
