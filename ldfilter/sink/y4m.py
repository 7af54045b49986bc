"""Writes YUV4MPEG2, bit-exact: PyAV's own writer loses the pixel shape."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, BinaryIO

from ldfilter.errors import SinkError
from ldfilter.frame import Frame, Source
from ldfilter.sink.colors import FULL, LIMITED
from ldfilter.sink.composite import Compositor
from ldfilter.sink.copies import plan, refuse_losses
from ldfilter.sink.outlet import Outlet, write_all
from ldfilter.sink.planes import LAYOUTS, rows
from ldfilter.sink.target import Target

TAGS = {"yuv411p": "411", "yuv422p": "422", "yuv444p": "444", "gray": "mono"}
SITED = {"left": "420mpeg2", "center": "420jpeg"}
LATE = Fraction(6, 10)
"""A frame this many frame times off its place is reported. Empirical: rounded clocks pass."""


class Y4mSink:
    """A y4m stream into an outlet; the header goes out with the first frame."""

    def __init__(
        self,
        target: Target,
        *,
        like: Source,
        outlet: Outlet,
        compositor: Compositor,
        strict: bool = False,
    ) -> None:
        lost = plan(like.packets.streams if like.packets else (), target.container)
        refuse_losses(lost if strict else ())
        self.warnings: list[str] = [*target.notes, *(f"{item}." for item in lost)]
        self._target, self._outlet, self._feed = target, outlet, like.packets
        self._compositor = compositor
        self._header: bytes | None = header(target, aspect=like.info.sample_aspect_ratio)
        self._start = Fraction(0)
        self._count = 0
        self._said_late = self._closed = False

    def __enter__(self) -> Y4mSink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, frame: Frame) -> None:
        """Write one frame.

        Raises:
            ReaderLeft: the reader closed the pipe.
            SinkError: the disk is full or the output failed.
        """
        if self._closed:
            raise SinkError(f"{self._target.name} is closed already; open a new sink.")
        self._watch_clock(frame)
        picture = self._compositor(frame)
        with self._outlet.opened() as file:
            if self._header is not None:
                write_all(file, self._header)
                self._header = None
            write_frame(file, picture, self._target.canvas)
            file.flush()
        self._count += 1
        if self._feed is not None:  # a pipe's packets would pile up
            for _ in self._feed.until((frame.pts + frame.duration) * frame.time_base):
                pass

    def close(self, *, complete: bool = True) -> None:
        """Finish; safe to call twice."""
        if self._count == 0 and not self._closed:
            self.warnings.append(f"no frame came, so {self._target.name} was not written.")
        self._closed = True
        self._outlet.close(keep=self._count > 0)

    def _watch_clock(self, frame: Frame) -> None:
        """y4m has no times: say so once when frames are not evenly spaced."""
        now = frame.pts * frame.time_base
        if self._count == 0:
            self._start = now
        off = abs((now - self._start) * self._target.rate - self._count)
        if off > LATE and not self._said_late:
            self._said_late = True
            self.warnings.append(
                f"y4m has one constant rate, {self._target.rate} frames per second here; the "
                f"source's uneven times are lost from frame {frame.index} on. -f matroska keeps "
                "them."
            )


def header(target: Target, *, aspect: Fraction) -> bytes:
    """The stream header, with size, rate, pixel shape, pixel format and range."""
    height, width = target.size
    rate = target.rate
    shape = f"A{aspect.numerator}:{aspect.denominator}" if aspect else "A0:0"
    parts = ["YUV4MPEG2", f"W{width}", f"H{height}", f"F{rate.numerator}:{rate.denominator}", "Ip"]
    parts += [shape, f"C{tag_of(target.canvas, siting=target.siting)}"]
    if target.colors.range in (LIMITED, FULL):
        parts.append(f"XCOLORRANGE={'FULL' if target.colors.range == FULL else 'LIMITED'}")
    return (" ".join(parts) + "\n").encode("ascii")


def tag_of(pix_fmt: str, *, siting: str) -> str:
    """The C tag of a format: "yuv420p10le" gives "420p10 XYSCSS=420P10"."""
    if pix_fmt in TAGS:
        return TAGS[pix_fmt]
    if pix_fmt == "yuv420p":
        return SITED[siting]
    depth = LAYOUTS[pix_fmt].depth
    if pix_fmt.startswith("gray"):
        return f"mono{depth}"
    chroma = pix_fmt[3:6]
    return f"{chroma}p{depth} XYSCSS={chroma}P{depth}"


def write_frame(file: BinaryIO, picture: Any, pix_fmt: str) -> None:
    """One frame: its marker and its planes without padding."""
    layout = LAYOUTS[pix_fmt]
    write_all(file, b"FRAME\n")
    for number, plane in enumerate(picture.planes):
        write_all(
            file, rows(plane, layout.dtype)[:, : layout.span(number, picture.width)].tobytes()
        )
