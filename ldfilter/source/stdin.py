"""A pipe as a file object that FFmpeg can read and that a stop flag can end."""

from __future__ import annotations

import os
import select
import stat
import threading

HEAD_BYTES = 256
POLL_SECONDS = 0.1
"""How long one wait for data may last before the stop flag is looked at."""


class PipeReader:
    """Reads a file descriptor for `av.open`; a set `stop` looks like the end of the stream.

    FFmpeg's own "pipe:0" stays blocked in `read` after Ctrl-C, since it restarts the call.

    Attributes:
        head: the first bytes of the stream, at most HEAD_BYTES, as far as they were read.
        size: bytes that came through so far.
    """

    def __init__(self, fd: int, stop: threading.Event) -> None:
        self._fd = fd
        self._stop = stop
        self.head = b""
        self.size = 0

    def read(self, size: int) -> bytes:
        """At least one byte and at most `size`; b"" at the end or when stopped."""
        while not self._stop.is_set():
            if _has_data(self._fd):
                data = os.read(self._fd, size)
                self._note(data)
                return data
        return b""

    def _note(self, data: bytes) -> None:
        self.head += data[: HEAD_BYTES - len(self.head)]
        self.size += len(data)

    def close(self) -> None:
        """Close the descriptor, unless it is standard input."""
        fd, self._fd = self._fd, -1
        if fd > 0:
            os.close(fd)


class FileReader(PipeReader):
    """A descriptor that is a regular file (`ldfilter < in.mp4`), so FFmpeg may seek in it."""

    def __init__(self, fd: int, stop: threading.Event) -> None:
        super().__init__(fd, stop)
        self.size = os.fstat(fd).st_size

    def _note(self, data: bytes) -> None:
        if not self.head:
            self.head = data[:HEAD_BYTES]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._fd, offset, whence)

    def tell(self) -> int:
        return os.lseek(self._fd, 0, os.SEEK_CUR)


def open_reader(fd: int, stop: threading.Event) -> PipeReader:
    """The reader that suits what `fd` is."""
    regular = stat.S_ISREG(os.fstat(fd).st_mode)
    return FileReader(fd, stop) if regular else PipeReader(fd, stop)


def _has_data(fd: int) -> bool:
    """Whether a read will not block: data or the end. Waits at most `POLL_SECONDS`."""
    if os.name == "nt":  # select() there knows sockets only; a blocked read ends with its writer
        return True
    ready, _, _ = select.select([fd], [], [], POLL_SECONDS)
    return bool(ready)
