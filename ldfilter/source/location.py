"""What the user's word for the input means: a file, a pipe or a network address."""

from __future__ import annotations

import os
import re
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from ldfilter.errors import SourceError
from ldfilter.source.samples import sample_path, style_path
from ldfilter.source.stdin import HEAD_BYTES, PipeReader, open_reader

SCHEMES = ("http", "https", "rtsp", "rtmp", "rtmps", "udp", "tcp", "ftp", "rtp")


@dataclass(frozen=True, slots=True)
class Location:
    """Where the input is.

    Attributes:
        name: as the user wrote it; for messages.
        target: what `av.open` takes: a URL ("file:..." for files) or a reader object.
        network: reading may stall, so it needs a time-out.
    """

    name: str
    target: str | PipeReader
    network: bool = False

    @property
    def seekable(self) -> bool:
        """An ordinary file, which can be opened a second time."""
        return isinstance(self.target, str) and not self.network

    @property
    def head(self) -> bytes:
        """The first bytes of a file, or of what came through a pipe so far."""
        if isinstance(self.target, PipeReader):
            return self.target.head
        if self.network:
            return b""
        with open(self.target.removeprefix("file:"), "rb") as file:
            return file.read(HEAD_BYTES)

    @property
    def size(self) -> int:
        """Bytes of a file, or those that came through a pipe so far; 0 when unknown."""
        if isinstance(self.target, PipeReader):
            return self.target.size
        return 0 if self.network else os.path.getsize(self.target.removeprefix("file:"))


def locate(name: str, stop: threading.Event) -> Location:
    """Find out what `name` is, without reading it.

    Raises:
        SourceError: nothing is there, or it cannot be a video.
        ConfigError: an unknown sample or style.
    """
    if name == "-":
        return _standard_input(stop)
    if name.startswith("sample:"):
        return _local(name, sample_path(name.removeprefix("sample:")), stop)
    if name.startswith("style:"):
        return _local(name, style_path(name.removeprefix("style:")), stop)
    if os.path.lexists(name):
        return _local(name, Path(name), stop)
    if name.startswith("file:"):
        return _local(name, _bare(name), stop)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", name)
    if scheme is None:
        return _local(name, Path(name), stop)
    if scheme[1].lower() not in SCHEMES:
        raise SourceError(
            f"cannot read {name}: {scheme[1]}:// is not among {', '.join(SCHEMES)}; "
            "another program can feed it in through a pipe."
        )
    return Location(name, name, network=True)


def is_pipe(name: str) -> bool:
    """Whether `name` can be read only once: standard input or a named pipe. Opens nothing."""
    path = Path(name)
    if name.startswith("file:") and not os.path.lexists(name):
        path = _bare(name)
    return name == "-" or path.is_fifo()


def _bare(name: str) -> Path:
    """The path in a "file:" address."""
    return Path(re.sub(r"^file:(//(?=/))?", "", name))


def _standard_input(stop: threading.Event) -> Location:
    try:
        terminal = os.isatty(0)
        reader = open_reader(0, stop)
    except OSError as error:
        raise SourceError("cannot read standard input: it is closed.") from error
    if terminal:
        raise SourceError("standard input is a terminal; name a file or pipe a video in.")
    return Location("-", reader)


def _local(name: str, path: Path, stop: threading.Event) -> Location:
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            path.open("rb").close()
        elif not stat.S_ISDIR(status.st_mode):
            return Location(name, open_reader(os.open(path, os.O_RDONLY), stop))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"cannot read {name}: {reason}.") from error
    if stat.S_ISDIR(status.st_mode):
        raise SourceError(f"cannot read {name}: it is a folder; name a video file in it.")
    if status.st_size == 0:
        raise SourceError(f"cannot read {name}: the file is empty.")
    # "file:" keeps FFmpeg from taking a colon in the name for a protocol.
    return Location(name, f"file:{path}")
