"""A queue of packets with a bounded place in memory; what does not fit waits in a file."""

from __future__ import annotations

import pickle
import tempfile
import threading
from collections import deque
from typing import IO, Any

import av

MEMORY_BYTES = 64 * 2**20


class Spool:
    """First in, first out, from one thread to another.

    Up to `memory_bytes` of packet data stay in memory; beyond, packets go to a temporary file
    until all of it has been read. A packet from the file has lost its side data (such as a few
    samples of Opus padding), not its data, times or key flag.
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self._limit = memory_bytes
        self._lock = threading.Lock()
        self._ready: deque[Any] = deque()
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._filed = 0
        self._read_at = 0
        self._streams: dict[int, Any] = {}
        self._closed = False

    def put(self, packet: Any) -> None:
        """Append a packet."""
        with self._lock:
            if self._closed:
                return
            if self._filed or self._bytes + packet.size > self._limit:
                self._store(packet)
            else:
                self._ready.append(packet)
                self._bytes += packet.size

    def get(self) -> Any | None:
        """The oldest packet, or None when nothing waits."""
        with self._lock:
            if self._ready:
                packet = self._ready.popleft()
                self._bytes -= packet.size
                return packet
            return self._load() if self._filed else None

    @property
    def memory(self) -> int:
        """Bytes of packet data in memory."""
        return self._bytes

    @property
    def filed(self) -> int:
        """Packets that wait in the file."""
        return self._filed

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._closed = True
            self._ready.clear()
            self._bytes = self._filed = 0
            if self._file is not None:
                self._file.close()
                self._file = None

    def _store(self, packet: Any) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="ldfilter-")  # noqa: SIM115 (close() closes it)
        self._streams[packet.stream_index] = packet.stream
        record = (
            *(packet.stream_index, packet.pts, packet.dts, packet.duration),
            *(packet.is_keyframe, bytes(packet)),
        )
        self._file.seek(0, 2)
        pickle.dump(record, self._file)
        self._filed += 1

    def _load(self) -> Any:
        assert self._file is not None  # nothing is filed without a file
        self._file.seek(self._read_at)
        index, pts, dts, duration, key, data = pickle.load(self._file)
        self._read_at = self._file.tell()
        self._filed -= 1
        if not self._filed:
            self._file.truncate(0)
            self._read_at = 0
        packet: Any = av.Packet(data)
        packet.stream = self._streams[index]
        packet.time_base = packet.stream.time_base
        packet.pts, packet.dts, packet.duration = pts, dts, duration
        packet.is_keyframe = key
        return packet
