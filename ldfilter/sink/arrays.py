"""Lays the dream over plain RGB arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ldfilter.frame import Frame
from ldfilter.sink.composite import resize


def overlay(frame: Frame, *, strength: float = 1.0) -> NDArray[np.uint8]:
    """The frame's picture, a uint8 RGB array (h, w, 3), with its dream added, rounded, clipped."""
    picture: NDArray[np.uint8] = np.asarray(frame.picture)
    if frame.residual is None or strength == 0:
        return picture.copy()
    height, width = picture.shape[:2]
    full = resize(frame.residual.detach().float(), (height, width))[0].permute(1, 2, 0)
    total = picture + (255.0 * strength) * full.cpu().numpy()
    return np.clip(np.rint(total), 0, 255).astype(np.uint8)
