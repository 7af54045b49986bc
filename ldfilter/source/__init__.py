"""Where frames come from: files, network addresses, standard input, samples, test patterns."""

from __future__ import annotations

import threading
from fractions import Fraction

from ldfilter.errors import SourceError
from ldfilter.source.container import COPIED, ContainerSource
from ldfilter.source.describe import describe
from ldfilter.source.location import is_pipe, locate

__all__ = ["describe", "is_pipe", "open_source"]


def open_source(
    name: str,
    *,
    work_height: int = 0,
    start: Fraction | None = None,
    end: Fraction | None = None,
    audio: bool = True,
    subtitles: bool = True,
    stop: threading.Event | None = None,
) -> ContainerSource:
    """Open an input and look at its first frame.

    Args:
        name: a file, a URL, "-" (standard input), or sample:bunny, sample:bikes,
            sample:carphone.
        work_height: lines of `Frame.image`, width alike; 0, or the source's height and more,
            leaves its size.
        start, end: seconds after the first frame; frames with a time in [start, end) are kept.
            With either the output's clock begins at 0, else it is the input's.
        audio, subtitles: whether `Source.packets` hands them on.
        stop: set from anywhere, it ends reading at once, as if the input had ended.

    Raises:
        SourceError: the input cannot be read, is HDR, or start and end leave nothing.
        ConfigError: an unknown sample.
        Stopped: `stop` was set before the first frame.
    """
    _check_range(start, end)
    stop = _OwnStop(stop)
    wanted = {"audio": audio, "subtitle": subtitles}
    return ContainerSource(
        locate(name, stop),
        work_height=work_height,
        start=start,
        end=end,
        kinds=tuple(kind for kind in COPIED if wanted[kind]),
        stop=stop,
    )


class _OwnStop(threading.Event):
    """Set also by the caller's flag, while setting it leaves that flag alone."""

    def __init__(self, given: threading.Event | None) -> None:
        super().__init__()
        self._given = given

    def is_set(self) -> bool:
        return super().is_set() or (self._given is not None and self._given.is_set())


def _check_range(start: Fraction | None, end: Fraction | None) -> None:
    begin = start or Fraction(0)
    if begin < 0:
        raise SourceError(f"the start must be at least 0 s, not {float(begin):g} s.")
    if end is not None and end <= begin:
        raise SourceError(
            f"the end ({float(end):g} s) must be after the start ({float(begin):g} s)."
        )
