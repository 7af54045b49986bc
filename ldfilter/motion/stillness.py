"""Telling sensor noise from motion, so that a still picture is not resampled on every frame.

Flow estimators see motion of about 0.1 px in noise. Where two frames differ by no more than the
noise, nothing moved, with two exceptions. Where the flow explains the difference, or the difference
is smoother than noise, there is motion, however slow. And a flat area differs by no more than the
noise even in a pan; there the textures around it decide.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ldfilter.motion.blocks import block_means, gradient_energy

_GAIN = 0.25  # part of a difference that flow explains; measured: noise 0 to 0.15, pans 0.5
_SMOOTH = 0.1  # part of a difference that a mean over 12 px leaves; white noise leaves 0.01
_FLOOR = 0.3  # grey levels; rounding to 8 bit alone makes a noise of 0.29
_CEILING = 8.0  # grey levels at the flow's size; no camera is noisier, failing flow is
_RAMP = 0.5  # flow comes back between 1 and 1.5 times the threshold, not at a hard edge


def moving_part(current: Tensor, reference: Tensor, returned: Tensor, *, noise: float) -> Tensor:
    """What to multiply a flow with: 0 where the pictures differ only by noise, else up to 1.

    Args:
        current, reference: (1, 1, h, w) float32, the pictures in grey levels, 0 to 255.
        returned: the reference warped onto the current picture by the flow.
        noise: the threshold, in standard deviations of one frame's noise.

    Returns:
        (1, 1, h, w) float32; where it is 0 the pictures agree whatever the flow says.
    """
    gradient = block_means(gradient_energy(current))
    remains = block_means((current - returned).square())
    difference = block_means((current - reference).square())
    finest = _finest(gradient)
    # Where flow fails, as on a cut, much remains that is not noise: the finest detail bounds it.
    sigma = min(math.sqrt(float(remains.median()) / 2), 2 * finest, _CEILING)
    sigma = max(sigma, _FLOOR)
    loudness = difference.sqrt() / (noise * sigma)
    explained = remains < (1 - _GAIN) * difference
    smooth = block_means(current - reference).square() > _SMOOTH * difference
    texture = (gradient - 2 * min(sigma, finest) ** 2).clamp_(min=0)
    around = _share_around((loudness > 1) | explained | smooth, texture)
    moving = torch.maximum((loudness - 1) / _RAMP, (around > 0.5).float()).clamp_(0, 1)
    return F.interpolate(moving, size=current.shape[2:], mode="bilinear")


def _finest(gradient: Tensor) -> float:
    """Standard deviation, in grey levels, of the smoothest tenth of the picture: mostly noise."""
    return math.sqrt(float(gradient.flatten().quantile(0.1)))


def _share_around(moves: Tensor, texture: Tensor) -> Tensor:
    """The moving part of the texture around each block; far texture counts where none is near."""
    weights = torch.cat((texture * moves, texture), dim=1)
    total = weights.mean((2, 3), keepdim=True) * 1e-3
    for side, share in ((2, 1.0), (8, 0.1), (32, 0.01)):
        coarse = F.avg_pool2d(weights, side, ceil_mode=True, count_include_pad=False)
        coarse = F.avg_pool2d(coarse, 3, stride=1, padding=1, count_include_pad=False)
        total = total + share * F.interpolate(coarse, size=weights.shape[2:], mode="bilinear")
    return total[:, :1] / total[:, 1:].clamp(min=1e-6)
