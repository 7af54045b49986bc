"""Where bytes go: a file that is created with the first byte, or a pipe whose reader may leave."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from ldfilter.errors import ReaderLeft, SinkError
from ldfilter.frame import StreamInfo

GONE = (errno.EPIPE, errno.ECONNRESET, errno.ECONNABORTED)

ADVICE = {
    errno.ENOSPC: "the disk is full; free some space or write elsewhere",
    errno.EDQUOT: "your disk quota is used up; free some space or write elsewhere",
    errno.EFBIG: "the file is larger than the file system allows; write elsewhere",
    errno.EACCES: "permission denied; choose a folder that you may write to",
    errno.EPERM: "the system does not permit it; choose another output",
    errno.EROFS: "the file system is read-only; write elsewhere",
    errno.ECONNREFUSED: "nobody listens there; start the receiver first",
    errno.ENOENT: "its folder does not exist; create it first",
}


def failure(name: str, error: BaseException) -> SinkError:
    """The error of ours that stands for one of the system's."""
    number = getattr(error, "errno", None)
    if number in GONE or isinstance(error, BrokenPipeError):
        return ReaderLeft(f"the reader of {_said(name)} left; stopped there.")
    reason = ADVICE.get(number) if isinstance(number, int) else None
    reason = reason or getattr(error, "strerror", None) or str(error) or type(error).__name__
    return SinkError(f"cannot write {_said(name)}: {reason}.")


def _said(name: str) -> str:
    return "standard output" if name == "-" else name


def is_url(name: str) -> bool:
    """Whether FFmpeg's protocols, not the file system, know this output."""
    scheme, separator, _ = name.partition("://")
    return bool(separator) and scheme.replace("+", "").replace("-", "").isalnum()


def check_path(name: str, *, info: StreamInfo, overwrite: bool) -> None:
    """Refuse outputs that cannot or must not be written, before anything is touched.

    Raises:
        SinkError: a directory, no folder, the input itself, a file that exists.
    """
    path = _first(name)
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path) or path.endswith("/"):
        raise SinkError(f"{name} is a folder; give the name of a file in it.")
    if not os.path.isdir(folder):
        raise SinkError(f"the folder {folder} of {name} does not exist; create it first.")
    if _same(path, info.name):
        raise SinkError(f"{name} is the input itself; write to another file.")
    with suppress(OSError):
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode) and not overwrite:
            raise SinkError(f"{name} exists already; overwrite it with -y, or choose another name.")
        if not os.access(path, os.W_OK):
            raise SinkError(f"{name} exists and may not be written to; choose another name.")
        return
    if not os.access(folder, os.W_OK):
        raise SinkError(f"the folder {folder} may not be written to; choose another.")


def _first(name: str) -> str:
    """The path itself, or the first one of a numbered row."""
    if "%" in name:
        with suppress(TypeError, ValueError):
            return name % 1
    return name


def _same(path: str, other: str) -> bool:
    with suppress(OSError, ValueError):
        return os.path.samefile(path, other)
    return False


class Outlet:
    """A binary file object, or a path opened at the first use; errors become ours.

    After an error nothing more is written and `close` is silent.
    """

    def __init__(self, name: str, *, file: BinaryIO | None = None) -> None:
        self._name, self._file = name, file
        self._owned = file is None
        self._created = self._owned and not os.path.lexists(name)
        self._failed = False

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The file, for writing."""
        try:
            if self._file is None:
                self._file = open(self._name, "wb")  # noqa: SIM115 - closed in close()
            yield self._file
        except OSError as error:
            self._failed = True
            raise failure(self._name, error) from error

    def close(self, *, keep: bool) -> None:
        """Close what we opened; remove it if it is ours and holds nothing to keep."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close() if self._owned else file.flush()
        except OSError as error:
            if not self._failed:
                self._failed = True
                raise failure(self._name, error) from error
        finally:
            if self._created and not keep:
                with suppress(OSError):
                    os.unlink(self._name)


class Pipe:
    """A write-only stand-in for a file object, for FFmpeg, which must never see an exception.

    The first error is kept in `error`; from then on bytes are dropped, so that closing the
    container neither raises nor hangs.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: BaseException | None = None

    def write(self, data: Any) -> int:
        """Write all of `data`, or remember why not."""
        if self.error is None:
            try:
                write_all(self._file, data)
                self._file.flush()
            except Exception as error:
                self.error = error
        return len(data)


def write_all(file: BinaryIO, data: Any) -> None:
    """Write every byte: an unbuffered file may take less than it was given."""
    view = memoryview(data)
    while view:
        written = file.write(view)
        view = view[len(view) if written is None else written :]
