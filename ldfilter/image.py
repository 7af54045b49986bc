"""Pure operations on images: conversions, sizes, brightness, blurs and pyramids.

Convention: images are (B, C, h, w); float images hold gamma-encoded RGB in [0, 1]; sizes are
(h, w). Everything follows the dtype and device of its input.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)  # BT.601, as OpenCV's grey


def to_float(image: Tensor) -> Tensor:
    """uint8 (h, w, 3) or (B, h, w, 3) to float32 (B, 3, h, w) in [0, 1]."""
    batch = image if image.dim() == 4 else image.unsqueeze(0)
    return batch.permute(0, 3, 1, 2).contiguous().float().div_(255)


def to_uint8(image: Tensor) -> Tensor:
    """Float (B, 3, h, w) in [0, 1] to uint8 (B, h, w, 3): rounded, clamped."""
    return image.mul(255).round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def luma(image: Tensor) -> Tensor:
    """Brightness of an RGB image, (B, 3, h, w) to (B, 1, h, w)."""
    red, green, blue = image.unbind(1)
    return (red * _LUMA[0]).add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2]).unsqueeze(1)


def resize(image: Tensor, size: tuple[int, int], *, mode: str = "bilinear") -> Tensor:
    """`image` at another size, antialiased where it shrinks.

    Args:
        image: (B, C, h, w), floating point.
        size: (h, w) wanted.
        mode: "bilinear" or "bicubic" for pictures (bicubic overshoots at edges); "area" for
            masks and weights, whose mean it keeps.
    """
    if tuple(image.shape[2:]) == tuple(size):
        return image
    if mode == "area":
        return F.interpolate(image, size=size, mode="area")
    return F.interpolate(image, size=size, mode=mode, align_corners=False, antialias=True)


def fit_size(size: tuple[int, int], *, shorter: int) -> tuple[int, int]:
    """`size` scaled, aspect kept, so that its shorter side is `shorter`."""
    scale = shorter / min(size)
    return max(shorter, round(size[0] * scale)), max(shorter, round(size[1] * scale))


def cover(image: Tensor, size: tuple[int, int]) -> Tensor:
    """`image` scaled, aspect kept, and cut around its middle so that it fills `size` (h, w)."""
    height, width = image.shape[2:]
    scale = max(size[0] / height, size[1] / width)
    scaled = (max(size[0], round(height * scale)), max(size[1], round(width * scale)))
    top, left = (scaled[0] - size[0]) // 2, (scaled[1] - size[1]) // 2
    large = resize(image, scaled, mode="bicubic").clamp_(0, 1)
    return large[:, :, top : top + size[0], left : left + size[1]]


def blur(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur with a standard deviation of `sigma` px; the border is repeated."""
    if sigma <= 0:
        return image
    radius = max(1, math.ceil(3 * sigma))
    x = torch.arange(-radius, radius + 1, dtype=image.dtype, device=image.device)
    kernel = torch.exp(-0.5 * (x / sigma) ** 2)
    kernel = kernel / kernel.sum()
    batch, channels, height, width = image.shape
    flat = image.reshape(batch * channels, 1, height, width)
    flat = F.pad(flat, (radius, radius, radius, radius), mode="replicate")
    flat = F.conv2d(F.conv2d(flat, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))
    return flat.view(batch, channels, height, width)


def gaussian_pyramid(image: Tensor, levels: int) -> list[Tensor]:
    """`levels` images, each half the size of the one before (rounded up), finest first."""
    pyramid = [image]
    for _ in range(levels - 1):
        pyramid.append(F.avg_pool2d(pyramid[-1], 2, ceil_mode=True, count_include_pad=False))
    return pyramid


def laplacian_pyramid(image: Tensor, levels: int) -> list[Tensor]:
    """`levels` bands of `image`, finest first; the last is what remains, the low-pass.

    Box filter down, bilinear up: made for speed on batches of tiles. `collapse` undoes it for any
    size, up to rounding.
    """
    smaller = gaussian_pyramid(image, levels)
    bands = [fine - _enlarge(coarse, fine) for fine, coarse in pairwise(smaller)]
    return [*bands, smaller[-1]]


def collapse(bands: list[Tensor]) -> Tensor:
    """The image whose `laplacian_pyramid` is `bands`; the bands may have been changed."""
    image = bands[-1]
    for band in reversed(bands[:-1]):
        image = band + _enlarge(image, band)
    return image


def _enlarge(image: Tensor, like: Tensor) -> Tensor:
    """`image` at the size of `like`, bilinear: as two products, twice as fast on a CPU."""
    rows, columns = (
        _enlarging(image.shape[axis], like.shape[axis], image.dtype, image.device)
        for axis in (2, 3)
    )
    return rows @ image @ columns.t()


@lru_cache(maxsize=32)
def _enlarging(length: int, to: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(to, length): what a line of `length` values has to be multiplied with."""
    unit = torch.eye(length, dtype=dtype, device=device).view(1, length, length)
    return F.interpolate(unit, size=to, mode="linear", align_corners=False).squeeze(0).t()
