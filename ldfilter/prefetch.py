"""Running a stage ahead in a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")

_TICK = 0.05  # seconds between two looks at the stop flag while a queue is full or empty


class _End:
    """Last entry of the queue: upstream is exhausted and closed, or failed with `error`."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class prefetch(Generic[T]):
    """Pull `upstream` in a thread, at most `depth` + 1 items ahead of the reader.

        with prefetch(stage(source), depth=4) as frames:
            for frame in frames: ...

    The thread owns upstream: it alone advances it and, if it is a generator, closes it. An error
    upstream reaches the reader with its own type, after the items before it. Leaving the block,
    by whatever way, stops the thread as soon as upstream has finished the item it works on, and
    waits for it.

    Args:
        begin: called first in the thread, for settings that belong to a thread.
    """

    def __init__(
        self, upstream: Iterable[T], *, depth: int = 4, begin: Callable[[], None] | None = None
    ) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, not {depth}")
        self._upstream = upstream
        self._begin = begin
        self._queue: queue.Queue[T | _End] = queue.Queue(maxsize=depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ldfilter-prefetch", daemon=True)

    def __enter__(self) -> Iterator[T]:
        self._thread.start()
        return self._items()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        while not self._queue.empty():
            self._queue.get_nowait()

    def _items(self) -> Iterator[T]:
        """What the thread has pulled, in order; runs in the reader's thread."""
        while not self._stop.is_set():
            try:
                item = self._queue.get(timeout=_TICK)
            except queue.Empty:
                continue
            if not isinstance(item, _End):
                yield item
            elif item.error is None:
                return
            else:
                raise item.error

    def _run(self) -> None:
        """The thread: pull, put, and close upstream in the thread that ran it."""
        failure: BaseException | None = None
        try:
            self._pull()
        except BaseException as error:  # whatever it is belongs to the reader
            failure = error
        self._put(_End(failure))

    def _pull(self) -> None:
        iterator = iter(self._upstream)
        try:
            if self._begin is not None:
                self._begin()
            for item in iterator:
                if not self._put(item):
                    return
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    def _put(self, item: T | _End) -> bool:
        """Queue `item`; False when the reader has left."""
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=_TICK)
            except queue.Full:
                continue
            return True
        return False
