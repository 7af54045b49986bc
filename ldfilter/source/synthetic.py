"""Test patterns with known answers, as sources: known flow, disocclusion, cuts and noise.

Convention: steps are (x, y) in px per frame, sizes are (h, w). Content that moves by a step has
the backward flow -step. Nothing is kept between frames: frame i can be drawn at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
import torch
from torch import Tensor

from ldfilter.frame import Frame, PacketFeed, StreamInfo

Draw = Callable[[int], Tensor]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about a pattern.

    Attributes:
        flow: backward flow (x, y) of the background, px; None where it is not one number.
        mask: frame number to (1, 1, h, w) bool, where the thing in front is; None without one.
        cuts: numbers of frames that begin a new shot.
    """

    flow: tuple[float, float] | None = (0.0, 0.0)
    mask: Callable[[int], Tensor] | None = None
    cuts: tuple[int, ...] = ()


class SyntheticSource:
    """A source that draws its frames; iterate as often as you like. See `frame.Source`."""

    def __init__(
        self,
        draw: Draw,
        *,
        frames: int,
        known: Known | None = None,
        rate: Fraction | int = 25,
        pix_fmt: str = "",
        name: str = "synthetic",
    ) -> None:
        """`draw`: frame number to (1, 3, h, w) in [0, 1]; `pix_fmt`: of `Frame.picture`, which
        is None without one (YUV is bt601, limited range)."""
        size = tuple(draw(0).shape[2:])
        self._draw = draw
        self._frames = frames
        self._tick = 1 / Fraction(rate)
        self._pix_fmt = pix_fmt
        self.known = known or Known()
        self.work_size: tuple[int, int] = (size[0], size[1])
        self.packets: PacketFeed | None = None
        self.warnings: list[str] = []
        self.damaged = False
        self.seekable = True
        self.info = StreamInfo(
            name=name,
            format="synthetic",
            codec="rawvideo",
            size=self.work_size,
            pix_fmt=pix_fmt or "gbrpf32le",
            time_base=self._tick,
            rate=Fraction(rate),
            frames=frames,
            duration=frames * self._tick,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._frames):
            image = self._draw(index)
            yield Frame(
                picture=self._picture(image, index) if self._pix_fmt else None,
                image=image,
                index=index,
                pts=index,
                duration=1,
                time_base=self._tick,
            )

    def close(self) -> None:
        """Nothing to close."""

    def _picture(self, image: Tensor, index: int) -> Any:
        pixels = image[0].permute(1, 2, 0).mul(255).round().clamp(0, 255).byte().numpy()
        frame: Any = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        if self._pix_fmt != "rgb24":
            frame = frame.reformat(
                format=self._pix_fmt, dst_colorspace=5, src_color_range=2, dst_color_range=1
            )
            frame.colorspace, frame.color_range = 2, 0
        frame.pts, frame.time_base = index, self._tick
        return frame


def texture(size: tuple[int, int], *, seed: int = 0) -> Tensor:
    """(1, 3, h, w): blobs of many sizes that wrap around at the edges; nothing finer than 4 px."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.fft.rfft2(torch.randn(1, 3, *size, generator=generator))
    rows = torch.fft.fftfreq(size[0])[:, None]
    columns = torch.fft.rfftfreq(size[1])[None]
    radius = (rows**2 + columns**2).sqrt()
    # Amplitudes fall like those of natural pictures, and end below the finest scale.
    gain = torch.where(radius < 0.25, 1 / radius.clamp(min=1 / max(size)), 0.0)
    gain[0, 0] = 0
    smooth = torch.fft.irfft2(noise * gain, s=size)
    image: Tensor = 0.5 + 0.16 * smooth / smooth.std()
    return image.clamp_(0, 1)


def shift(image: Tensor, step: tuple[float, float]) -> Tensor:
    """`image` moved by (x, y) px, wrapping around; exact for what repeats and is smooth."""
    if all(float(s).is_integer() for s in step):
        return torch.roll(image, (int(step[1]), int(step[0])), dims=(2, 3))
    h, w = image.shape[2:]
    rows = torch.fft.fftfreq(h)[:, None] * step[1]
    columns = torch.fft.rfftfreq(w)[None] * step[0]
    phase = torch.polar(torch.ones(1), -2 * torch.pi * (rows + columns))
    moved: Tensor = torch.fft.irfft2(torch.fft.rfft2(image) * phase, s=(h, w))
    return moved.clamp_(0, 1)


def shifted_texture(
    size: tuple[int, int], frames: int, *, step: tuple[float, float] = (3, 1), **options: Any
) -> SyntheticSource:
    """One texture that moves by `step` per frame and wraps around. `options`: of the source."""
    ground = texture(size)
    known = Known(flow=(-step[0], -step[1]))
    return SyntheticSource(
        lambda i: shift(ground, (step[0] * i, step[1] * i)), frames=frames, known=known, **options
    )


def slow_pan(size: tuple[int, int], frames: int, **options: Any) -> SyntheticSource:
    """A pan of 0.7 / 0.3 px per frame."""
    return shifted_texture(size, frames, step=(0.7, 0.3), **options)


def still_noise(
    size: tuple[int, int],
    frames: int,
    *,
    sigma: float = 3 / 255,
    image: Tensor | None = None,
    **options: Any,
) -> SyntheticSource:
    """A still picture with the noise of a sensor, new for every frame; sigma 0: just the still."""
    ground = texture(size) if image is None else image

    def draw(index: int) -> Tensor:
        generator = torch.Generator().manual_seed(index)
        return (ground + sigma * torch.randn(ground.shape, generator=generator)).clamp_(0, 1)

    return SyntheticSource(draw, frames=frames, **options)


def moving_square(
    size: tuple[int, int],
    frames: int,
    *,
    side: int = 0,
    step: tuple[int, int] = (3, 0),
    **options: Any,
) -> SyntheticSource:
    """A textured square that moves over a still ground; `side` 0 is a third of the height."""
    side = side or size[0] // 3
    ground, thing = texture(size), _bright(texture(size, seed=1))

    def corner(index: int) -> tuple[int, int]:
        return step[0] * index + side // 2, step[1] * index + (size[0] - side) // 2

    return _in_front(size, frames, ground, thing, (side, side), corner, options)


def occluder(
    size: tuple[int, int], frames: int, *, first: int = 4, hidden: int = 12, **options: Any
) -> SyntheticSource:
    """A still ground; in frames `first` to `first + hidden - 1` something drifts in front of it.

    It covers about a third of the picture and moves 1 px per frame, so that it is not a cut and
    most of what it covers stays covered for all `hidden` frames.
    """
    ground, thing = texture(size), _bright(texture(size, seed=1))
    extent = (size[0] * 2 // 3, size[1] // 2)

    def corner(index: int) -> tuple[int, int] | None:
        if not first <= index < first + hidden:
            return None
        return size[1] // 4 + index - first, size[0] // 6

    return _in_front(size, frames, ground, thing, extent, corner, options)


def spliced(
    size: tuple[int, int],
    shots: tuple[int, ...] = (8, 8, 8),
    *,
    step: tuple[int, int] = (1, 0),
    **options: Any,
) -> SyntheticSource:
    """Textures that pan, each for a number of frames of `shots`; cuts between them."""
    starts = [sum(shots[:n]) for n in range(len(shots))]
    grounds = [texture(size, seed=n) for n in range(len(shots))]

    def draw(index: int) -> Tensor:
        shot = max(n for n, begin in enumerate(starts) if begin <= index)
        return shift(grounds[shot], (step[0] * index, step[1] * index))

    known = Known(flow=None, cuts=tuple(starts[1:]))
    return SyntheticSource(draw, frames=sum(shots), known=known, **options)


def flash(
    size: tuple[int, int],
    frames: int,
    *,
    at: int = 5,
    step: tuple[int, int] = (1, 0),
    **options: Any,
) -> SyntheticSource:
    """A pan in which frame `at` is lit so brightly that hardly anything of it is left."""
    ground = texture(size)

    def draw(index: int) -> Tensor:
        image = shift(ground, (step[0] * index, step[1] * index))
        return (image * 0.05 + 0.95).clamp_(0, 1) if index == at else image

    known = Known(flow=(-float(step[0]), -float(step[1])))
    return SyntheticSource(draw, frames=frames, known=known, **options)


def _in_front(
    size: tuple[int, int],
    frames: int,
    ground: Tensor,
    thing: Tensor,
    extent: tuple[int, int],
    corner: Callable[[int], tuple[int, int] | None],
    options: dict[str, Any],
) -> SyntheticSource:
    """A ground with a textured rectangle before it, whose left upper corner moves."""

    def mask(index: int) -> Tensor:
        covered = torch.zeros(1, 1, *size, dtype=torch.bool)
        at = corner(index)
        if at is not None:
            x, y = max(at[0], 0), max(at[1], 0)
            covered[..., y : max(at[1] + extent[0], 0), x : max(at[0] + extent[1], 0)] = True
        return covered

    def draw(index: int) -> Tensor:
        at = corner(index)
        return ground if at is None else torch.where(mask(index), shift(thing, at), ground)

    return SyntheticSource(draw, frames=frames, known=Known(mask=mask), **options)


def _bright(image: Tensor) -> Tensor:
    """The texture lifted, so that it stands out from its ground."""
    return image.mul(0.6).add(0.4).clamp_(0, 1)
