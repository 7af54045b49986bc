"""Where flow can be trusted (METHOD: Sundaram et al. 2010; Ruder et al. 2016, section 3.2).

The constants are in px of the flow's own size and are applied there, not at the work size.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ldfilter.motion.blocks import block_means, gradient_energy
from ldfilter.warp import inside, warp_linear

CUT = 0.85
"""Above this inconsistent part of the picture a frame is a cut (LucidDream, A.3)."""

SLACK = 4.0
"""Differs: where the pictures agree, the published thresholds are this much wider. In a fast camera
flight the flows disagree by a pixel over a third of the picture; a dream that starts anew there on
every frame boils. Not wider: along a crumpled flow a dream is smeared. Empirical."""

_LIGHT = 12.0  # grey levels a picture may brighten from one frame to the other; empirical

HALF = 0.5
"""Across a cut, an offset may claim pixels only if this part of the picture is consistent."""


def consistent(backward: Tensor, forward: Tensor, *, slack: float = 1.0) -> Tensor:
    """c[i-j, i]: where the flow from frame i to i-j is confirmed by the flow back.

    Args:
        backward: (1, 2, h, w), w, from frame i to frame i-j.
        forward: (1, 2, h, w), v, from frame i-j to frame i.
        slack: multiplies the published thresholds.

    Returns:
        (1, 1, h, w) bool.
    """
    returned = warp_linear(forward, backward)
    there, back = _energy(backward), _energy(returned)
    disoccluded = _energy(returned + backward) > slack * (0.01 * (there + back) + 0.5)
    boundary = gradient_energy(backward) > slack * (0.01 * there + 0.002)
    return inside(backward) & ~(disoccluded | boundary)


def explained(current: Tensor, returned: Tensor) -> Tensor:
    """Where the reference, warped onto the current picture, looks like it.

    Differs: not part of the published masks. A flat picture, as in a fade through black or a
    flash, has the flow 0 in both directions, which confirm each other; without this rule a cut
    through black is no cut, and the old dream comes through on the other side.

    Args:
        current, returned: (1, 1, h, w) float32 in grey levels.

    Returns:
        (1, 1, h, w) bool: what remains of the difference is less than half of what two unrelated
        pictures of this contrast would leave, with a tolerance for changes of light.
    """
    remains = block_means((current - returned).square())
    contrast = _variance(current) + _variance(returned)
    fits = remains < 0.5 * contrast + _LIGHT**2
    return F.interpolate(fits.float(), size=current.shape[2:], mode="nearest-exact") > 0


def agrees(current: Tensor, returned: Tensor, *, tolerance: float) -> Tensor:
    """Where the reference, warped onto the current picture, is that picture.

    Args:
        current, returned: (1, 1, h, w) float32 in grey levels.
        tolerance: the root mean square difference, in grey levels, that still agrees.

    Returns:
        (1, 1, h, w) bool.
    """
    fits = block_means((current - returned).square()) < tolerance**2
    return F.interpolate(fits.float(), size=current.shape[2:], mode="nearest-exact") > 0


def _variance(picture: Tensor) -> Tensor:
    return block_means(picture.square()) - block_means(picture).square()


def _energy(flow: Tensor) -> Tensor:
    return flow.square().sum(1, keepdim=True)
