"""Our YUV4MPEG2 writer, judged by PyAV's reader and by the ffmpeg program."""

from __future__ import annotations

import io
import os
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from ldfilter.errors import ReaderLeft, SinkError
from ldfilter.sink import Encoding, open_sink
from tests.pictures import planes_bytes
from tests.sink.fakes import SIZE, FakeSource, make_frame, make_info, make_picture

FORMATS = (
    *("yuv420p", "yuv422p", "yuv444p", "yuv411p", "gray", "yuv420p10le", "yuv422p10le"),
    *("yuv444p10le", "yuv420p12le", "gray10le", "yuv444p16le"),
)
ODD = (33, 51)


def y4m_info(**changes: Any) -> Any:
    return make_info(format="yuv4mpegpipe", codec="rawvideo", **changes)


def write(info: Any, pictures: list[Any], **settings: Any) -> bytes:
    pipe = io.BytesIO()
    with open_sink("-", like=FakeSource(info), stdout=pipe, **settings) as sink:
        for number, picture in enumerate(pictures):
            sink.write(make_frame(number, picture=picture, size=info.size))
    return pipe.getvalue()


@pytest.mark.parametrize("size", [SIZE, ODD])
@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_pictures_come_back_bit_exact(pix_fmt: str, size: tuple[int, int]) -> None:
    pictures = [make_picture(pix_fmt, size=size, seed=n, low=0) for n in range(3)]
    data = write(y4m_info(pix_fmt=pix_fmt, size=size), pictures)
    with av.open(io.BytesIO(data)) as container:
        read = list(container.decode(video=0))
    assert [frame.format.name for frame in read] == [pix_fmt] * 3
    assert [planes_bytes(f) for f in read] == [planes_bytes(p) for p in pictures]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "yuv444p", "gray"])
def test_the_ffmpeg_program_reads_the_same_bytes(pix_fmt: str, tmp_path: Path) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    pictures = [make_picture(pix_fmt, size=ODD, seed=n, low=0) for n in range(3)]
    data = write(y4m_info(pix_fmt=pix_fmt, size=ODD), pictures)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", "-", "-f", "rawvideo", "-"]
    read = subprocess.run(command, input=data, capture_output=True, check=True, timeout=30)
    assert read.stdout == b"".join(planes_bytes(p) for p in pictures)


def test_header_carries_rate_shape_and_range() -> None:
    info = y4m_info(
        rate=Fraction(24000, 1001), sample_aspect_ratio=Fraction(128, 117), color_range=2
    )
    data = write(info, [make_picture()])
    head = data.split(b"\n", 1)[0].decode()
    assert head == "YUV4MPEG2 W64 H48 F24000:1001 Ip A128:117 C420jpeg XCOLORRANGE=FULL"
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        assert stream.sample_aspect_ratio == Fraction(128, 117)
        assert stream.average_rate == Fraction(24000, 1001)
        assert stream.codec_context.color_range == 2


def test_an_mpeg_source_says_where_its_chroma_lies() -> None:
    data = write(make_info(), [make_picture()], encoding=Encoding(format="yuv4mpegpipe"))
    assert b" A0:0 C420mpeg2\n" in data[:80]


def test_other_formats_are_converted_and_named(tmp_path: Path) -> None:
    pipe = io.BytesIO()
    source = FakeSource(y4m_info(pix_fmt="gbrp"))
    with open_sink("-", like=source, stdout=pipe) as sink:
        sink.write(make_frame(picture=make_picture("gbrp")))
    assert b" C444" in pipe.getvalue()[:80]
    assert any("gbrp becomes yuv444p" in sentence for sentence in sink.warnings)


def test_uneven_times_are_reported_once() -> None:
    sink = open_sink("-", like=FakeSource(y4m_info()), stdout=io.BytesIO())
    for number, pts in enumerate([0, 512, 1024, 9000, 20000]):
        sink.write(make_frame(number, pts=pts))
    assert len([s for s in sink.warnings if "constant rate" in s and "frame 3" in s]) == 1
    assert len(sink.warnings) == 1


def test_rounded_times_are_even_enough() -> None:
    sink = open_sink(
        "-", like=FakeSource(y4m_info(rate=Fraction(30000, 1001))), stdout=io.BytesIO()
    )
    for number in range(40):
        pts = round(number * 1001 / 30)
        sink.write(make_frame(number, pts=pts, time_base=Fraction(1, 1000)))
    assert sink.warnings == []


def test_a_reader_that_leaves_ends_it_once() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        sink = open_sink("-", like=FakeSource(y4m_info()), stdout=pipe)
        with pytest.raises(ReaderLeft):
            sink.write(make_frame())
        sink.close()
        sink.close()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)  # lets the buffered pipe close


class Dribble(io.RawIOBase):
    """An unbuffered pipe that takes seven bytes at a time."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.taken += bytes(data[:7])
        return min(7, len(data))


@pytest.mark.parametrize("format", ["yuv4mpegpipe", "matroska"])
def test_a_pipe_may_take_less_than_it_is_given(format: str) -> None:
    slow, fast = Dribble(), io.BytesIO()
    for pipe in (slow, fast):
        encoding = Encoding(format=format, codec="ffv1")
        with open_sink("-", like=FakeSource(), stdout=pipe, encoding=encoding) as sink:
            sink.write(make_frame())
    read = []
    for data in (bytes(slow.taken), fast.getvalue()):
        with av.open(io.BytesIO(data)) as container:
            read.append([planes_bytes(f) for f in container.decode(video=0)])
    assert read[0] == read[1] != []


def test_y4m_files_are_written_by_name(tmp_path: Path) -> None:
    path = tmp_path / "ünï 'code'.y4m"
    picture = make_picture()
    with open_sink(str(path), like=FakeSource()) as sink:
        sink.write(make_frame(picture=picture))
    assert path.read_bytes().endswith(planes_bytes(picture))
    with pytest.raises(SinkError, match="closed already"):
        sink.write(make_frame())
