"""Holds the strength of a shot at that of its first frame: the dream neither fades nor burns in.

LucidDream leaves this to the balance between over-hallucination and the temporal loss (A.2), which
a few updates per frame do not reach: strength halves or doubles within a second.
"""

from __future__ import annotations

STEP_BOUNDS = (0.5, 2.0)
FASTEST_FADE = 0.94
"""Per frame, empirical: slow enough that no frame is seen to lose its dream."""


class Governor:
    """Two controls, both 1 at the start of a shot.

    Attributes:
        step: multiplies the size of updates; slow, answers what the content does.
        fade: multiplies the remembered residual, at most 1; fast, answers what updates add.
    """

    def __init__(self) -> None:
        self.wanted = 0.0
        self.step = 1.0
        self.fade = 1.0

    def start(self, strength: float) -> None:
        """A shot starts; its first frame was dreamed at `strength` (mean |x - p|)."""
        self.wanted = strength
        self.step = self.fade = 1.0

    def observe(self, strength: float) -> None:
        """A later frame of the shot was dreamed at `strength`."""
        ratio = self.wanted / max(strength, 1e-6)
        low, high = STEP_BOUNDS
        self.step = min(max(self.step * ratio**0.5, low), high)
        self.fade = min(max(ratio * self.fade, FASTEST_FADE), 1.0)
