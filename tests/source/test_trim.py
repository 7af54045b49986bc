"""Trimming: exact frames, exact indices, and sound cut alike."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ldfilter.errors import SourceError
from ldfilter.source import open_source
from tests.clips import read_number

ClipMaker = Callable[..., Path]


def read(path: Path, **options: Any) -> list[Any]:
    with open_source(str(path), **options) as source:
        return list(source)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
@pytest.mark.parametrize(("start", "end"), [(0, 13), (1, 3), (17, 40), (29, 30), (38, 99)])
def test_frames_in_the_half_open_range(clip: ClipMaker, name: str, start: int, end: int) -> None:
    path = clip(name, frames=40, gop=6, bframes=0 if name == "a.avi" else 2)
    frames = read(path, start=Fraction(start, 25), end=Fraction(end, 25))
    wanted = list(range(start, min(end, 40)))
    assert [read_number(frame.image) for frame in frames] == wanted
    assert [frame.index for frame in frames] == wanted
    times = [frame.pts * frame.time_base for frame in frames]
    assert times == [Fraction(n, 25) for n in range(len(wanted))]


def test_a_trim_gives_the_same_pixels(clip: ClipMaker) -> None:
    path = clip(frames=40, gop=6, bframes=2)
    whole = {frame.index: frame.image for frame in read(path)}
    for frame in read(path, start=Fraction(21, 25)):
        assert frame.image.equal(whole[frame.index])


def test_a_trim_of_interlaced_video_gives_the_same_pixels(clip: ClipMaker) -> None:
    path = clip(frames=20, gop=4, interlaced=True)
    whole = {frame.index: frame.image for frame in read(path)}
    trimmed = read(path, start=Fraction(13, 25))
    assert [frame.index for frame in trimmed] == list(range(13, 20))
    assert all(frame.image.equal(whole[frame.index]) for frame in trimmed)


def test_a_start_between_frames_takes_the_next_one(clip: ClipMaker) -> None:
    frames = read(clip(frames=10), start=Fraction(11, 100), end=Fraction(21, 100))
    assert [frame.index for frame in frames] == [3, 4, 5]
    assert frames[0].pts == 0


def test_times_count_from_the_first_frame(clip: ClipMaker) -> None:
    frames = read(clip("late.ts", pts=range(250, 270)), start=Fraction(4, 25), end=Fraction(6, 25))
    assert [read_number(frame.image) for frame in frames] == [4, 5]
    assert frames[0].pts == 0


def test_without_a_trim_the_clock_is_the_input_s(clip: ClipMaker) -> None:
    frames = read(clip("late.ts", pts=range(250, 252)))
    assert [frame.pts * frame.time_base for frame in frames] == [10, Fraction(251, 25)]


def test_an_end_alone_starts_the_clock_at_0_for_pictures_sound_and_chapters(
    clip: ClipMaker,
) -> None:
    path = clip(
        "late.mkv", pts=range(250, 270), audio="flac", seconds=11, chapters=[(10, 10.8, "one")]
    )
    with open_source(str(path), end=Fraction(5, 25)) as source:
        frames = list(source)
        assert source.packets is not None
        sound = [p.pts * p.time_base for p in source.packets.until(None)]
        chapters = [c["start"] * c["time_base"] for c in source.info.chapters]
        assert (source.info.frames, source.info.duration) == (5, Fraction(1, 5))
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(n, 25) for n in range(5)]
    assert 0 <= sound[0] < Fraction(1, 8)
    assert sound[-1] < Fraction(1, 5)
    assert chapters == [0]


def test_groups_before_the_start_are_not_decoded(
    clip: ClipMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ldfilter.source.demux import Decoder

    decoded: list[object] = []
    original = Decoder._decode
    monkeypatch.setattr(
        Decoder,
        "_decode",
        lambda self, packet: decoded.append(packet) or original(self, packet),
    )
    frames = read(clip(frames=100, gop=5), start=Fraction(90, 25))
    assert [frame.index for frame in frames] == list(range(90, 100))
    assert len(decoded) < 30


def test_the_estimates_know_of_the_trim(clip: ClipMaker) -> None:
    path = clip(frames=40)
    with open_source(str(path), start=Fraction(10, 25), end=Fraction(30, 25)) as source:
        assert source.info.frames == 20
        assert source.info.duration == Fraction(20, 25)
    with open_source(str(path), start=Fraction(30, 25), end=Fraction(9)) as source:
        assert source.info.frames == 10


def test_chapters_move_along(clip: ClipMaker) -> None:
    path = clip("a.mkv", frames=50, chapters=[(0, 0.5, "one"), (0.5, 1, "two"), (1, 2, "three")])
    with open_source(str(path), start=Fraction(3, 5), end=Fraction(6, 5)) as source:
        chapters = source.info.chapters
    found = [
        (c["metadata"]["title"], c["start"] * c["time_base"], c["end"] * c["time_base"])
        for c in chapters
    ]
    two_fifths, three_fifths = Fraction(2, 5), Fraction(3, 5)
    assert found == [("two", 0, two_fifths), ("three", two_fifths, three_fifths)]


@pytest.mark.parametrize(
    ("start", "end"),
    [(Fraction(-1), None), (Fraction(2), Fraction(1)), (None, Fraction(0))],
)
def test_a_range_that_cannot_be(
    clip: ClipMaker, start: Fraction | None, end: Fraction | None
) -> None:
    with pytest.raises(SourceError, match=r"start|end"):
        open_source(str(clip(frames=2)), start=start, end=end)


def test_a_start_after_the_end_of_the_video(clip: ClipMaker) -> None:
    with (
        open_source(str(clip(frames=5)), start=Fraction(9)) as source,
        pytest.raises(SourceError, match=r"nothing .* lies between"),
    ):
        list(source)


def test_sound_and_text_are_cut_with_the_video(clip: ClipMaker) -> None:
    path = clip("a.mkv", frames=50, audio="flac", subtitles=True)
    with open_source(str(path), start=Fraction(8, 25), end=Fraction(30, 25)) as source:
        packets = source.packets
        assert packets is not None
        assert list(packets.until(None)) == []  # the first frame is not known yet
        list(source)
        found = list(packets.until(None))
        sound = [p.pts * p.time_base for p in found if p.stream.type == "audio"]
        text = [(p.pts, p.duration, bytes(p)) for p in found if p.stream.type == "subtitle"]
    assert 0 <= sound[0] < Fraction(1, 8)
    assert Fraction(22, 25) - Fraction(1, 8) < sound[-1] < Fraction(22, 25)
    assert [(pts, duration) for pts, duration, _ in text] == [(0, 80)]
    assert b"second" in text[0][2]
