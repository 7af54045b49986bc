"""The records that travel through the stages, and the shape of a source and a sink.

Convention: sizes are (h, w), points and flow are (x, y) in pixels, images are gamma-encoded RGB
float32 (1, 3, h, w) in [0, 1]. Frames count from 0. Time is `pts * time_base`, never a float.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from types import TracebackType
from typing import Any, Protocol, Self

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Where each pixel of a frame was before.

    Convention: backward flow in px of the work size, (x, y): pixel u of this frame was at
    u + flow(u) in the older one.

    Attributes:
        previous: (1, 2, h, w) float32, flow to frame i-1.
        reliable: (1, 1, h, w) bool, c[i-1, i]: where `previous` can be trusted.
        flow: (1, 2, h, w) float32, per pixel the flow to the frame that claims it.
        claimed_by: (1, 1, h, w) uint8, the offset j that claims the pixel, 0 = nobody.
        cut: over 85 % of the pixels are inconsistent with frame i-1 (LucidDream, A.3).
    """

    previous: Tensor
    reliable: Tensor
    flow: Tensor
    claimed_by: Tensor
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Cue:
    """What a schedule wants of a frame.

    Attributes:
        weights: how much every state of the schedule counts; they add up to 1.
        keep: the part of the dream before that stays; below 1 while a change fades in.
        strength: gain on the dream.
    """

    weights: tuple[float, ...]
    keep: float = 1.0
    strength: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame on its way through the filter. Stages answer with `dataclasses.replace`.

    Attributes:
        picture: the decoded frame (an `av.VideoFrame`, upright and progressive), untouched.
        image: (1, 3, h, w) float32 RGB in [0, 1], at work size, on the CPU.
        index: counts source frames from the start of the file, also when trimmed.
        pts, duration: in units of time_base; pts already on the output's clock.
        time_base: the source's.
        starts_shot: the frame is dreamed from its own content, without a past.
        motion: set by the motion stage; None on the first frame and where a shot starts.
        matte: (1, 1, h, w) float32 in [0, 1], where to dream; None = everywhere.
        cue: what the schedule wants of the frame; None = the same all the time.
        residual: (1, 3, h, w) float32 `x - p`, the dream itself, set by the dreaming stage.
    """

    picture: Any
    image: Tensor
    index: int
    pts: int
    duration: int
    time_base: Fraction
    starts_shot: bool = False
    motion: Motion | None = None
    matte: Tensor | None = None
    cue: Cue | None = None
    residual: Tensor | None = None


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a source knows about its video before the first frame. Probed once, never mutated.

    Colour fields are FFmpeg's integers (0 to 2 where 2 = unspecified; range 0 = unspecified).

    Attributes:
        name: the file, URL or "-" as the user wrote it.
        format: FFmpeg's container name, e.g. "mov,mp4,m4a,3gp,3g2,mj2", "yuv4mpegpipe", "image2".
        codec: FFmpeg's codec name, e.g. "h264".
        size: (h, w) of the upright picture.
        pix_fmt: FFmpeg's name, e.g. "yuv420p10le".
        time_base: of the video stream.
        rate: average frames per second; 0 when unknown.
        sample_aspect_ratio: of the upright picture; 0 when unknown.
        frames: how many there will be after trimming; None when unknown. An estimate.
        duration: in seconds after trimming; None when unknown.
        still: the input is a single photo.
        metadata, chapters: as PyAV gives them.
    """

    name: str
    format: str
    codec: str
    size: tuple[int, int]
    pix_fmt: str
    time_base: Fraction
    rate: Fraction
    sample_aspect_ratio: Fraction = Fraction(0)
    color_range: int = 0
    color_primaries: int = 2
    color_trc: int = 2
    colorspace: int = 2
    frames: int | None = None
    duration: Fraction | None = None
    still: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    chapters: tuple[Any, ...] = ()


class PacketFeed(Protocol):
    """Packets of the streams that by-pass the dream (sound, text), in step with the video.

    Packets come out with pts and dts on the output's clock: a trim is already applied.
    """

    @property
    def streams(self) -> Sequence[Any]:
        """The input's `av` streams, as templates for the output, in input order."""

    def until(self, time: Fraction | None) -> Iterator[Any]:
        """Packets that start before `time` seconds, each once; None gives all that is left."""

    def close(self) -> None: ...


class Source(Protocol):
    """Frames in order, one at a time. A context manager; iterate once."""

    info: StreamInfo
    work_size: tuple[int, int]
    seekable: bool
    """An ordinary file, as opposed to a pipe or a network address."""
    packets: PacketFeed | None
    warnings: list[str]
    """Sentences about what was damaged, missing or changed; grows while reading."""
    damaged: bool
    """Something of the input was lost (`--strict` makes that exit code 1)."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...


class Sink(Protocol):
    """Takes dreamed frames in order and writes them as they come. A context manager."""

    warnings: list[str]
    """Sentences about what could not be kept as it was."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        """Closes; after an error the sound ends with the last picture."""

    def write(self, frame: Frame) -> None: ...

    def close(self) -> None:
        """Finish the file so that it plays; safe to call twice."""
