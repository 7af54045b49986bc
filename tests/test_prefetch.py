from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from ldfilter.errors import SourceError
from ldfilter.prefetch import prefetch


class Upstream:
    """A generator that records how far it was pulled, and in which thread it was closed."""

    def __init__(self, count: int, *, fails_at: int | None = None) -> None:
        self.count, self.fails_at = count, fails_at
        self.pulled = 0
        self.closed_by: str | None = None

    def items(self) -> Iterator[int]:
        try:
            for number in range(self.count):
                if number == self.fails_at:
                    raise SourceError("the stream broke")
                self.pulled += 1
                yield number
        finally:
            self.closed_by = threading.current_thread().name


def settle(upstream: Upstream, pulled: int) -> None:
    """Wait until the thread has pulled as far as it may, and a little longer."""
    deadline = time.monotonic() + 5
    while upstream.pulled < pulled and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.15)


def our_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "ldfilter-prefetch"]


@pytest.mark.parametrize("count", [0, 1, 3, 100])
@pytest.mark.parametrize("depth", [1, 4])
def test_everything_arrives_in_order(count: int, depth: int) -> None:
    with prefetch(iter(range(count)), depth=depth) as items:
        assert list(items) == list(range(count))


@pytest.mark.parametrize("depth", [1, 4])
def test_at_most_depth_plus_one_items_are_pulled_ahead(depth: int) -> None:
    upstream = Upstream(100)
    with prefetch(upstream.items(), depth=depth) as items:
        settle(upstream, depth + 1)
        assert upstream.pulled == depth + 1
        next(items)
        settle(upstream, depth + 2)
        assert upstream.pulled == depth + 2


def test_upstream_runs_and_is_closed_in_the_thread() -> None:
    upstream = Upstream(3)
    with prefetch(upstream.items()) as items:
        list(items)
    assert upstream.closed_by == "ldfilter-prefetch"


def test_begin_runs_first_and_in_the_thread() -> None:
    seen: list[str] = []

    def upstream() -> Iterator[int]:
        seen.append("item")
        yield 1

    with prefetch(upstream(), begin=lambda: seen.append(threading.current_thread().name)) as items:
        assert list(items) == [1]
    assert seen == ["ldfilter-prefetch", "item"]


def test_an_error_of_begin_reaches_the_reader_and_closes_upstream() -> None:
    upstream = Upstream(3)
    items = upstream.items()
    next(items)

    def begin() -> None:
        raise SourceError("the thread may not begin")

    with prefetch(items, begin=begin) as ahead, pytest.raises(SourceError, match="may not begin"):
        list(ahead)
    assert upstream.closed_by == "ldfilter-prefetch"


def test_breaking_out_closes_upstream_and_joins_promptly() -> None:
    upstream = Upstream(10**9)
    with prefetch(upstream.items(), depth=2) as items:
        for item in items:
            if item == 5:
                break
        started = time.monotonic()
    assert time.monotonic() - started < 1
    assert upstream.closed_by == "ldfilter-prefetch"
    assert not our_threads()


def test_never_reading_closes_upstream_too() -> None:
    upstream = Upstream(10)
    with prefetch(upstream.items()):
        settle(upstream, 5)
    assert upstream.closed_by is not None


def test_an_error_in_the_block_passes_and_still_joins() -> None:
    upstream = Upstream(10**9)
    with pytest.raises(ZeroDivisionError), prefetch(upstream.items()) as items:
        next(items)
        raise ZeroDivisionError
    assert upstream.closed_by is not None
    assert not our_threads()


def test_an_upstream_error_keeps_its_type_and_comes_after_the_items_before_it() -> None:
    upstream = Upstream(10, fails_at=3)
    seen = []
    with (
        pytest.raises(SourceError, match="the stream broke"),
        prefetch(upstream.items()) as items,
    ):
        for item in items:
            seen.append(item)
    assert seen == [0, 1, 2]
    assert upstream.closed_by == "ldfilter-prefetch"


def test_an_error_while_opening_reaches_the_reader() -> None:
    class Broken:
        def __iter__(self) -> Iterator[int]:
            raise SourceError("cannot open")

    with pytest.raises(SourceError, match="cannot open"), prefetch(Broken()) as items:
        next(items)


def test_an_upstream_without_close_is_fine() -> None:
    with prefetch([1, 2, 3]) as items:
        assert list(items) == [1, 2, 3]


def test_two_stages_in_a_row_close_from_the_end() -> None:
    upstream = Upstream(10**9)

    def doubled() -> Iterator[int]:
        with prefetch(upstream.items()) as numbers:
            for number in numbers:
                yield 2 * number

    with prefetch(doubled()) as items:
        assert [next(items) for _ in range(3)] == [0, 2, 4]
    assert upstream.closed_by is not None
    assert not our_threads()


def test_depth_must_be_positive() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        prefetch([1], depth=0)
