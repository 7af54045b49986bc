"""Packets and frames out of a container, past whatever is damaged."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av

PATIENCE = 32
"""Errors in a row, without a packet between them, after which the input counts as ended.
Empirical: a damaged spot in mkv or ts costs a handful."""


class Demuxer:
    """The packets of all streams of a container, in file order.

    Attributes:
        errors: places where the container could not be read, and packets it calls damaged.
        lost: why reading ended before the end, in words; "" if it did not.
        packets, bytes: how many packets came, and how much data.
        end: where the latest packet ends, seconds; None before the first packet with a time.
    """

    def __init__(self, container: Any, stop: threading.Event) -> None:
        self._container = container
        self._stop = stop
        self.errors = 0
        self.lost = ""
        self.packets = 0
        self.bytes = 0
        self.end: Fraction | None = None

    def __iter__(self) -> Iterator[Any]:
        stuck = 0
        packets = self._container.demux()
        while not self._stop.is_set() and stuck < PATIENCE:
            try:
                packet = next(packets, None)
            except IndexError:  # a transport stream grew a stream; its packets are not ours
                packets, stuck = self._container.demux(), stuck + 1
                continue
            except (OSError, av.error.ExitError) as error:
                self.lost = str(getattr(error, "strerror", None) or error)
                return
            except Exception:  # PyAV raises FFmpegError and more, e.g. UnicodeDecodeError
                self.errors += 1
                packets, stuck = self._container.demux(), stuck + 1
                continue
            if packet is None:
                return
            stuck = 0
            if packet.size:  # without data: PyAV's sign to flush, or an empty packet
                self._note(packet)
                yield packet

    def _note(self, packet: Any) -> None:
        self.errors += bool(packet.is_corrupt)
        self.packets += 1
        self.bytes += packet.size
        if packet.pts is None or not packet.time_base:
            return
        end = (packet.pts + (packet.duration or 0)) * Fraction(packet.time_base)
        self.end = end if self.end is None else max(self.end, end)


class Decoder:
    """Decodes the packets of one video stream.

    Attributes:
        errors: packets that could not be decoded.
        corrupt: frames that the decoder itself calls damaged.
    """

    def __init__(self, stream: Any) -> None:
        # Frame threads have hung on early stop with torch loaded.
        stream.thread_type = "SLICE"
        self._stream = stream
        self.errors = 0
        self.corrupt = 0

    def frames(self, packets: Iterable[Any]) -> Iterator[Any]:
        """Every frame of the packets, in order of display, with what the decoder held back."""
        for packet in packets:
            yield from self._decode(packet)
        yield from self._decode(None)

    def restart(self) -> None:
        """Forget all packets and counts, to decode from a key frame again."""
        self._stream.codec_context.flush_buffers()
        self.errors = self.corrupt = 0

    def _decode(self, packet: Any) -> list[Any]:
        try:
            frames = self._stream.decode(packet)
        except av.EOFError:
            return []
        except Exception:  # decoders raise FFmpegError; PyAV's own errors are as final
            self.errors += 1
            return []
        self.corrupt += sum(1 for frame in frames if frame.is_corrupt)
        return list(frames)


class GroupSkipper:
    """Leaves out groups of pictures that end before a time, so that they need no decoding.

    The frame that was asked for is decoded from two key frames before it, since a picture after
    a key frame may still refer to the group before that one.

    Attributes:
        index: after the first packet came out, the number of the first frame to keep, counted
            from the start of the file.
        first: that frame's pts; frames before it cannot be decoded whole. None: keep all.
    """

    def __init__(self, begin: int, *, origin: int) -> None:
        """`begin`: the pts that is wanted; `origin`: that of the file's first frame; in ticks."""
        self._begin = begin
        self._origin = origin
        self.index = 0
        self.first: int | None = None

    def __call__(self, packets: Iterable[Any]) -> Iterator[Any]:
        """The packets from a key frame on; all of them where one lacks its time."""
        source = iter(packets)
        groups: list[list[Any]] = [[]]
        for packet in source:
            if packet.pts is None or (packet.dts or packet.pts) > self._begin:
                groups[-1].append(packet)
                break
            if packet.is_keyframe and groups[-1]:
                groups.append([])
            groups[-1].append(packet)
            if len(groups) > 2:
                self._drop(groups.pop(0), groups[0])
        for group in groups:
            yield from group
        yield from source

    def _drop(self, group: list[Any], following: list[Any]) -> None:
        """Count the frames up to the key frame of `following`, in order of display."""
        leading = self._origin if self.first is None else self.first
        self.first = following[0].pts
        self.index += sum(p.pts >= leading for p in group if not p.is_discard)
        self.index += sum(self._origin <= p.pts < self.first for p in following if not p.is_discard)
