"""Bringing an older frame onto a newer one; the only resampling along a flow in the project.

Convention: backward warping, `warp(a, f)(u) = a(u + f(u))`; flow is (1, 2, h, w) in pixels,
channels (x, y); pixel centres are whole numbers (`align_corners=True`); outside the picture the
border is repeated.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

_TAPS = 6
_MARGIN = 3  # taps reach 2 px before and 3 px after floor(position)

# Poles of the quintic B-spline's inverse filter (Unser, Aldroubi & Eden 1993, table I) and how
# many dilated passes each needs to fall below 1e-10: pole ** (2 ** passes).
_POLES = ((-0.430575347099973, 5), (-0.0430962882032647, 3))
_REACH = sum(2**passes - 1 for _, passes in _POLES) + _MARGIN

# Row n: coefficients of t^n in the six pieces of the quintic B-spline, over 120; t in [0, 1) is
# the distance from the third tap.
_BASIS = (
    (1.0, 26.0, 66.0, 26.0, 1.0, 0.0),
    (-5.0, -50.0, 0.0, 50.0, 5.0, 0.0),
    (10.0, 20.0, -60.0, 20.0, 10.0, 0.0),
    (-10.0, 20.0, 0.0, -20.0, 10.0, 0.0),
    (5.0, -20.0, 30.0, -20.0, 5.0, 0.0),
    (-1.0, 5.0, -10.0, 10.0, -5.0, 1.0),
)


@torch.no_grad()
def warp(a: Tensor, flow: Tensor, *, where: Tensor | None = None) -> Tensor:
    """`a` seen along `flow`, with quintic B-splines: sharp after hundreds of warps.

    A dream is warped again on every frame, so the kernel must neither blur nor amplify. The
    gain of an interpolating B-spline, sum_k B(t+k) e^(iks) / sum_k B(k) e^(iks), never exceeds 1
    because the Fourier transform of B is positive. After 200 warps by random fractions of a
    pixel it keeps 1.00 / 0.99 / 0.95 at 0.1 / 0.15 / 0.2 cycles per px (cubic B-splines keep
    0.96 / 0.78 / 0.40). Like every sharp kernel it overshoots at a hard edge: one warp of a step
    of height 1 leaves [0, 1] by at most 0.14.

    Args:
        a: (B, C, h, w) values to fetch, floating point.
        flow: (B, 2, h', w') in px of `a`, see the module's convention.
        where: optional (B, 1, h', w') bool; only these pixels are computed, the others are 0.

    Returns:
        (B, C, h', w') in the dtype and on the device of `a`, without gradient.
    """
    work = a.dtype if a.dtype == torch.float64 else torch.float32
    chosen = None if where is None else where.reshape(-1).nonzero().squeeze(1)
    index, weights_x, weights_y = _taps(flow.to(work), size=(a.shape[2], a.shape[3]), at=chosen)
    rows = _windows(_coefficients(a.to(work).permute(0, 2, 3, 1).contiguous()))
    columns = F.embedding_bag(index, rows, mode="sum", per_sample_weights=weights_y)
    values = torch.bmm(weights_x.unsqueeze(1), columns.view(-1, _TAPS, a.shape[1])).squeeze(1)
    batch, _, height, width = flow.shape
    if chosen is not None:
        full = values.new_zeros(batch * height * width, a.shape[1])
        values = full.index_copy_(0, chosen, values)
    image = values.view(batch, height, width, a.shape[1]).permute(0, 3, 1, 2)
    return image.to(a.dtype).contiguous()


@torch.no_grad()
def warp_linear(a: Tensor, flow: Tensor) -> Tensor:
    """`a` seen along `flow`, bilinear: cheap, blurs. For flows and masks, not for dreams.

    Shapes as in `warp`.
    """
    height, width = a.shape[2:]
    scale = flow.new_tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)])
    own = _pixel_grid((flow.shape[2], flow.shape[3]), flow.dtype, flow.device)
    grid = (flow.permute(0, 2, 3, 1) + own).mul_(scale).sub_(1)
    return F.grid_sample(
        a, grid.to(a.dtype), mode="bilinear", padding_mode="border", align_corners=True
    )


def resize_flow(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """`flow` (1, 2, h, w) at another size (h, w), its vectors in px of that size. Bilinear."""
    height, width = flow.shape[2:]
    if (height, width) == tuple(size):
        return flow
    scale = flow.new_tensor([size[1] / width, size[0] / height]).view(1, 2, 1, 1)
    shrinks = size[0] < height or size[1] < width  # the antialiased filter is slow
    return F.interpolate(flow, size=size, mode="bilinear", antialias=shrinks).mul_(scale)


def inside(flow: Tensor) -> Tensor:
    """(B, 1, h, w) bool: pixels u whose origin u + flow(u) lies in the picture."""
    height, width = flow.shape[2:]
    x, y = _positions(flow)
    return ((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)).unsqueeze(1)


def _positions(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Where each pixel looks: x and y, each (B, h, w), in px."""
    height, width = flow.shape[2:]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype)
    y = torch.arange(height, device=flow.device, dtype=flow.dtype)
    return flow[:, 0] + x, flow[:, 1] + y[:, None]


@lru_cache(maxsize=4)
def _pixel_grid(size: tuple[int, int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """The coordinates of every pixel, (h, w, 2), (x, y)."""
    y, x = (torch.arange(length, dtype=dtype, device=device) for length in size)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=2)


def _mirror(start: int, stop: int, length: int, device: torch.device) -> Tensor:
    """Indices start..stop-1 folded into 0..length-1, the end pixels not repeated."""
    period = max(2 * (length - 1), 1)
    folded = torch.arange(start, stop, device=device).remainder(period)
    return torch.minimum(folded, period - folded) if length > 1 else folded.zero_()


def _coefficients(a: Tensor) -> Tensor:
    """B-spline coefficients of `a` (B, h, w, C) with a margin of 3 px, (B, h + 6, w + 6, C).

    The inverse of the sampled B-spline is a product of 1 / ((1 - zS)(1 - z/S)) over its poles z,
    with S a shift by one pixel; and 1 / (1 - zS) = (1 + zS)(1 + z^2 S^2)(1 + z^4 S^4)...
    """
    for axis in (1, 2):
        length = a.shape[axis]
        a = a.index_select(axis, _mirror(-_REACH, length + _REACH, length, a.device))
        for pole, passes in _POLES:
            power, shift, total = pole, 1, 1.0
            for _ in range(passes):
                inner = a.shape[axis] - 2 * shift
                before, after = a.narrow(axis, 0, inner), a.narrow(axis, 2 * shift, inner)
                centre = a.narrow(axis, shift, inner)
                a = torch.add(before, after).mul_(power).add_(centre, alpha=1 + power**2)
                total *= (1 + power) ** 2
                power, shift = power * power, 2 * shift
            a.mul_(1 / total)
    return a


def _windows(coefficients: Tensor) -> Tensor:
    """Six neighbours in a row as one table row: (B * h * w - 5, 6 * C)."""
    channels = coefficients.shape[3]
    count = coefficients.numel() // channels - _TAPS + 1
    overlapping = coefficients.as_strided((count, _TAPS * channels), (channels, 1))
    return overlapping.contiguous()


def _taps(
    flow: Tensor, *, size: tuple[int, int], at: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of `_windows` each pixel needs and its weights across and down, all (N, 6)."""
    height, width = size
    x, y = _positions(flow)
    stride = width + 2 * _MARGIN
    picture = torch.arange(len(flow), dtype=torch.int32, device=flow.device)
    picture.mul_(stride * (height + 2 * _MARGIN))
    origin = picture.view(-1, 1, 1).expand_as(x)
    x, y, origin = (v.reshape(-1) if at is None else v.reshape(-1)[at] for v in (x, y, origin))
    # An unusable flow (NaN) must not become an index outside the table.
    x = x.nan_to_num().clamp_(0, width - 1)
    y = y.nan_to_num().clamp_(0, height - 1)
    left, top = x.floor(), y.floor()
    first = origin + (top.int() + _MARGIN - 2) * stride + left.int() + _MARGIN - 2
    down = torch.arange(_TAPS, dtype=torch.int32, device=flow.device) * stride
    return first[:, None] + down, _weights(x - left), _weights(y - top)


def _weights(t: Tensor) -> Tensor:
    """The six values of the quintic B-spline around a position, (N, 6) for t (N,) in [0, 1)."""
    squared = t * t
    cubed = squared * t
    powers = (torch.ones_like(t), t, squared, cubed, squared * squared, squared * cubed)
    return torch.stack(powers).t() @ _basis(t.dtype, t.device)


@lru_cache(maxsize=8)
def _basis(dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(_BASIS, dtype=dtype, device=device) / 120
