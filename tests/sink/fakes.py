"""A source in memory: frames, colours and copied packets of the test's choice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
import torch

from ldfilter.frame import Frame, StreamInfo

SIZE = (48, 64)


def make_info(**changes: Any) -> StreamInfo:
    """A 64x48 video of 25 frames per second, with changes."""
    fields: dict[str, Any] = {
        "name": "in.mp4",
        "format": "mov,mp4,m4a,3gp,3g2,mj2",
        "codec": "h264",
        "size": SIZE,
        "pix_fmt": "yuv420p",
        "time_base": Fraction(1, 12800),
        "rate": Fraction(25),
    }
    return StreamInfo(**(fields | changes))


def make_picture(
    pix_fmt: str = "yuv420p", *, size: tuple[int, int] = SIZE, seed: int = 0, low: int = 60
) -> av.VideoFrame:
    """Random samples away from the ends of the range, equal in blocks so that codecs like it."""
    picture = av.VideoFrame(size[1], size[0], pix_fmt)
    rng = np.random.default_rng(seed)
    depth = max(c.bits for c in picture.format.components)
    for plane in picture.planes:
        wide = np.dtype(np.uint8 if depth <= 8 else "<u2")
        view = np.frombuffer(plane, wide)
        view[:] = rng.integers(low << (depth - 8), 190 << (depth - 8), len(view), dtype=wide)
    return picture


def make_frame(
    number: int = 0,
    *,
    picture: Any = None,
    residual: Any = None,
    pts: int | None = None,
    duration: int = 512,
    time_base: Fraction = Fraction(1, 12800),
    size: tuple[int, int] = SIZE,
) -> Frame:
    """Frame `number` of a 25 fps clip, unless told otherwise; `residual` may be (r, g, b)."""
    if isinstance(residual, tuple):
        residual = torch.tensor(residual).view(1, 3, 1, 1).expand(1, 3, *size).contiguous()
    return Frame(
        picture=make_picture(seed=number, size=size) if picture is None else picture,
        image=torch.zeros(1, 3, *size),
        index=number,
        pts=number * 512 if pts is None else pts,
        duration=duration,
        time_base=time_base,
        residual=residual,
    )


class FakeFeed:
    """Packets of a file, in step; the pts are the file's own."""

    def __init__(self, path: Any) -> None:
        self.container: Any = av.open(str(path))
        self.streams: Sequence[Any] = [
            s for s in self.container.streams if s.type in ("audio", "subtitle")
        ]
        demuxed = self.container.demux(*self.streams) if self.streams else ()
        self._packets = [p for p in demuxed if p.size]
        self._packets.sort(key=lambda p: p.pts * p.time_base)
        self.asked: list[Fraction | None] = []

    def spoil(self, number: int) -> None:
        """Put noise in the place of one packet."""
        old = self._packets[number]
        new = av.Packet(b"\xff\x00" * 40)
        new.stream, new.time_base = old.stream, old.time_base
        new.pts, new.dts, new.duration = old.pts, old.dts, old.duration
        self._packets[number] = new

    def until(self, time: Fraction | None) -> Iterator[Any]:
        self.asked.append(time)
        while self._packets:
            start = self._packets[0].pts * Fraction(self._packets[0].time_base)
            if time is not None and start >= time:
                return
            yield self._packets.pop(0)

    def close(self) -> None:
        self.container.close()


class FakeSource:
    """Frames from a list."""

    def __init__(self, info: StreamInfo | None = None, *, packets: Any = None) -> None:
        self.info = info or make_info()
        self.work_size = self.info.size
        self.packets = packets
        self.warnings: list[str] = []
        self.damaged = False

    def __enter__(self) -> FakeSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        return iter(())

    def close(self) -> None:
        if self.packets is not None:
            self.packets.close()
