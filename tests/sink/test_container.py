"""Files and streams read back: codec, tags, shape, times to the tick, and survival."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ldfilter.sink import Encoding, open_sink
from tests.pictures import bars, pattern, planes_bytes, read_number, to_frame
from tests.sink.fakes import SIZE, FakeSource, make_frame, make_info, make_picture

EXACT = {
    "libx264": {"qp": "0", "preset": "ultrafast"},
    "libvpx-vp9": {"lossless": "1", "cpu-used": "8"},
}
ROOT = Path(__file__).parents[2]


def write(path: Path, info: Any = None, frames: Any = 12, **settings: Any) -> Any:
    """Write frames, or so many of them, and give the sink."""
    many = [make_frame(n) for n in range(frames)] if isinstance(frames, int) else frames
    with open_sink(str(path), like=FakeSource(info), **settings) as sink:
        for frame in many:
            sink.write(frame)
    return sink


def read(path: Path) -> tuple[Any, list[Any], list[Fraction]]:
    """(stream, frames, times in seconds), while the container is open only for reading them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        context = stream.codec_context
        facts = {
            "codec": stream.codec.name,
            "pix_fmt": context.pix_fmt,
            "size": (context.height, context.width),
            "tags": (
                context.color_range,
                context.color_primaries,
                context.color_trc,
                context.colorspace,
            ),
            "aspect": Fraction(stream.sample_aspect_ratio or 0),
            "rate": Fraction(stream.average_rate or 0),
            "metadata": dict(container.metadata),
            "chapters": container.chapters(),
        }
        return facts, frames, [Fraction(f.pts) * Fraction(f.time_base) for f in frames]


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


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm", "y4m", "gif"])
@pytest.mark.parametrize("size", [(49, 65), (48, 65), (49, 64)])
def test_odd_sizes_come_out_in_their_size(
    tmp_path: Path, suffix: str, size: tuple[int, int]
) -> None:
    path = tmp_path / f"a.{suffix}"
    sink = write(path, make_info(size=size), [make_frame(n, size=size) for n in range(3)])
    facts, _, _ = read(path)
    assert facts["size"] == size
    changed = any("becomes" in sentence for sentence in sink.warnings)
    assert changed == (suffix in ("mp4", "mkv"))


def test_the_full_range_is_kept_without_the_yuvj_name(tmp_path: Path) -> None:
    picture = to_frame(bars(), "yuvj420p")
    write(
        tmp_path / "a.mp4",
        make_info(pix_fmt="yuvj420p", color_range=2),
        [make_frame(picture=picture)],
    )
    facts, frames, _ = read(tmp_path / "a.mp4")
    assert facts["tags"][0] == 2
    assert (
        np.abs(frames[0].to_ndarray(format="rgb24").astype(int)[:, 4::8] - bars()[:, 4::8]).max()
        <= 4
    )


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_photos_become_photos(tmp_path: Path, suffix: str) -> None:
    info = make_info(still=True, pix_fmt="rgb24", codec="png", format="png_pipe", rate=Fraction(0))
    picture = av.VideoFrame.from_ndarray(bars(), format="rgb24")
    path = tmp_path / f"100% a.{suffix}"
    write(path, info, [make_frame(picture=picture, residual=(0.1, 0.0, 0.0))])
    _, (frame,), _ = read(path)
    wanted = np.clip(bars() + np.array([25.5, 0, 0]), 0, 255)
    error = np.abs(frame.to_ndarray(format="rgb24").astype(int) - wanted)[:, 4::8]
    assert error.max() <= (0.5 if suffix == "png" else 5)


def test_a_jpeg_photo_without_a_dream_is_the_same_picture(tmp_path: Path) -> None:
    picture = to_frame(bars(), "yuvj444p", matrix=5)
    info = make_info(still=True, pix_fmt="yuvj444p", codec="mjpeg", colorspace=5, color_range=2)
    write(tmp_path / "a.png", info, [make_frame(picture=picture)])
    _, (frame,), _ = read(tmp_path / "a.png")
    assert np.abs(frame.to_ndarray(format="rgb24").astype(int) - bars()).max() <= 2


def test_a_row_of_pictures_is_numbered_from_one(tmp_path: Path) -> None:
    write(tmp_path / "o%03d.png", frames=3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["o001.png", "o002.png", "o003.png"]


def test_sixteen_bit_pictures_keep_their_depth(tmp_path: Path) -> None:
    info = make_info(still=True, pix_fmt="yuv444p10le")
    write(tmp_path / "a.png", info, [make_frame(picture=make_picture("yuv444p10le"))])
    assert read(tmp_path / "a.png")[0]["pix_fmt"] == "rgb48be"


def test_compare_is_twice_as_wide(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", compare=True)
    assert read(tmp_path / "a.mp4")[0]["size"] == (SIZE[0], 2 * SIZE[1])
    odd = make_info(size=(48, 33))
    write(tmp_path / "b.mp4", odd, [make_frame(size=(48, 33))], compare=True)
    facts = read(tmp_path / "b.mp4")[0]
    assert (facts["size"], facts["pix_fmt"]) == ((48, 66), "yuv444p")


def test_the_pipe_is_matroska_with_lossless_video() -> None:
    pipe = io.BytesIO()
    pictures = [make_picture("yuv420p10le", seed=n) for n in range(4)]
    info = make_info(
        pix_fmt="yuv420p10le", color_range=1, color_primaries=1, color_trc=1, colorspace=1
    )
    with open_sink("-", like=FakeSource(info), stdout=pipe) as sink:
        for number, picture in enumerate(pictures):
            sink.write(make_frame(number, picture=picture))
    assert not pipe.closed
    pipe.seek(0)
    with av.open(pipe) as container:
        assert container.format.name.startswith("matroska")
        stream = container.streams.video[0]
        assert stream.codec_context.name == "ffv1"
        assert stream.codec_context.colorspace == 1
        frames = list(container.decode(stream))
    assert [planes_bytes(f) for f in frames] == [planes_bytes(p) for p in pictures]


@pytest.mark.parametrize("format", ["nut", "mpegts", "mp4", "matroska", "yuv4mpegpipe"])
def test_other_formats_go_through_a_pipe(format: str) -> None:
    pipe = io.BytesIO()

    class WriteOnly:
        write, flush = pipe.write, pipe.flush

    out: Any = WriteOnly()
    with open_sink("-", like=FakeSource(), stdout=out, encoding=Encoding(format=format)) as sink:
        for number in range(10):
            sink.write(make_frame(number))
    pipe.seek(0)
    with av.open(pipe) as container:
        assert len(list(container.decode(video=0))) == 10


def test_raw_video_is_the_planes() -> None:
    pipe = io.BytesIO()
    picture = make_picture()
    with open_sink(
        "-", like=FakeSource(), stdout=pipe, encoding=Encoding(format="rawvideo")
    ) as sink:
        sink.write(make_frame(picture=picture))
    assert pipe.getvalue() == planes_bytes(picture)


def test_a_frame_leaves_the_pipe_when_the_next_is_written() -> None:
    pipe = io.BytesIO()
    sink = open_sink("-", like=FakeSource(), stdout=pipe)
    sizes = []
    for number in range(5):
        sink.write(make_frame(number))
        sizes.append(len(pipe.getvalue()))
    assert all(after > before + 1000 for before, after in pairwise(sizes))
    sink.close()


def test_a_named_pipe_needs_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "fifo.mkv"
    os.mkfifo(path)
    reader = subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE)
    write(path, frames=3)
    data, _ = reader.communicate(timeout=20)
    with av.open(io.BytesIO(data)) as container:
        assert len(list(container.decode(video=0))) == 3


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


KILLED = """
    import sys, time
    from tests.sink.fakes import FakeSource, make_frame
    from ldfilter.sink import Encoding, open_sink
    fast = Encoding(options={"preset": "ultrafast"})
    sinks = [open_sink(name, like=FakeSource(), encoding=fast) for name in sys.argv[1:]]
    for number in range(150):
        for sink in sinks:
            sink.write(make_frame(number))
    print("written", flush=True)
    time.sleep(60)
"""


def test_a_killed_process_leaves_films(tmp_path: Path) -> None:
    """Lost at most: what the encoder looks ahead, and the second between two key frames."""
    names = [str(tmp_path / f"a.{suffix}") for suffix in ("mp4", "mov", "mkv", "ts")]
    command = [sys.executable, "-c", textwrap.dedent(KILLED), *names]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"written\n"
        child.kill()
    for name in names:
        _, frames, times = read(Path(name))
        assert len(frames) >= 150 - 25 - 50
        assert [t - times[0] for t in times] == [Fraction(n, 25) for n in range(len(frames))]
