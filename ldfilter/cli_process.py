"""The process around a run: its standard streams and its signals."""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SHOW_CURSOR = b"\x1b[?25h"


@contextlib.contextmanager
def true_stdout(*, restore: bool) -> Iterator[BinaryIO]:
    """Standard output for media or answers alone: everybody else's prints go to stderr.

    A library that prints, even from C, would corrupt the stream. So file descriptor 1 becomes a
    second standard error, and the file given here is the only way to the real one. It is
    unbuffered, and closed at the end so that the reader sees the end at once.

    Args:
        restore: give descriptor 1 back afterwards; for callers who live on.
    """
    if sys.stdout is not None:
        sys.stdout.flush()
    _fill_missing_descriptors()
    saved = os.dup(1)
    os.dup2(2, 1)
    stdout = WholeWriter(os.dup(saved), "wb")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield stdout
    finally:
        with contextlib.suppress(OSError):  # a reader that left was noticed while writing
            stdout.close()
        if restore:
            if sys.stdout is not None:
                sys.stdout.flush()
            os.dup2(saved, 1)
        os.close(saved)


class WholeWriter(io.FileIO):
    """A file without a buffer whose `write` writes everything, or raises.

    A plain unbuffered file may write a part of it: when a signal comes, and to a pipe that its
    other user has set to non-blocking.
    """

    def write(self, data: Buffer, /) -> int:
        rest = memoryview(data).cast("B")
        total = len(rest)
        while rest:
            written: int | None = super().write(rest)
            if written is None:
                select.select([], [self], [])
            else:
                rest = rest[written:]
        return total


def _fill_missing_descriptors() -> None:
    """A parent may start us with 0, 1 or 2 closed; the next file opened would take the number."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


class Interrupts:
    """Ctrl-C and SIGTERM while a run goes on. A context manager, for the main thread.

    The first signal sets `stop`, which the stages look at, so that the output is finished. While
    `writing` is false there is nothing to finish, and the first signal ends the process at once.
    The second always does. A thread of its own waits for the signals, because a Python handler
    would have to wait for the main thread, which may hang in a library's read for ever.

    Attributes:
        stop: set by the first signal.
        writing: set by the caller as soon as an output exists.
        signal: the first signal that came, 0 = none.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.writing = False
        self.signal = 0
        self._previous: list[object] = []
        self._wakeup = -1

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + (self.signal or signal.SIGINT)

    def __enter__(self) -> Interrupts:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        if threading.current_thread() is threading.main_thread():
            self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
            self._previous = [signal.signal(number, _ignore) for number in SIGNALS]
        self._thread = threading.Thread(target=self._watch, name="ldfilter-signals", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        if self._previous:
            for number, handler in zip(SIGNALS, self._previous, strict=True):
                signal.signal(number, handler)  # type: ignore[arg-type]
            signal.set_wakeup_fd(self._wakeup)
        self._writer.close()
        self._thread.join()
        self._reader.close()

    def _watch(self) -> None:
        while received := self._reader.recv(1):
            number = received[0]
            if number not in SIGNALS:
                continue
            if self.signal or not self.writing:
                self._abort(self.signal or number)
            self.signal = number
            self.stop.set()
            _say("ldfilter: stopping and finishing the output; once more aborts at once.")

    def _abort(self, number: int) -> None:
        if os.isatty(2):
            os.write(2, SHOW_CURSOR)
        _say("ldfilter: aborted." if self.signal else "ldfilter: stopped.")
        os._exit(128 + number)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Python's own part of a signal: nothing, the watching thread does it all."""


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, f"{text}\n".encode())
