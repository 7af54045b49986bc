"""Times that are missing or go back."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ldfilter.source.clock import Cut, Timeline

TICK = Fraction(1, 25)


@pytest.mark.parametrize(
    ("given", "placed", "missing", "backward"),
    [
        ([0, 1, 2, 5], [0, 1, 2, 5], 0, 0),
        ([-3, -2, 4], [-3, -2, 4], 0, 0),
        ([None, None, None], [0, 1, 2], 3, 0),
        ([4, None, 6], [4, 5, 6], 1, 0),
        ([4, 4, 6], [4, 5, 6], 0, 1),
        ([4, 9, 8, 10, 11], [4, 9, 10, 11, 12], 0, 3),
        ([4, 9, 8, 12], [4, 9, 10, 12], 0, 1),
        ([1000, 1001, 0, 1, 2], [1000, 1001, 1002, 1003, 1004], 0, 1),
    ],
)
def test_times_rise(
    given: list[int | None], placed: list[int], missing: int, backward: int
) -> None:
    line = Timeline(TICK)
    assert [line.place(time, 1) for time in given] == placed
    assert (line.missing, line.backward) == (missing, backward)


def test_a_lenient_line_allows_equal_times() -> None:
    line = Timeline(TICK, strict=False)
    assert [line.place(time, 1) for time in (3, 3, 2)] == [3, 3, 3]
    assert line.backward == 1


def test_a_missing_time_follows_the_duration_before() -> None:
    line = Timeline(TICK)
    assert [line.place(10, 7), line.place(None, 1)] == [10, 17]


def test_a_cut_is_ready_when_its_shift_is_known() -> None:
    assert Cut().ready
    assert Cut().shift == 0
    assert not Cut(trimmed=True).ready
    assert Cut(trimmed=True, start=Fraction(3)).shift == 3
    assert Cut(start=Fraction(3)).shift == 0
