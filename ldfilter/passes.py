"""Several passes over every shot, forwards and backwards in turn (Ruder et al. 2016, 3.4).

A pass is an ordinary run over the shot on disk, in its own order; "before" means before in that
order, so that the same stages serve.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

from ldfilter.errors import ConfigError
from ldfilter.frame import Frame, Source
from ldfilter.source.shot import Shot


@dataclass(frozen=True, slots=True)
class Step:
    """One frame was dreamed once more.

    Attributes:
        number: of the pass, from 1 on.
        passes: how many there will be.
        frame: how many frames of the shot this pass has dreamed.
        frames: how long the shot is; None while the first pass still reads it.
    """

    number: int
    passes: int
    frame: int
    frames: int | None


Again = Callable[[Iterator[Frame], int], Generator[Frame, None, None]]
"""Frames in the order of pass n, and n, to the same frames dreamed."""


def dream_passes(
    frames: Iterable[Frame], *, count: int, again: Again, watch: Callable[[Step], None]
) -> Generator[Frame, None, None]:
    """The frames after the last pass, a whole shot at a time, in order.

    A shot waits in temporary files, so that memory does not grow with its length.

    Args:
        frames: dreamed by the first pass; where a shot starts, they say so.
        count: of passes, with the first one.
        watch: told of every frame dreamed.
    """
    with Shot() as shot:
        for frame in frames:
            if frame.starts_shot and len(shot):
                yield from _finished(shot, count, again, watch)
                shot.clear()
            shot.append(frame)
            watch(Step(1, count, len(shot), None))
        if len(shot):
            yield from _finished(shot, count, again, watch)


def _finished(
    shot: Shot, count: int, again: Again, watch: Callable[[Step], None]
) -> Iterator[Frame]:
    """The frames of a shot that the first pass has dreamed, after the others."""
    for number in range(2, count + 1):
        order = range(len(shot)) if number % 2 else range(len(shot) - 1, -1, -1)
        with closing(again(map(shot.frame, order), number)) as dreams:
            for done, (place, frame) in enumerate(zip(order, dreams, strict=True), 1):
                shot.replace(place, frame.residual)
                watch(Step(number, count, done, len(shot)))
    yield from shot.frames()


def check_source(source: Source, *, passes: int) -> None:
    """Raises ConfigError where `source` cannot be gone over as often as `passes`."""
    if passes > 1 and not source.seekable:
        name = "standard input" if source.info.name == "-" else source.info.name
        raise ConfigError(
            f"this look goes over every shot {passes} times, so a shot must be there whole before "
            f"its first frame can be given, and {name} only flows; save it to a file first, or "
            "take one pass with --set passes.count=1."
        )
