"""Sound and text by the allow-list: copied byte for byte, transcoded, or dropped with a word."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ldfilter.errors import SinkError
from ldfilter.sink import keep_plan, open_sink
from ldfilter.sink.copies import COPIED
from ldfilter.sink.formats import CONTAINERS
from ldfilter.sink.text import read_text, write_text
from tests.clips import write_clip
from tests.sink.fakes import FakeFeed, FakeSource, make_frame

SUFFIX = {"matroska": "mkv", "mpegts": "ts"}
ENCODERS = {
    "aac": "aac",
    "mp3": "libmp3lame",
    "opus": "libopus",
    "flac": "flac",
    "ac3": "ac3",
    "pcm_s16le": "pcm_s16le",
    "eac3": "eac3",
    "mp2": "mp2",
    "alac": "alac",
}
ADTS = {("aac", "mpegts")}
"""Pairs where the muxer puts a header of its own before each packet."""


def source_clip(folder: Path, **settings: Any) -> Path:
    return write_clip(folder / "in.mkv", frames=10, **settings)


def dream(path: Path, original: Path, frames: int = 10, **settings: Any) -> tuple[Any, FakeFeed]:
    feed = FakeFeed(original)
    with FakeSource(packets=feed) as source, open_sink(str(path), like=source, **settings) as sink:
        for number in range(frames):
            sink.write(make_frame(number))
    return sink, feed


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        tick = Fraction(stream.time_base or 1)
        return [(p.pts * tick, bytes(p)) for p in container.demux(stream) if p.size]


@pytest.mark.parametrize(
    ("codec", "muxer"),
    [(c, m) for c in ENCODERS for m in sorted(COPIED[c])],
)
def test_allowed_sound_is_copied_byte_for_byte(tmp_path: Path, codec: str, muxer: str) -> None:
    original = source_clip(tmp_path, audio=ENCODERS[codec])
    path = tmp_path / f"out.{SUFFIX.get(muxer, muxer)}"
    sink, _ = dream(path, original)
    old, new = packets(original, "audio"), packets(path, "audio")
    assert sink.warnings == []
    if (codec, muxer) in ADTS:
        assert all(b.endswith(a) for (_, a), (_, b) in zip(old, new, strict=True))
    else:
        assert b"".join(data for _, data in new) == b"".join(data for _, data in old)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_copied_sound_keeps_its_times_beside_the_video(tmp_path: Path, suffix: str) -> None:
    original = source_clip(tmp_path, audio="aac")
    path = tmp_path / f"out.{suffix}"
    dream(path, original)
    old, new = packets(original, "audio"), packets(path, "audio")
    assert len(old) == len(new)
    slack = Fraction(1, 1000)
    assert all(abs(a - b) <= slack for (a, _), (b, _) in zip(old, new, strict=True))


@pytest.mark.parametrize(
    ("codec", "muxer"),
    [
        (c, m)
        for c in ("opus", "flac", "pcm_s16le", "ac3", "aac")
        for m in ("mp4", "mov", "webm", "mpegts", "flv", "avi")
        if m not in COPIED[c]
    ],
)
def test_other_sound_is_transcoded_with_a_word(tmp_path: Path, codec: str, muxer: str) -> None:
    original = source_clip(tmp_path, audio=ENCODERS[codec])
    path = tmp_path / f"out.{SUFFIX.get(muxer, muxer)}"
    sink, _ = dream(path, original)
    wanted = CONTAINERS[muxer].audio.removeprefix("lib")
    assert [s for s in sink.warnings if f"transcoded to {wanted}" in s and codec in s]
    with av.open(str(path)) as container:
        (stream,) = container.streams.audio
        assert stream.codec_context.codec.canonical_name == wanted
        loud = [abs(f.to_ndarray().astype(float)).max() for f in container.decode(stream)]
    assert 0.3 < sum(1024 for _ in loud) / 48000 < 0.6 or wanted == "opus"
    assert max(loud) > 0


def test_sound_comes_in_step_with_the_picture(tmp_path: Path) -> None:
    _, feed = dream(tmp_path / "out.mkv", source_clip(tmp_path, audio="flac"))
    ends = [Fraction(n + 1, 25) for n in range(10)]
    assert feed.asked == [*ends, None]


def test_after_an_error_the_sound_ends_with_the_picture(tmp_path: Path) -> None:
    original = source_clip(tmp_path, audio="pcm_s16le")
    feed = FakeFeed(original)
    path = tmp_path / "out.mkv"
    with (
        pytest.raises(KeyboardInterrupt),
        FakeSource(packets=feed) as source,
        open_sink(str(path), like=source) as sink,
    ):
        sink.write(make_frame(0))
        sink.write(make_frame(1))
        raise KeyboardInterrupt
    assert None not in feed.asked
    assert packets(path, "audio")[-1][0] < Fraction(2, 25)
    with av.open(str(path)) as container:
        assert len(list(container.decode(video=0))) == 2


def test_strict_refuses_what_is_not_copied(tmp_path: Path) -> None:
    feed = FakeFeed(source_clip(tmp_path, audio="flac"))
    with FakeSource(packets=feed) as source:
        with pytest.raises(SinkError, match=r"--strict.*flac.*transcoded to aac"):
            open_sink(str(tmp_path / "out.mov"), like=source, strict=True)
        with pytest.raises(SinkError, match=r"--strict.*flac.*dropped"):
            open_sink(str(tmp_path / "out.y4m"), like=source, strict=True)
        assert keep_plan("out.mov", like=source)[2].startswith("audio")
    assert [p.name for p in tmp_path.iterdir()] == ["in.mkv"]


@pytest.mark.parametrize("suffix", ["gif", "y4m"])
def test_containers_without_sound_say_so(tmp_path: Path, suffix: str) -> None:
    sink, _ = dream(tmp_path / f"out.{suffix}", source_clip(tmp_path, audio="aac"))
    assert len([s for s in sink.warnings if "dropped" in s]) == 1


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
def test_languages_are_kept(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out.{suffix}"
    dream(path, source_clip(tmp_path, audio="libopus", subtitles=True))
    with av.open(str(path)) as container:
        languages = [s.language for s in container.streams if s.type != "video"]
    assert languages == (["dut", "fra"] if suffix == "mov" else ["nld", "fra"])


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mkv", "subrip"), ("mp4", "mov_text"), ("webm", "webvtt")]
)
def test_text_becomes_the_containers_own(tmp_path: Path, suffix: str, codec: str) -> None:
    original = source_clip(tmp_path, subtitles=True)
    path = tmp_path / f"out.{suffix}"
    sink, _ = dream(path, original)
    with av.open(str(path)) as container:
        assert container.streams.subtitles[0].codec_context.codec.canonical_name == codec
    wanted = [(t, read_text(d, "subrip")) for t, d in packets(original, "subtitle")]
    found = [(t, read_text(d, codec)) for t, d in packets(path, "subtitle")]
    assert [pair for pair in found if pair[1]] == wanted != []
    assert bool(sink.warnings) == (suffix != "mkv")


def test_text_that_no_stream_can_hold_is_dropped_with_a_word(tmp_path: Path) -> None:
    sink, _ = dream(tmp_path / "out.ts", source_clip(tmp_path, subtitles=True))
    assert len([s for s in sink.warnings if "dropped" in s and "subrip" in s]) == 1


@pytest.mark.parametrize(
    ("data", "codec", "text"),
    [
        (b"<i>one</i>\r\ntwo", "subrip", "one\ntwo"),
        (rb"0,0,Default,,0,0,0,,{\i1}a{\i0}, b\Nc", "ass", "a, b\nc"),
        (b"\x00\x03abcstyl", "mov_text", "abc"),
        (b"<v Ann>1 &lt; 2</v>", "webvtt", "1 < 2"),
        (b"1 < 2", "subrip", "1 < 2"),
        (b"\xff", "subrip", "\ufffd"),
    ],
)
def test_text_is_read_from_every_codec(data: bytes, codec: str, text: str) -> None:
    assert read_text(data, codec) == text


@pytest.mark.parametrize("codec", ["subrip", "webvtt", "mov_text"])
def test_text_that_is_written_is_read(codec: str) -> None:
    assert read_text(write_text("1 < 2 & é\nx", codec), codec) == "1 < 2 & é\nx"


def surround(path: Path, *, channels: int, rate: int) -> Path:
    """Noise as PCM in a container that forgets which loudspeaker is which."""
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1", 16: "hexadecagonal"}[channels]
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=rate, layout=layout)
        stream.disposition = 1 << 7  # hearing impaired
        for number in range(20):
            noise = rng.normal(0, 3000, (1, 1000 * channels)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(noise, format="s16", layout=layout)
            frame.sample_rate, frame.pts = rate, number * 1000
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
@pytest.mark.parametrize(("channels", "rate"), [(1, 8000), (2, 192_000), (6, 44_100), (8, 37_800)])
def test_any_number_of_channels_is_transcoded(
    tmp_path: Path, suffix: str, channels: int, rate: int
) -> None:
    path = tmp_path / f"out.{suffix}"
    dream(path, surround(tmp_path / "in.mkv", channels=channels, rate=rate))
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
    assert stream.channels == channels
    seconds = sum(f.samples / f.sample_rate for f in frames)
    assert abs(seconds - 20_000 / rate) < 0.15


def test_more_channels_than_an_encoder_has_are_dropped_with_a_word(tmp_path: Path) -> None:
    sink, _ = dream(tmp_path / "o.mp4", surround(tmp_path / "in.mkv", channels=16, rate=48_000))
    assert len([s for s in sink.warnings if "16 channels" in s]) == 1


def test_dispositions_are_kept(tmp_path: Path) -> None:
    original = surround(tmp_path / "in.mkv", channels=1, rate=8000)
    dream(tmp_path / "out.mkv", original)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.audio[0].disposition & (1 << 7)


def test_damaged_sound_is_skipped_and_counted(tmp_path: Path) -> None:
    feed = FakeFeed(source_clip(tmp_path, audio="aac"))
    feed.spoil(3)
    with (
        FakeSource(packets=feed) as source,
        open_sink(str(tmp_path / "out.webm"), like=source) as sink,
    ):
        for number in range(10):
            sink.write(make_frame(number))
    assert [s for s in sink.warnings if "damaged" in s] == [
        "1 packet of audio 1 was damaged and is missing."
    ]


@pytest.mark.parametrize("name", ["out.y4m", "out.gif", "out%04d.png"])
def test_sound_that_is_not_kept_does_not_pile_up(tmp_path: Path, name: str) -> None:
    feed = FakeFeed(source_clip(tmp_path, audio="flac"))
    with FakeSource(packets=feed) as source, open_sink(str(tmp_path / name), like=source) as sink:
        for number in range(5):
            sink.write(make_frame(number))
        left = [p.pts * p.time_base for p in feed.until(None)]
    assert left[0] >= Fraction(5, 25)
