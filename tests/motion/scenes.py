"""Synthetic frames with a known motion. Sizes are (h, w)."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import torch
from torch import Tensor

from ldfilter.frame import Frame
from ldfilter.image import blur

SIZE = (64, 96)


def texture(size: tuple[int, int] = (200, 400), *, seed: int = 0) -> Tensor:
    """Blobs of several sizes, (1, 3, h, w), in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(1, 1, *size)
    for sigma in (1.5, 4.0, 8.0):
        total += blur(torch.rand(1, 1, *size, generator=generator), sigma) * sigma
    total -= total.min()
    return (total / total.max()).expand(1, 3, *size).contiguous()


def crop(picture: Tensor, x: int, y: int, *, size: tuple[int, int] = SIZE) -> Tensor:
    return picture[..., y : y + size[0], x : x + size[1]].contiguous()


def frames_of(images: Iterable[Tensor]) -> list[Frame]:
    """Frames that show `images`, one each 1/25 s."""
    return [
        Frame(picture=None, image=image, index=k, pts=k, duration=1, time_base=Fraction(1, 25))
        for k, image in enumerate(images)
    ]


def pan(step: tuple[int, int], count: int, *, seed: int = 0) -> list[Tensor]:
    """A camera that moves by `step` (x, y) px per frame over a texture: flow is +step."""
    picture = texture(seed=seed)
    return [crop(picture, 40 + step[0] * k, 40 + step[1] * k) for k in range(count)]


def noisy(image: Tensor, sigma: float, *, seed: int) -> Tensor:
    """`image` with white noise of `sigma` / 255, rounded to 8 bit."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(image.shape, generator=generator) * sigma / 255
    return (image + noise).clamp(0, 1).mul(255).round().div(255)
