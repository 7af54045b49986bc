"""Sound and text in step with the video, through a bounded queue."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest

from ldfilter.source import describe, open_source
from ldfilter.source.clock import Cut
from ldfilter.source.demux import Demuxer
from ldfilter.source.packets import FileFeed, PipeFeed
from ldfilter.source.spool import Spool

ClipMaker = Callable[..., Path]


def start(packet: Any) -> Fraction:
    return Fraction(packet.pts * packet.time_base)


def test_a_file_hands_on_sound_and_text(clip: ClipMaker) -> None:
    path = clip("a.mkv", frames=25, audio="aac", subtitles=True)
    with open_source(str(path)) as source:
        packets = source.packets
        assert packets is not None
        kinds = [(s.type, s.metadata["language"]) for s in packets.streams]
        assert kinds == [("audio", "nld"), ("subtitle", "fra")]
        found = [(p.stream_index, p.pts, p.dts, bytes(p)) for p in packets.until(None)]
    with av.open(str(path)) as container:
        wanted = [
            (p.stream_index, p.pts, p.dts, bytes(p))
            for p in container.demux()
            if p.size and p.stream.type != "video"
        ]
    assert found == wanted


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ({"audio": False}, ["subtitle"]),
        ({"subtitles": False}, ["audio"]),
        ({"audio": False, "subtitles": False}, None),
    ],
)
def test_kinds_that_are_not_wanted(
    clip: ClipMaker, options: dict[str, bool], kinds: list[str] | None
) -> None:
    path = clip("a.mkv", frames=3, audio="aac", subtitles=True)
    with open_source(str(path), **options) as source:
        found = None if source.packets is None else [s.type for s in source.packets.streams]
    assert found == kinds


def test_packets_come_up_to_a_time_and_each_once(clip: ClipMaker) -> None:
    path = clip("a.mkv", frames=25, audio="aac")
    with open_source(str(path)) as source:
        packets = source.packets
        assert packets is not None
        early = list(packets.until(Fraction(1, 2)))
        assert list(packets.until(Fraction(1, 2))) == []
        late = list(packets.until(None))
        assert list(packets.until(None)) == []
        assert all(start(p) < Fraction(1, 2) for p in early)
        assert all(start(p) >= Fraction(1, 2) for p in late)
        assert early
        assert late


def test_a_reader_that_stops_in_the_middle_loses_nothing(clip: ClipMaker) -> None:
    path = clip("a.mkv", frames=25, audio="aac")
    with open_source(str(path)) as source:
        assert source.packets is not None
        first = next(source.packets.until(None)).pts
        second = next(source.packets.until(None)).pts
        assert first < second
        rest = [p.pts for p in source.packets.until(None)]
    with open_source(str(path)) as source:
        assert source.packets is not None
        assert [first, second, *rest] == [p.pts for p in source.packets.until(None)]


def test_a_feed_reads_only_as_far_as_asked(clip: ClipMaker) -> None:
    path = clip("a.mkv", frames=100, audio="flac")
    container = av.open(str(path))
    feed = FileFeed(container, [1], Cut(), stop=threading.Event(), lose=pytest.fail)
    assert len(list(feed.until(Fraction(1, 5)))) <= 3
    assert feed._demuxer.end is not None
    assert feed._demuxer.end < 1
    feed.close()
    assert list(feed.until(None)) == []
    assert list(feed.streams) == []
    feed.close()


def test_an_end_stops_reading_soon(clip: ClipMaker) -> None:
    path = clip("a.mkv", frames=80, audio="flac", rate=5)
    container = av.open(str(path))
    feed = FileFeed(container, [1], Cut(end=Fraction(1)), stop=threading.Event(), lose=pytest.fail)
    assert max(start(p) for p in feed.until(None)) < 1
    assert feed._demuxer.end is not None
    assert feed._demuxer.end < 12
    feed.close()


def test_the_queue_of_a_pipe_is_bounded(clip: ClipMaker) -> None:
    path = clip("a.mkv", frames=50, audio="flac")
    with av.open(str(path)) as container:
        spool = Spool(memory_bytes=2000)
        feed = PipeFeed([container.streams[1]], Cut(), spool=spool)
        given = []
        for packet in Demuxer(container, threading.Event()):
            feed.put(packet)
            if packet.stream_index == 1:
                given.append((packet.pts, packet.dts, packet.duration, bytes(packet)))
            assert spool.memory <= 2000
        assert spool.filed > 10
        found = list(feed.until(None))
        assert [(p.pts, p.dts, p.duration, bytes(p)) for p in found] == given
        assert all(p.is_keyframe and p.stream_index == 1 for p in found)
        assert spool.memory == spool.filed == 0
        feed.close()


def test_a_spool_keeps_the_order_while_it_is_filled_and_emptied(clip: ClipMaker) -> None:
    path = clip("a.mkv", frames=50, audio="flac")
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(container.streams[1]) if p.size]
        spool = Spool(memory_bytes=packets[0].size * 3)
        found: list[int | None] = []
        for number, packet in enumerate(packets):
            spool.put(packet)
            if number % 3 == 2:
                found += [taken.pts for _ in range(2) if (taken := spool.get())]
        while (taken := spool.get()) is not None:
            found.append(taken.pts)
        assert found == [p.pts for p in packets]
        spool.close()
        spool.put(packets[0])
        assert spool.get() is None


def test_codecs_are_named_by_their_format(clip: ClipMaker) -> None:
    path = clip(codec="libsvtav1", size=(64, 64), frames=2, audio="libmp3lame")
    with open_source(str(path)) as source:
        assert source.info.codec == "av1"
        assert any("audio: mp3," in line for line in describe(source.info, source.packets))


def test_what_an_input_is_in_words(clip: ClipMaker) -> None:
    path = clip(
        "a.mkv",
        frames=25,
        audio="aac",
        subtitles=True,
        sar=Fraction(4, 3),
        matrix=1,
        color_range=1,
        chapters=[(0, 1, "all")],
        tags={"title": "A dream"},
    )
    with open_source(str(path)) as source:
        lines = describe(source.info, source.packets)
    text = "\n".join(lines)
    for part in (
        str(path),
        "matroska",
        "h264, 64x48, yuv420p, 25 frames per second, about 25 frames, 1.00 s",
        "4:3",
        "limited range",
        "matrix ITU709",
        "audio: aac, 48000 Hz, mono, nld",
        "subtitle: ",
        "fra",
        "chapters: 1",
        "A dream",
    ):
        assert part in text


def test_sound_that_breaks_off_is_told(clip: ClipMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clip("a.mkv", frames=20, audio="flac")
    with open_source(str(path)) as source:
        feed = source.packets
        assert isinstance(feed, FileFeed)

        def broken() -> Iterator[Any]:
            yield from islice(feed._container.demux(), 3)
            raise ConnectionResetError(104, "Connection reset by peer")

        monkeypatch.setattr(feed._demuxer, "_container", SimpleNamespace(demux=broken))
        for _ in range(2):
            list(feed.until(None))
        list(source)
        assert source.damaged
    (sentence,) = source.warnings
    assert "the sound of" in sentence and "Connection reset" in sentence
