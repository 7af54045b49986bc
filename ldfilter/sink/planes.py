"""Where the samples of a pixel format lie, for the formats whose planes we add to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldfilter.errors import SinkError


@dataclass(frozen=True, slots=True)
class Channel:
    """One colour channel: its plane, and every how many samples of it from which on."""

    plane: int
    step: int = 1
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """A pixel format that can be composited.

    Attributes:
        channels: R, G, B, or Y, Cb, Cr, or Y alone. Alpha is copied, never added to.
        rgb: whether the channels are R, G, B.
        depth: bits per sample; samples of more than 8 bits fill 16, little-endian.
        shrink: (vertical, horizontal) factor by which chroma is smaller.
    """

    channels: tuple[Channel, ...]
    rgb: bool = False
    depth: int = 8
    shrink: tuple[int, int] = (1, 1)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of one sample."""
        return np.dtype(np.uint8 if self.depth <= 8 else "<u2")

    def span(self, plane: int, columns: int) -> int:
        """How many samples of a line of `plane` hold `columns` pixels, chroma rounded up."""
        number = next((n for n, c in enumerate(self.channels) if c.plane == plane), None)
        if number is None:  # alpha, which lies like luma
            return columns
        shrink = self.shrink[1] if number else 1
        return -(-columns // shrink) * self.channels[number].step


YUV = tuple(map(Channel, (0, 1, 2)))
GBR = tuple(map(Channel, (2, 0, 1)))
SHRINK = {"420": (2, 2), "422": (1, 2), "444": (1, 1), "440": (2, 1), "411": (1, 4)}
PACKED = {
    "rgb24": (3, "rgb"),
    "bgr24": (3, "bgr"),
    "rgba": (4, "rgba"),
    "bgra": (4, "bgra"),
    "argb": (4, "argb"),
    "abgr": (4, "abgr"),
    "rgb0": (4, "rgb0"),
    "bgr0": (4, "bgr0"),
    "0rgb": (4, "0rgb"),
    "0bgr": (4, "0bgr"),
}


def _tables() -> dict[str, Layout]:
    formats = {"nv12": Layout((Channel(0), Channel(1, 2, 0), Channel(1, 2, 1)), shrink=(2, 2))}
    for depth in (8, 9, 10, 12, 14, 16):
        tail = "" if depth == 8 else f"{depth}le"
        formats[f"gray{tail}"] = Layout(YUV[:1], depth=depth)
        formats[f"gbrp{tail}"] = formats[f"gbrap{tail}"] = Layout(GBR, rgb=True, depth=depth)
        for name, shrink in SHRINK.items():
            layout = Layout(YUV, depth=depth, shrink=shrink)
            formats[f"yuv{name}p{tail}"] = formats[f"yuva{name}p{tail}"] = layout
    for name, (step, order) in PACKED.items():
        channels = tuple(Channel(0, step, order.index(letter)) for letter in "rgb")
        formats[name] = Layout(channels, rgb=True)
    for name, step in (("rgb48le", 3), ("rgba64le", 4)):
        channels = tuple(Channel(0, step, i) for i in range(3))
        formats[name] = Layout(channels, rgb=True, depth=16)
    return formats


LAYOUTS = _tables()
"""By FFmpeg's name; a few names of the pattern do not exist in FFmpeg and are never asked for."""


def plain(pix_fmt: str) -> str:
    """The name without the "full range" that the yuvj formats carry in it."""
    return pix_fmt.replace("yuvj", "yuv", 1)


def rows(plane: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """All samples of an `av` plane, (height, samples per line with padding); a view.

    A plane that is stored bottom-up has its buffer start at the last line: refused, since
    reading on from there leaves the buffer.
    """
    if plane.line_size < 0:
        raise SinkError("a decoded picture is stored bottom-up; flip its rows before the sink.")
    data = np.frombuffer(plane, dtype=dtype)
    per_line = plane.line_size // dtype.itemsize
    return data[: plane.height * per_line].reshape(plane.height, per_line)


def samples(plane: Any, layout: Layout, channel: Channel, width: int) -> NDArray[Any]:
    """The samples of one channel, (plane's height, width); a view that can be written to."""
    return rows(plane, layout.dtype)[:, channel.offset :: channel.step][:, :width]
