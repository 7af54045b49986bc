"""What a student is taught on: pairs of neighbouring frames of real clips, and photos."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor
from torch.nn import functional as F

from ldfilter.frame import Frame
from ldfilter.image import resize
from ldfilter.motion import estimate_motion, load_flow
from ldfilter.source import open_source
from ldfilter.warp import resize_flow

SCALES = (0.8, 1.5)  # of a crop, against students that know things at one size only
LIGHT = (0.75, 1.25)  # gain on the brightness
NOISE = 3 / 255  # deviation of what a camera adds to a still picture
STILL = 0.25  # share of pairs that are one frame and its noisy twin


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """A frame of the material.

    Attributes:
        image: (1, 3, h, w) uint8.
        flow: (1, 2, h/2, w/2) half precision, to the frame before, in px of its own size; None
            where there is none.
        reliable: (1, 1, h/2, w/2) bool.
    """

    image: Tensor
    flow: Tensor | None = None
    reliable: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """A batch of neighbours: `first`, `second` (B, 3, n, n) in [0, 1]; `flow` (B, 2, n, n) from the
    second to the first; `reliable` (B, 1, n, n), 0 to 1."""

    first: Tensor
    second: Tensor
    flow: Tensor
    reliable: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Clips to learn from, and frames in a row to be judged by, which nobody learns from."""

    clips: tuple[tuple[Still, ...], ...]
    unseen: tuple[tuple[Frame, ...], ...]

    def draw(self, count: int, *, side: int, generator: torch.Generator) -> Pairs:
        """`count` pairs of `side` px, each from another place."""
        lengths = torch.tensor([float(len(clip)) for clip in self.clips]).sqrt()
        drawn = [self._draw_one(lengths, side, generator) for _ in range(count)]
        first, second, flow, reliable = (torch.cat(parts) for parts in zip(*drawn, strict=True))
        return Pairs(first, second, flow, reliable)

    def _draw_one(
        self, lengths: Tensor, side: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        clip = self.clips[int(torch.multinomial(lengths, 1, generator=generator))]
        number = _below(len(clip), generator)
        second = clip[number]
        alone = number == 0 or second.flow is None or _uniform(0, 1, generator) < STILL
        first = second if alone else clip[number - 1]
        window = _Window.drawn(second.image, side, generator)
        pictures = [window.image(each.image) for each in (first, second)]
        if alone or second.flow is None or second.reliable is None:
            flow = torch.zeros(1, 2, side, side)
            reliable = torch.ones(1, 1, side, side)
            noise = torch.randn(pictures[1].shape, generator=generator)
            pictures[1] = pictures[1] + _uniform(0, NOISE, generator) * noise
        else:
            flow, reliable = window.motion(second.flow, second.reliable)
        light = _uniform(*LIGHT, generator)
        a, b = (torch.clamp(picture * light, 0, 1) for picture in pictures)
        if _uniform(0, 1, generator) < 0.5:
            flow = flow.flip(3) * flow.new_tensor([-1.0, 1.0]).view(1, 2, 1, 1)
            a, b, reliable = a.flip(3), b.flip(3), reliable.flip(3)
        return a, b, flow, reliable


@dataclass(frozen=True, slots=True)
class _Window:
    """A square of a picture, shown at `side` px. `top`, `left` and `reach` are even."""

    top: int
    left: int
    reach: int
    side: int

    @classmethod
    def drawn(cls, image: Tensor, side: int, generator: torch.Generator) -> _Window:
        height, width = image.shape[2:]
        reach = min(round(side / _uniform(*SCALES, generator)), height, width) // 2 * 2
        top, left = (_below((n - reach) // 2 + 1, generator) * 2 for n in (height, width))
        return cls(top, left, reach, side)

    def image(self, image: Tensor) -> Tensor:
        part = image[:, :, self.top : self.top + self.reach, self.left : self.left + self.reach]
        return resize(part.float() / 255, (self.side, self.side))

    def motion(self, flow: Tensor, reliable: Tensor) -> tuple[Tensor, Tensor]:
        top, left, reach = self.top // 2, self.left // 2, self.reach // 2
        size = (self.side, self.side)
        parts = [
            field[:, :, top : top + reach, left : left + reach].float()
            for field in (flow, reliable)
        ]
        return resize_flow(parts[0], size), F.interpolate(parts[1], size=size, mode="nearest-exact")


def gather(names: Iterable[str], *, height: int, frames: int = 240, unseen: int = 12) -> Material:
    """Read clips and photos at `height` lines.

    Args:
        frames: how many of each clip are read at most; memory grows with them (0.7 MB each at
            640x360).
        unseen: how many of them, at the end of a clip, are kept for judging.

    Raises:
        SourceError: one cannot be read.
    """
    flow = load_flow("dis")
    clips, kept = [], []
    for name in names:
        with open_source(name, work_height=height, audio=False, subtitles=False) as source:
            bare = (replace(frame, picture=None) for frame in islice(source, frames))
            moving = list(estimate_motion(bare, flow=flow, offsets=(1,)))
        last = len(moving) - unseen if len(moving) > 2 * unseen else len(moving)
        clips.append(tuple(_still(frame) for frame in moving[:last]))
        if last < len(moving):
            # A clip of its own: whoever dreams it must not look for what came before.
            first = replace(moving[last], motion=None, starts_shot=True)
            kept.append((first, *moving[last + 1 :]))
    return Material(tuple(clips), tuple(kept))


def _still(frame: Frame) -> Still:
    image = (frame.image * 255).round().to(torch.uint8)
    motion = frame.motion
    if motion is None or motion.cut:
        return Still(image)
    half = (image.shape[2] // 2, image.shape[3] // 2)
    reliable = F.interpolate(motion.reliable.float(), size=half, mode="nearest-exact") > 0
    return Still(image, resize_flow(motion.previous, half).half(), reliable)


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _below(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(max(1, count), (), generator=generator))
