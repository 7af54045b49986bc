"""Reading on past errors, and giving up where nothing comes any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import pytest

from ldfilter.source.demux import PATIENCE, Demuxer, GroupSkipper


@dataclass
class Packet:
    pts: int | None
    dts: int | None = None
    is_keyframe: bool = False
    size: int = 10
    duration: int = 1
    time_base: Fraction = Fraction(1, 25)
    is_corrupt: bool = False
    is_discard: bool = False


class Tape:
    """A container that plays packets and raises errors in the order given."""

    def __init__(self, *events: Packet | Exception) -> None:
        self.events = list(events)

    def demux(self) -> Iterator[Packet]:
        while self.events:
            event = self.events.pop(0)
            if isinstance(event, Exception):
                raise event
            yield event


def play(*events: Any) -> tuple[list[int | None], Demuxer]:
    demuxer = Demuxer(Tape(*events), threading.Event())
    return [packet.pts for packet in demuxer], demuxer


def test_errors_are_counted_and_passed() -> None:
    bad = av.error.InvalidDataError(1, "bad")
    text = UnicodeDecodeError("utf-8", b"x", 0, 1, "bad")
    found, demuxer = play(Packet(0), bad, Packet(1), text, bad, Packet(2))
    assert found == [0, 1, 2]
    assert demuxer.errors == 3
    assert demuxer.end == Fraction(3, 25)
    assert not demuxer.lost


def test_a_stream_that_appears_late_is_no_damage() -> None:
    found, demuxer = play(Packet(0), IndexError(), Packet(1))
    assert found == [0, 1]
    assert demuxer.errors == 0


def test_packets_called_damaged_are_counted_and_kept() -> None:
    found, demuxer = play(Packet(0), Packet(1, is_corrupt=True))
    assert found == [0, 1]
    assert demuxer.errors == 1


def test_empty_packets_are_left_out() -> None:
    assert play(Packet(0), Packet(None, size=0), Packet(None))[0] == [0, None]


def test_a_lost_connection_ends_it_with_the_reason() -> None:
    found, demuxer = play(Packet(0), ConnectionResetError(104, "reset by peer"), Packet(1))
    assert found == [0]
    assert demuxer.lost == "reset by peer"


def test_it_gives_up_where_only_errors_come() -> None:
    errors = [av.error.InvalidDataError(1, "bad") for _ in range(1000)]
    found, demuxer = play(Packet(0), *errors)
    assert found == [0]
    assert demuxer.errors == PATIENCE


def test_the_stop_flag_ends_it() -> None:
    stop = threading.Event()
    packets = iter(Demuxer(Tape(*(Packet(n) for n in range(9))), stop))
    assert next(packets).pts == 0
    stop.set()
    assert list(packets) == []


def groups(*pts: tuple[int, ...]) -> list[Packet]:
    """Groups of pictures in decoding order; the first of each is a key frame."""
    packets: list[Packet] = []
    for group in pts:
        packets += [Packet(time, None, n == 0) for n, time in enumerate(group)]
    for order, packet in enumerate(packets):
        packet.dts = order - 1
    return packets


@pytest.mark.parametrize(
    ("begin", "kept", "index"),
    [(0, 0, 0), (5, 0, 0), (9, 4, 6), (13, 8, 10), (99, 12, 14)],
)
def test_groups_that_end_before_the_time_are_left_out(begin: int, kept: int, index: int) -> None:
    # Open groups: the two pictures after a key frame are shown before it.
    packets = groups((0, 1, 2, 3), (6, 4, 5, 7), (10, 8, 9, 11), (14, 12, 13, 15), (18, 16, 17))
    skipper = GroupSkipper(begin, origin=0)
    found = list(skipper(packets))
    assert found == packets[kept:]
    assert skipper.index == (index if kept else 0)
    assert skipper.first == (found[0].pts if kept else None)


def test_packets_without_times_are_all_kept() -> None:
    packets = [Packet(None, None, is_keyframe=True) for _ in range(9)]
    assert list(GroupSkipper(5, origin=0)(packets)) == packets


def test_pictures_before_the_first_decodable_one_do_not_count() -> None:
    packets = groups((0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11), (12, 13, 14, 15))
    skipper = GroupSkipper(14, origin=2)
    assert next(iter(skipper(packets))).pts == skipper.first
    assert skipper.index == (skipper.first or 0) - 2
