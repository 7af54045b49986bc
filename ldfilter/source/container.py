"""Frames of a file, a network address or a pipe, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from types import TracebackType
from typing import Any, Self

from ldfilter.errors import SourceError, Stopped
from ldfilter.frame import Frame, PacketFeed
from ldfilter.source.clock import Cut, Timeline
from ldfilter.source.damage import Report, y4m_leftover
from ldfilter.source.demux import Decoder, Demuxer, GroupSkipper
from ldfilter.source.location import Location
from ldfilter.source.opening import open_container, piped_mp4
from ldfilter.source.packets import FileFeed, PipeFeed
from ldfilter.source.picture import LIMITED, Painter, Straightener, frame_duration, work_size
from ldfilter.source.probe import (
    codec_name,
    is_image,
    main_video,
    promised_end,
    refuse_hdr,
    stream_info,
)

PROBE_PACKETS = 1000
"""Video packets that may fail to decode before the input is given up. Empirical."""

COPIED = ("audio", "subtitle")


class ContainerSource:
    """The video of a container. A context manager; iterate once; see `frame.Source`.

    Decodes only as far as frames are asked for, in the thread that asks. `close` may come from
    any thread: it waits for the frame in work, and the iterator then ends.

    Convention: `Frame.index` counts decoded frames from the start of the file. A trim skips
    groups of pictures without decoding them, and counts them by their packets.
    """

    def __init__(
        self,
        location: Location,
        *,
        work_height: int,
        start: Fraction | None,
        end: Fraction | None,
        kinds: tuple[str, ...],
        stop: threading.Event,
    ) -> None:
        """`start`, `end`: seconds after the first frame; `kinds`: of streams to hand on.

        `stop` is the source's own: `close` sets it.
        """
        self._location = location
        self._stop = stop
        self._reading = threading.RLock()
        self._closed = self._started = False
        self.packets: PacketFeed | None = None
        self.warnings: list[str] = []
        self.damaged = False
        self.seekable = location.seekable
        self._pipe: PipeFeed | None = None
        self._container = _open(location, stop)
        try:
            self._stream = main_video(self._container, location.name)
            self._demuxer = Demuxer(self._container, stop)
            self._decoder = Decoder(self._stream)
            self._unread = iter(self._demuxer)
            self._probed: list[Any] = []
            self._cut = Cut(trimmed=start is not None or end is not None)
            self.packets = self._open_feed(kinds)
            self._look(start, end, work_height)
        except BaseException:
            self.close()
            raise

    def _look(self, start: Fraction | None, end: Fraction | None, work_height: int) -> None:
        """Decode the first frame, to know what every frame will be like."""
        first, still = self._first_frame()
        refuse_hdr(self._location.name, int(first.color_trc))
        self._straightener = Straightener(first)
        picture = self._straightener.turned(first)
        self._tick = Fraction(self._stream.time_base)
        self._origin = first.pts or 0
        begin = self._origin * self._tick
        self._cut.end = None if end is None else begin + end
        wanted = None if start is None else begin + start
        self.info = stream_info(
            self._location.name,
            self._container,
            self._stream,
            first=first,
            picture=picture,
            cut=replace(self._cut, start=begin + (start or 0)),
            still=still,
        )
        self._begin = wanted
        self.work_size, note = work_size(self.info.size, work_height)
        self._report = Report(self.info, self.warnings)
        if note:
            self.warnings.append(note)
        self._painter = Painter(self.work_size, unknown_range=LIMITED)

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
        """The frames, once.

        Raises:
            SourceError: a second time; or nothing lies between start and end.
        """
        if self._started or self._closed:
            raise SourceError(f"{self.info.name} can be read only once; open it again.")
        self._started = True
        return self._frames()

    def close(self) -> None:
        """Close all containers; safe to call twice, and while another thread iterates."""
        self._closed = True
        self._stop.set()  # a thread that waits for a pipe would keep the lock
        with self._reading:
            if self.packets is not None:
                self.packets.close()
            self._container.close()
            if not isinstance(self._location.target, str):
                self._location.target.close()

    def _frames(self) -> Iterator[Frame]:
        """The frames; each is made under the lock, as FFmpeg crashes if closed meanwhile."""
        made = self._made()
        try:
            while True:
                with self._reading:
                    frame = None if self._closed else next(made, None)
                if frame is None:
                    return
                yield frame
        except GeneratorExit:  # the reader broke out; after an error the feed may be in use
            self.close()
            raise

    def _made(self) -> Iterator[Frame]:
        for index, picture, pts in self._kept():
            yield Frame(
                picture=picture,
                image=self._painter.paint(picture),
                index=index,
                pts=pts,
                duration=self._duration(picture),
                time_base=self._tick,
            )
        self._finish()

    def _kept(self) -> Iterator[tuple[int, Any, int]]:
        """(index, picture, pts on the output's clock) of the frames inside the trim."""
        shift = 0
        for index, picture, pts in self._timed():
            time = pts * self._tick
            if self._cut.end is not None and time >= self._cut.end:
                break
            if self._begin is not None and time < self._begin:
                continue
            if self._cut.trimmed and self._cut.start is None:
                self._cut.start, shift = time, pts
            self._report.frames += 1
            yield index, picture, pts - shift

    def _timed(self) -> Iterator[tuple[int, Any, int]]:
        """(index, picture, pts on the input's clock) from a while before the trim on."""
        line = Timeline(self._tick)
        begin = self._origin if self._begin is None else int(self._begin / self._tick)
        skipper = GroupSkipper(begin, origin=self._origin)
        video = self._video_packets()
        packets = video if self._begin is None else skipper(video)
        frames = self._decodable(self._decoder.frames(packets), skipper)
        for count, picture in enumerate(self._straightener.frames(frames)):
            duration = self._duration(picture)
            pts = line.place(picture.pts, duration)
            self._report.follow(pts, duration, first=not count)
            self._report.missing, self._report.backward = line.missing, line.backward
            self._report.deinterlaced = self._straightener.deinterlaced
            yield skipper.index + count, picture, pts

    def _decodable(self, frames: Iterator[Any], skipper: GroupSkipper) -> Iterator[Any]:
        """The frames without those that lack what they refer to, after a skip."""
        for frame in frames:
            if skipper.first is None or frame.pts is None or frame.pts >= skipper.first:
                yield frame

    def _video_packets(self) -> Iterator[Any]:
        """Packets of the main video, also those of the probe; others go to the pipe's feed."""
        self._decoder.restart()
        probed, self._probed = self._probed, []
        for packet in chain(probed, self._unread):
            if packet.stream_index == self._stream.index:
                yield packet
            elif self._pipe is not None:
                self._pipe.put(packet)

    def _first_frame(self) -> tuple[Any, bool]:
        """The first frame, and whether it is the only one (a photo); remembers the packets."""
        image = is_image(self._container)
        found: list[Any] = []
        for frame in self._decoder.frames(self._probing()):
            found.append(frame)
            if len(found) > image:
                break
        if self._stop.is_set():
            raise Stopped("stopped before the first frame.")
        if not found:
            codec = codec_name(self._stream)
            raise SourceError(
                f"cannot read {self._location.name}: "
                + (piped_mp4(self._location) or f"no picture of its {codec} can be decoded.")
            )
        return found[0], image and len(found) == 1

    def _probing(self) -> Iterator[Any]:
        for packet in self._unread:
            if packet.stream_index == self._stream.index:
                self._probed.append(packet)
                yield packet
                if len(self._probed) >= PROBE_PACKETS:
                    return
            elif self._pipe is not None:
                self._pipe.put(packet)

    def _open_feed(self, kinds: tuple[str, ...]) -> PacketFeed | None:
        streams = [
            s for s in self._container.streams if s.type in kinds and s.codec_context is not None
        ]
        if not streams:
            return None
        if not self._location.seekable:
            self._pipe = PipeFeed(streams, self._cut)
            return self._pipe
        again = open_container(self._location)
        indices = [s.index for s in streams]
        return FileFeed(again, indices, self._cut, stop=self._stop, lose=self._lose_sound)

    def _lose_sound(self, why: str) -> None:
        self.damaged = True
        self.warnings.append(f"reading the sound of {self._location.name} broke off: {why}.")

    def _duration(self, picture: Any) -> int:
        """Ticks until the next frame, by the input's word or else by its rate."""
        given = frame_duration(picture)
        if given > 0:
            return given
        return max(1, round(1 / self.info.rate / self._tick)) if self.info.rate else 1

    def _finish(self) -> None:
        """Report what was lost, and read a pipe's sound on to the end of the trim."""
        place = self._location
        whole = self._cut.end is None and not self._stop.is_set()
        if self._report.frames == 0 and not self._stop.is_set():
            raise SourceError(f"nothing of {self.info.name} lies between start and end.")
        if self._pipe is not None and not whole:
            self._drain(self._pipe)
        self._report.finish(
            self._demuxer,
            self._decoder,
            changed=self._straightener.changed,
            promised=promised_end(self._container, self._stream) if whole else None,
            leftover=y4m_leftover(place.head, place.size, self._demuxer) if whole else 0,
        )
        self.damaged |= self._report.damaged

    def _drain(self, feed: PipeFeed) -> None:
        """Sound may lie up to a second behind the pictures of the same time."""
        for packet in self._unread:
            feed.put(packet)
            time = packet.dts if packet.pts is None else packet.pts
            end = self._cut.end
            if end is None or (time or 0) * Fraction(packet.time_base) > end + 1:
                return


def _open(location: Location, stop: threading.Event) -> Any:
    try:
        return open_container(location)
    except SourceError:
        if stop.is_set():
            raise Stopped("stopped before the first frame.") from None
        raise
