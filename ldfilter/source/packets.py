"""Sound and text packets that by-pass the dream, in step with the video.

A file is opened a second time and read as far as the video has come. A pipe can be read only
once, so its packets wait in a `Spool` until the video reaches them.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from av.stream import Discard

from ldfilter.source.clock import Cut, Timeline
from ldfilter.source.demux import Demuxer
from ldfilter.source.spool import Spool

INTERLEAVE_SECONDS = 10
"""How far apart in a file packets of the same time may lie; FFmpeg's muxers use 10 s."""


class Placer:
    """Gives packets their place on the output's clock and leaves out what a trim cuts away.

    A packet of sound that begins before the cut is dropped; a subtitle on screen at the cut
    starts there.
    """

    def __init__(self, streams: Sequence[Any], cut: Cut) -> None:
        self._cut = cut
        self._lines = {
            stream.index: Timeline(Fraction(stream.time_base), strict=stream.type == "audio")
            for stream in streams
        }

    def place(self, packet: Any) -> Any | None:
        """The packet with pts and dts on the output's clock; None: it is cut away."""
        line = self._lines.get(packet.stream_index)
        if line is None:
            return None
        tick = Fraction(packet.time_base)
        duration = packet.duration or 0
        given = packet.pts if packet.dts is None else packet.dts
        dts = line.place(given, duration)
        pts = dts if packet.pts is None or given is None else packet.pts + dts - given
        if self._cut.end is not None and pts * tick >= self._cut.end:
            return None
        shift = round(self._cut.shift / tick)
        pts, dts = pts - shift, dts - shift
        if self._cut.trimmed and pts < 0:
            if packet.stream.type != "subtitle" or pts + duration <= 0:
                return None
            packet.duration, dts, pts = pts + duration, 0, 0
        packet.pts, packet.dts = pts, dts
        return packet

    def past_end(self, packet: Any) -> bool:
        """Whether no packet of the part that is kept can follow this one."""
        time = packet.pts if packet.dts is None else packet.dts
        if self._cut.end is None or time is None:
            return False
        return bool(time * Fraction(packet.time_base) >= self._cut.end + INTERLEAVE_SECONDS)


class Feed(ABC):
    """What file and pipe feeds share: handing out placed packets up to a time."""

    def __init__(self, streams: Sequence[Any], cut: Cut) -> None:
        self._streams = tuple(streams)
        self._cut = cut
        self._placer = Placer(self._streams, cut)
        self._ahead: Any = None
        self._past_end = False
        self._closed = False

    @property
    def streams(self) -> Sequence[Any]:
        """The input's `av` streams of sound and text, in input order; none after `close`.

        PyAV streams (also `packet.stream`) must not be touched once their container is closed.
        """
        return self._streams

    def until(self, time: Fraction | None) -> Iterator[Any]:
        """Packets that start before `time` seconds, each once; None gives all that is left.

        Gives nothing before the first frame of a trimmed video is known, and after `close`.
        """
        while not self._closed and self._cut.ready:
            if self._ahead is None:
                self._ahead = self._next()
            if self._ahead is None:
                return
            if time is not None and self._ahead.pts * Fraction(self._ahead.time_base) >= time:
                return
            packet, self._ahead = self._ahead, None
            yield packet

    def _next(self) -> Any | None:
        """The next packet that is kept, or None when there is none (yet)."""
        while not self._past_end and (packet := self._take()) is not None:
            self._past_end = self._placer.past_end(packet)
            placed = self._placer.place(packet)
            if placed is not None:
                return placed
        return None

    @abstractmethod
    def _take(self) -> Any | None:
        """The next packet of the input, of any stream; None when there is none (yet)."""

    def close(self) -> None:
        """Let go of everything; safe to call twice."""
        self._closed = True
        self._ahead = None
        self._streams = ()


class FileFeed(Feed):
    """Reads a container of its own. Used from one thread, which need not be the source's.

    Damaged places are the source's to tell, which reads the same container whole.
    """

    def __init__(
        self,
        container: Any,
        indices: Sequence[int],
        cut: Cut,
        *,
        stop: threading.Event,
        lose: Callable[[str], None],
    ) -> None:
        """`container` is owned by the feed; `indices`: the streams to hand out.

        `lose` is told once, in words, why reading broke off, if it did.
        """
        super().__init__([container.streams[index] for index in indices], cut)
        self._container = container
        for stream in container.streams:
            if stream.index not in indices:
                stream.discard = Discard.all
        self._lose = lose
        self._demuxer = Demuxer(container, stop)
        self._packets = iter(self._demuxer)

    def _take(self) -> Any | None:
        packet = next(self._packets, None)
        if packet is None and self._demuxer.lost:
            self._lose(self._demuxer.lost)
            self._demuxer.lost = ""
        return packet

    def close(self) -> None:
        super().close()
        self._packets = iter(())
        self._container.close()


class PipeFeed(Feed):
    """Holds the packets that the source meets on its way; at most 64 MB of them in memory."""

    def __init__(self, streams: Sequence[Any], cut: Cut, *, spool: Spool | None = None) -> None:
        super().__init__(streams, cut)
        self._indices = {stream.index for stream in streams}
        self._spool = spool or Spool()

    def put(self, packet: Any) -> None:
        """Keep a packet if it belongs to one of the streams."""
        if packet.stream_index in self._indices:
            self._spool.put(packet)

    def _take(self) -> Any | None:
        return self._spool.get()

    def close(self) -> None:
        super().close()
        self._spool.close()
