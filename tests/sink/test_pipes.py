"""Streams through pipes, other programs as readers, and processes that are killed."""

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
import pytest

from ldfilter.sink import Encoding, open_sink
from tests.clips import write_clip
from tests.pictures import planes_bytes
from tests.sink.fakes import FakeFeed, FakeSource, make_frame, make_info, make_picture
from tests.sink.reading import read, write

ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "-"])
def test_the_ffmpeg_program_finds_nothing_to_complain_about(tmp_path: Path, name: str) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    pipe = io.BytesIO()
    path = name if name == "-" else str(tmp_path / name)
    info = make_info(color_range=1, color_primaries=1, color_trc=1, colorspace=1)
    feed = FakeFeed(write_clip(tmp_path / "s.mkv", audio="aac"))
    with (
        FakeSource(info, packets=feed) as source,
        open_sink(path, like=source, stdout=pipe) as sink,
    ):
        for number in range(37):
            sink.write(make_frame(number))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "warning", "-i", path, "-map", "0"]
    command += ["-c:v", "rawvideo", "-c:a", "copy", "-f", "framecrc", "-"]
    read = subprocess.run(command, input=pipe.getvalue(), capture_output=True, timeout=60)
    assert (read.returncode, read.stderr) == (0, b"")
    kinds = [line.split(b",")[0] for line in read.stdout.splitlines() if line[:1] != b"#"]
    assert kinds.count(b"0") == 37
    assert kinds.count(b"1") >= 15
