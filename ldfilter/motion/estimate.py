"""The motion stage: where each pixel was before, who claims it, and where shots start.

Depends on the input frames alone, so it can run ahead of the dreaming in a thread of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ldfilter.frame import Frame, Motion
from ldfilter.image import luma, resize
from ldfilter.motion.flow import Flow
from ldfilter.motion.reliability import CUT, HALF, SLACK, agrees, consistent, explained
from ldfilter.motion.stillness import moving_part
from ldfilter.warp import resize_flow, warp_linear

_SMALLEST = 64  # px; the shorter side of a picture is not shrunk below it for flow


@dataclass(frozen=True, slots=True)
class _Past:
    """An older frame: its small picture, (1, C, h, w) uint8, and whether it was a cut."""

    picture: Tensor
    cut: bool


@dataclass(frozen=True, slots=True)
class _Link:
    """Flow from this frame to an older one, (1, 2, h, w), and its mask c, at the flow's size.

    `share` is the consistent part of the picture, before any tolerance: what cuts are told by.
    """

    flow: Tensor
    reliable: Tensor
    share: float


def estimate_motion(
    frames: Iterable[Frame],
    *,
    flow: Flow,
    offsets: tuple[int, ...],
    scale: float = 0.5,
    noise: float = 2.0,
    tolerance: float = 0.0,
    memory: str = "clip",
    leave: float = 0.005,
) -> Iterator[Frame]:
    """`frames` with their motion.

    Offset j means the j-th frame before in the stream. From near to far, each offset claims the
    pixels that are consistent with it and that nobody claimed before (LucidDream, eq. 6 with 0/1
    masks). Memory: as many small 8-bit pictures as the largest offset, at most 32.

    Args:
        flow: the estimator.
        offsets: J, the frames that may claim pixels; 1 is looked at in any case.
        scale: size at which flow and masks are computed, relative to the frames'.
        noise: see `moving_part`; 0 = off.
        tolerance: see `agrees`, in grey levels; 0 = the published masks.
        memory: "clip", or "shot" to forget everything where a shot starts.
        leave: stop claiming when at most this part of the picture is unclaimed.

    Yields:
        The frames in order. `starts_shot` is set on the first frame and on every cut that no
        older offset may claim; those have no motion, all others have. On a cut nothing is
        reliable towards frame i-1.
    """
    past: deque[_Past] = deque(maxlen=max(offsets, default=1))
    for frame in frames:
        size = _flow_size(frame.image, scale)
        picture = _small_picture(frame.image, size=size, channels=flow.channels)
        tracker = _Tracker(picture, past=past, flow=flow, noise=noise, tolerance=tolerance)
        motion = tracker.motion(offsets, work_size=_size(frame.image), leave=leave)
        if motion is None and memory == "shot":
            past.clear()
        past.appendleft(_Past(picture, cut=tracker.cut))
        yield replace(frame, motion=motion, starts_shot=motion is None)


class _Tracker:
    """One frame against the past, nearest first."""

    def __init__(
        self,
        picture: Tensor,
        *,
        past: deque[_Past],
        flow: Flow,
        noise: float,
        tolerance: float,
    ) -> None:
        self._picture = picture
        self._past = past
        self._flow = flow
        self._noise = noise
        self._tolerance = tolerance
        self._previous = self._link(1) if past else None
        self.cut = self._previous is not None and 1 - self._previous.share > CUT

    def motion(
        self, offsets: tuple[int, ...], *, work_size: tuple[int, int], leave: float
    ) -> Motion | None:
        """The motion of this frame at `work_size`, or None where a shot starts."""
        if self._previous is None:
            return None
        previous = resize_flow(self._previous.flow, work_size)
        reliable = (
            torch.zeros_like(self._previous.reliable) if self.cut else self._previous.reliable
        )
        claimed_by = torch.zeros_like(reliable, dtype=torch.uint8)
        along = previous
        for offset, link in self._claims(offsets):
            claims = link.reliable & (claimed_by == 0)
            claimed_by.masked_fill_(claims, offset)
            if offset > 1:
                far = resize_flow(link.flow, work_size)
                along = torch.where(_enlarged(claims, work_size), far, along)
            if float((claimed_by == 0).float().mean()) <= leave:
                break
        if self.cut and not claimed_by.any():
            return None
        return Motion(
            previous=previous,
            reliable=_enlarged(reliable, work_size),
            flow=along,
            claimed_by=_enlarged(claimed_by, work_size),
            cut=self.cut,
        )

    def _claims(self, offsets: tuple[int, ...]) -> Iterator[tuple[int, _Link]]:
        """The links that may claim pixels, nearest first, each computed when asked for."""
        for offset in sorted(offsets):
            if offset > len(self._past):
                return
            link = self._previous if offset == 1 else self._link(offset)
            if link is not None and (not self._crosses_cut(offset) or link.share >= HALF):
                yield offset, link

    def _crosses_cut(self, offset: int) -> bool:
        """Whether a cut lies between this frame and the one `offset` before."""
        return self.cut or any(self._past[k].cut for k in range(offset - 1))

    def _link(self, offset: int) -> _Link:
        reference = self._past[offset - 1].picture
        backward = self._flow(self._picture, reference)
        forward = self._flow(reference, self._picture)
        here, there = _grey_levels(self._picture), _grey_levels(reference)
        returned = warp_linear(there, backward)
        reliable = consistent(backward, forward) & explained(here, returned)
        if self._noise > 0:
            moving = moving_part(here, there, returned, noise=self._noise)
            # The masks would take the noise of the flow, or the edge where it ends, for motion.
            backward, reliable = backward * moving, reliable | (moving == 0)
        share = float(reliable.float().mean())
        if self._tolerance > 0:
            near = consistent(backward, forward, slack=SLACK)
            reliable |= near & agrees(here, returned, tolerance=self._tolerance)
        return _Link(backward, reliable, share)


def _grey_levels(picture: Tensor) -> Tensor:
    return picture.float().mean(1, keepdim=True)


def _size(image: Tensor) -> tuple[int, int]:
    return image.shape[2], image.shape[3]


def _flow_size(image: Tensor, scale: float) -> tuple[int, int]:
    height, width = _size(image)
    scale = min(max(scale, _SMALLEST / min(height, width)), 1.0)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def _small_picture(image: Tensor, *, size: tuple[int, int], channels: int) -> Tensor:
    """The uint8 picture (1, channels, h, w) that flow is computed from."""
    small = resize(luma(image) if channels == 1 else image, size)
    return small.mul(255).round_().clamp_(0, 255).to(torch.uint8)


def _enlarged(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """A mask or map of offsets at another size; never mixed, so that claims stay exclusive."""
    if _size(mask) == tuple(size):
        return mask
    return F.interpolate(mask.byte(), size=size, mode="nearest-exact").to(mask.dtype)
