"""Files read back: codec, tags, shape, and times to the tick."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from ldfilter.sink import Encoding
from tests.pictures import pattern, planes_bytes, read_number, to_frame
from tests.sink.fakes import SIZE, make_frame, make_info, make_picture
from tests.sink.reading import read, write

EXACT = {
    "libx264": {"qp": "0", "preset": "ultrafast"},
    "libvpx-vp9": {"lossless": "1", "cpu-used": "8"},
}


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("mp4", "h264"),
        ("mov", "h264"),
        ("mkv", "h264"),
        ("ts", "h264"),
        ("flv", "h264"),
        ("avi", "h264"),
        ("webm", "vp9"),
        ("gif", "gif"),
        ("nut", "rawvideo"),
        ("y4m", "rawvideo"),
    ],
)
def test_every_kind_of_file_holds_every_frame_in_order(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    numbered = [make_frame(n, picture=to_frame(pattern(n))) for n in range(15)]
    write(path, frames=numbered)
    facts, frames, times = read(path)
    assert facts["codec"].startswith(codec)
    assert facts["size"] == SIZE
    assert [read_number(f.to_ndarray(format="rgb24")) for f in frames] == list(range(15))
    assert [t - times[0] for t in times] == [Fraction(n, 25) for n in range(15)]


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
def test_colour_tags_and_metadata_are_kept(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    chapter = {
        "id": 1,
        "start": 0,
        "end": 400,
        "time_base": Fraction(1, 1000),
        "metadata": {"title": "Eins"},
    }
    info = make_info(
        color_range=1,
        color_primaries=1,
        color_trc=1,
        colorspace=1,
        metadata={"title": "Größe", "encoder": "old", "major_brand": "qt"},
        chapters=(chapter,),
    )
    write(path, info)
    facts, _, _ = read(path)
    assert facts["tags"] == (1, 1, 1, 1)
    assert facts["metadata"]["title"] == "Größe"
    assert facts["metadata"].get("encoder") != "old"
    (kept,) = facts["chapters"]
    assert kept["metadata"]["title"] == "Eins"
    assert kept["end"] * Fraction(kept["time_base"]) == Fraction(2, 5)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_without_tags_none_are_written(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"a.{suffix}")
    facts, _, _ = read(tmp_path / f"a.{suffix}")
    assert facts["tags"] == (0, 2, 2, 2)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts", "flv"])
def test_the_pixel_shape_is_kept(tmp_path: Path, suffix: str) -> None:
    sink = write(tmp_path / f"a.{suffix}", make_info(sample_aspect_ratio=Fraction(128, 117)))
    assert read(tmp_path / f"a.{suffix}")[0]["aspect"] == Fraction(128, 117)
    assert sink.warnings == []


def test_a_pixel_shape_that_is_lost_is_said(tmp_path: Path) -> None:
    sink = write(tmp_path / "a.webm", make_info(sample_aspect_ratio=Fraction(128, 117)))
    assert any("128:117" in sentence for sentence in sink.warnings)


UNEVEN = [0, 3003, 4004, 12012, 12013, 40000, 90001, 90002, 120000]


@pytest.mark.parametrize("start", [0, 900_000])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "nut"])
def test_times_are_kept_to_the_tick(tmp_path: Path, suffix: str, start: int) -> None:
    """Uneven times and a start offset; x264 with B-frames."""
    tick = Fraction(1, 90_000)
    after = [*UNEVEN[1:], 123_000]
    frames = [
        make_frame(n, pts=start + t, duration=e - t, time_base=tick)
        for n, (t, e) in enumerate(zip(UNEVEN, after, strict=True))
    ]
    write(tmp_path / f"a.{suffix}", make_info(time_base=tick), frames)
    _, _, times = read(tmp_path / f"a.{suffix}")
    assert times == [(start + t) * tick for t in UNEVEN]


def test_transport_streams_keep_intervals_to_the_tick(tmp_path: Path) -> None:
    tick = Fraction(1, 90_000)
    frames = [make_frame(n, pts=t, time_base=tick) for n, t in enumerate(UNEVEN)]
    write(tmp_path / "a.ts", make_info(time_base=tick), frames)
    _, _, times = read(tmp_path / "a.ts")
    assert [t - times[0] for t in times] == [t * tick for t in UNEVEN]


def test_matroska_is_right_to_its_millisecond(tmp_path: Path) -> None:
    tick = Fraction(1, 90_000)
    frames = [make_frame(n, pts=t, time_base=tick) for n, t in enumerate(UNEVEN)]
    write(tmp_path / "a.mkv", make_info(time_base=tick), frames)
    _, _, times = read(tmp_path / "a.mkv")
    assert all(abs(t - p * tick) <= Fraction(1, 2000) for t, p in zip(times, UNEVEN, strict=True))


def test_frames_of_one_time_are_moved_and_said(tmp_path: Path) -> None:
    frames = [make_frame(n, pts=p) for n, p in enumerate([0, 512, 512, 400, 2048])]
    sink = write(tmp_path / "a.mp4", frames=frames)
    assert len(read(tmp_path / "a.mp4")[1]) == 5
    assert len([s for s in sink.warnings if "moved" in s]) == 1


@pytest.mark.parametrize("count", [1, 2, 3, 14, 15, 31, 100])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_frames_out_are_frames_in(tmp_path: Path, suffix: str, count: int) -> None:
    """Fragments that end between B-frames would cost the last one."""
    size = (32, 64)
    frames = [make_frame(n, picture=to_frame(pattern(n, size)), size=size) for n in range(count)]
    write(tmp_path / f"a.{suffix}", make_info(size=size), frames)
    _, read_frames, times = read(tmp_path / f"a.{suffix}")
    assert [t - times[0] for t in times] == [Fraction(n, 25) for n in range(count)]
    assert len(read_frames) == count


@pytest.mark.parametrize(
    ("suffix", "pix_fmt"),
    [
        ("mp4", "yuv420p"),
        ("mp4", "yuv422p"),
        ("mp4", "yuv444p"),
        ("mp4", "yuv420p10le"),
        ("mkv", "gray"),
        ("mkv", "nv12"),
        ("mkv", "yuv422p10le"),
        ("webm", "yuv444p"),
    ],
)
def test_without_a_dream_a_lossless_encoder_gives_the_source(
    tmp_path: Path, suffix: str, pix_fmt: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    codec = "libvpx-vp9" if suffix == "webm" else "libx264"
    pictures = [make_picture(pix_fmt, seed=n, low=0) for n in range(3)]
    encoding = Encoding(options=EXACT[codec] | ({"crf": "0"} if suffix == "webm" else {}))
    write(
        path,
        make_info(pix_fmt=pix_fmt),
        encoding=encoding,
        strength=0.0,
        frames=[make_frame(n, picture=p, residual=(0.3,) * 3) for n, p in enumerate(pictures)],
    )
    facts, frames, _ = read(path)
    shown = {"nv12": "yuv420p", "gray": "yuvj420p"}.get(pix_fmt, pix_fmt)  # as decoders say
    assert facts["pix_fmt"] == shown
    wanted = [
        planes_bytes(p.reformat(format="yuv420p") if pix_fmt == "nv12" else p) for p in pictures
    ]
    found = [planes_bytes(f) for f in frames]
    assert [f[: len(w)] for f, w in zip(found, wanted, strict=True)] == wanted


def test_hevc_and_options_of_the_user(tmp_path: Path) -> None:
    encoding = Encoding(codec="libx265", crf=30, options={"preset": "ultrafast"})
    write(tmp_path / "a.mp4", frames=40, encoding=encoding)
    facts, _, times = read(tmp_path / "a.mp4")
    assert facts["codec"] == "hevc"
    assert times == [Fraction(n, 25) for n in range(40)]


def test_a_bit_rate_replaces_the_default_quality(tmp_path: Path) -> None:
    still = [make_frame(n, picture=make_picture()) for n in range(30)]
    for name, options in (("crf", {}), ("rate", {"b": "20000", "maxrate": "20000"})):
        write(tmp_path / f"{name}.mkv", frames=still, encoding=Encoding(options=options))
    sizes = [(tmp_path / f"{name}.mkv").stat().st_size for name in ("crf", "rate")]
    assert sizes[1] < sizes[0]
