"""Decoded frames made upright and progressive, and turned into RGB tensors."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import av
import numpy as np
import torch
from av.video.reformatter import VideoReformatter
from torch import Tensor

LIMITED, FULL = 1, 2
BT709, BT601 = 1, 5
HD_LINES = 720
"""From this height up a picture without a matrix tag is taken for bt709, below for bt601."""

SWSCALE = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""libswscale's matrix by FFmpeg's colorspace number."""

Filters = tuple[tuple[str, str], ...]
DEINTERLACE: Filters = (("bwdif", "mode=send_frame:parity=auto:deint=interlaced"),)


class FilterChain:
    """FFmpeg filters that give one frame for each they take; its time and duration are kept."""

    def __init__(self, first: Any, filters: Filters) -> None:
        """`first`: a frame like all that will be pushed."""
        self._graph = av.filter.Graph()
        self._times: deque[tuple[int | None, Any, int]] = deque()
        node: Any = self._graph.add(
            "buffer",
            f"video_size={first.width}x{first.height}:pix_fmt={first.format.name}"
            f":time_base=1/1000:colorspace={first.colorspace}:range={first.color_range}",
        )
        for name, arguments in (*filters, ("buffersink", "")):
            following = self._graph.add(name, arguments)
            node.link_to(following)
            node = following
        self._graph.configure()

    def push(self, frame: Any) -> Iterator[Any]:
        """Frames that are ready; None as input drains the filters."""
        if frame is not None:
            self._times.append((frame.pts, frame.time_base, frame_duration(frame)))
        self._graph.vpush(frame)
        while self._times:
            try:
                ready = self._graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return
            pts, time_base, duration = self._times.popleft()
            ready.pts, ready.duration = pts, duration
            if time_base is not None:  # a decoder that was told of none
                ready.time_base = time_base
            yield ready


class Straightener:
    """Turns frames upright, weaves no fields, and keeps size and format the same throughout.

    Attributes:
        deinterlaced: whether any frame was interlaced.
        changed: how many frames had another size or format than the first one.
    """

    def __init__(self, first: Any) -> None:
        """`first`: the first decoded frame; all others follow its size, format and rotation."""
        self._turn = turning_filters(first)
        self._shape = _shape(first)
        self._reformatter = VideoReformatter()
        self._turner = FilterChain(first, self._turn) if self._turn else None
        self.deinterlaced = False
        self.changed = 0

    def frames(self, frames: Iterable[Any]) -> Iterator[Any]:
        """One frame for each; interlaced ones come out one frame later."""
        weaver: FilterChain | None = None
        for frame in frames:
            frame = self._alike(frame)
            if frame.interlaced_frame and weaver is None:
                self.deinterlaced = True
                weaver = FilterChain(frame, DEINTERLACE)
            for progressive in weaver.push(frame) if weaver else (frame,):
                yield self.turned(progressive)
        for progressive in weaver.push(None) if weaver else ():
            yield self.turned(progressive)

    def turned(self, frame: Any) -> Any:
        """The frame as a player shows it, its rotation tag applied to the pixels."""
        return next(self._turner.push(frame)) if self._turner else frame

    def _alike(self, frame: Any) -> Any:
        """The frame in the size and format of the first one."""
        if _shape(frame) == self._shape:
            return frame
        self.changed += 1
        width, height, pix_fmt = self._shape
        alike = self._reformatter.reformat(frame, width, height, pix_fmt)
        alike.pts, alike.time_base = frame.pts, frame.time_base
        alike.duration = frame_duration(frame)
        return alike


class Painter:
    """Makes RGB tensors of decoded frames."""

    def __init__(self, size: tuple[int, int], *, unknown_range: int = LIMITED) -> None:
        """`size`: (h, w) of the tensors; `unknown_range`: of YUV frames without a tag."""
        self._size = size
        self._unknown_range = unknown_range
        self._reformatter = VideoReformatter()

    def paint(self, frame: Any) -> Tensor:
        """(1, 3, h, w) float32 RGB in [0, 1].

        Convention: without tags the matrix is bt709 from 720 lines up, else bt601, and the range
        is limited (full for yuvj and grey, as FFmpeg takes them).
        """
        height, width = self._size
        tags: dict[str, Any] = {}
        if not frame.format.is_rgb:
            tags["src_colorspace"] = matrix_of(frame)
            tags["src_color_range"] = self._range_of(frame)
        # 16-bit planes: libswscale's 8-bit output of 4:2:0 is off by up to 3 of 255.
        planar = self._reformatter.reformat(
            frame,
            width,
            height,
            "gbrp16le",
            interpolation="BICUBIC",
            dst_color_range=FULL,
            **tags,
        )
        image = np.empty((1, 3, height, width), dtype=np.float32)
        for channel, plane in zip((1, 2, 0), planar.planes, strict=True):
            image[0, channel] = _samples(plane, width)
        return torch.from_numpy(image).mul_(1 / 65535)

    def _range_of(self, frame: Any) -> int:
        name = frame.format.name
        if name.startswith("yuvj"):
            return FULL
        if frame.color_range in (LIMITED, FULL):
            return int(frame.color_range)
        return FULL if name.startswith(("gray", "ya")) else self._unknown_range


def matrix_of(frame: Any) -> int:
    """libswscale's number of the matrix a frame was made with, guessed where it has no tag."""
    guess = BT709 if frame.height >= HD_LINES else BT601
    return SWSCALE.get(int(frame.colorspace), guess)


def turning_filters(frame: Any) -> Filters:
    """FFmpeg filters that apply the frame's display matrix: quarter turns and mirrors."""
    matrix = _display_matrix(frame)
    if matrix is None:
        quarter, mirror_x, mirror_y = round(frame.rotation / 90) % 4, False, False
        mirror_x = mirror_y = quarter == 2
        opposite = False
    else:
        a, b, c, d = matrix
        quarter = 1 if b < 0 and not a else 3 if b > 0 and not a else 0
        mirror_x, mirror_y = a < 0, d < 0
        opposite = bool(quarter) and (b > 0) == (c > 0)
    if quarter == 1:
        return (("transpose", "clock_flip" if opposite else "cclock"),)
    if quarter == 3:
        return (("transpose", "cclock_flip" if opposite else "clock"),)
    mirrors = (("hflip", ""),) * mirror_x + (("vflip", ""),) * mirror_y
    return mirrors


def frame_duration(frame: Any) -> int:
    """Ticks that a frame is shown, 0 when unknown."""
    return int(getattr(frame, "duration", 0) or 0)


def _display_matrix(frame: Any) -> tuple[int, int, int, int] | None:
    """The matrix's turning part (a, b, c, d); None where PyAV cannot list the side data."""
    # PyAV 18 frees the name of a PNG's colour profile twice, which ends the process.
    (bare,) = FilterChain(frame, (("sidedata", "mode=delete:type=ICC_PROFILE"),)).push(frame)
    try:
        data = bare.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV 18 knows no EXIF side data, and fails on all of a photo's
        return None
    if data is None:
        return (1, 0, 0, 1)
    m = np.frombuffer(bytes(data), dtype=np.int32)
    return int(m[0]), int(m[1]), int(m[3]), int(m[4])


def _shape(frame: Any) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


def _samples(plane: Any, width: int) -> Any:
    rows = np.frombuffer(plane, dtype="<u2").reshape(plane.height, plane.line_size // 2)
    return rows[:, :width]


def work_size(size: tuple[int, int], work_height: int) -> tuple[tuple[int, int], str]:
    """The (h, w) to dream at, aspect kept, and a sentence where nothing is to do."""
    if work_height <= 0:
        return size, ""
    if work_height >= size[0]:
        note = f"work height {work_height}: nothing to do, the video has {size[0]} lines."
        return size, note
    return (work_height, max(1, round(size[1] * work_height / size[0]))), ""
