"""What cannot be written is refused in one sentence, and costs nobody a file."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from ldfilter.errors import ReaderLeft, SinkError
from ldfilter.sink import Encoding, keep_plan, open_sink
from tests.sink.fakes import FakeSource, make_frame, make_info


def refused(name: Path | str, match: str, *, info: Any = None, **settings: Any) -> str:
    with pytest.raises(SinkError, match=match) as caught:
        open_sink(str(name), like=FakeSource(info), **settings)
    return str(caught.value)


def test_unknown_extensions_get_a_suggestion(tmp_path: Path) -> None:
    text = refused(tmp_path / "a.mp5", "extension '.mp5'")
    assert "Did you mean 'mp4'" in text
    refused(tmp_path / "a", "no extension")
    refused(tmp_path / ".mp4", "no extension")


def test_folders_and_missing_folders(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")
    refused(f"{tmp_path}/new/", "is a folder")
    refused(tmp_path / "no" / "a.mp4", r"does not exist; create it")


def test_the_input_is_never_the_output(tmp_path: Path) -> None:
    original = tmp_path / "in.mp4"
    original.write_bytes(b"precious")
    (tmp_path / "soft.mp4").symlink_to(original)
    (tmp_path / "hard.mp4").hardlink_to(original)
    info = make_info(name=str(original))
    for name in ("in.mp4", "soft.mp4", "hard.mp4"):
        refused(tmp_path / name, "is the input itself", info=info, overwrite=True)
    assert original.read_bytes() == b"precious"


def test_an_output_that_exists_needs_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    refused(path, "exists already.*-y")
    (tmp_path / "o0001.png").write_bytes(b"old")
    refused(tmp_path / "o%04d.png", "exists already")
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("encoding", "match"),
    [
        (Encoding(codec="libx246"), "no video encoder 'libx246'.*libx264"),
        (Encoding(codec="aac"), "aac encodes audio"),
        (Encoding(codec="copy"), "cannot be copied"),
        (Encoding(codec="libx264", format="webm"), "webm cannot hold libx264.*libvpx-vp9"),
        (Encoding(pix_fmt="yuv42p"), "no pixel format 'yuv42p'.*yuv420p"),
        (Encoding(pix_fmt="rgb24"), "libx264 cannot encode rgb24; choose from yuv420p"),
        (Encoding(options={"presett": "slow"}), "no option 'presett'.*'preset'"),
        (Encoding(options={"preset": "sloww"}), "refused .*preset=sloww"),
        (Encoding(codec="ffv1", crf=3, format="mkv"), "ffv1 has no option 'crf'"),
        (Encoding(format="matroshka"), "no output format 'matroshka'.*matroska"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_old_file_is_touched(
    tmp_path: Path, encoding: Encoding, match: str
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    refused(path, match, encoding=encoding, overwrite=True)
    assert path.read_bytes() == b"old"


def test_an_odd_size_with_an_even_format_is_refused(tmp_path: Path) -> None:
    info = make_info(size=(49, 65))
    refused(tmp_path / "a.mp4", "65x49 as yuv420p", info=info, encoding=Encoding(pix_fmt="yuv420p"))


def test_a_video_is_not_one_picture(tmp_path: Path) -> None:
    assert "out%04d.png" in refused(tmp_path / "out.png", "is one picture")


def test_srt_names_the_way_around() -> None:
    assert "ffmpeg -i -" in refused("srt://localhost:9000", "SRT")


def test_the_old_file_lives_until_the_first_frame(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    sink = open_sink(str(path), like=FakeSource(), overwrite=True)
    assert path.read_bytes() == b"old"
    sink.close()
    assert path.read_bytes() == b"old"
    assert any("no frame came" in sentence for sentence in sink.warnings)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.y4m", "a.gif"])
def test_no_frame_no_file(tmp_path: Path, name: str) -> None:
    with open_sink(str(tmp_path / name), like=FakeSource()) as sink:
        pass
    assert list(tmp_path.iterdir()) == []
    assert any("no frame came" in sentence for sentence in sink.warnings)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "y4m"])
def test_a_full_disk_is_said_once(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.symlink_to("/dev/full")
    encoding = Encoding(options={} if suffix == "y4m" else {"tune": "zerolatency"})
    sink = open_sink(str(path), like=FakeSource(), overwrite=True, encoding=encoding)
    with pytest.raises(SinkError, match="the disk is full"):
        for number in range(60):
            sink.write(make_frame(number))
    sink.close()
    sink.close()


class Failing:
    """A file that fails after a while."""

    def __init__(self, code: int, after: int = 0) -> None:
        self.code, self.left = code, after

    def write(self, data: Any) -> int:
        self.left -= 1
        if self.left < 0:
            raise OSError(self.code, os.strerror(self.code))
        return len(data)

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("format", ["matroska", "mp4", "mpegts", "nut", "rawvideo"])
@pytest.mark.parametrize("after", [0, 5])
def test_a_failing_pipe_raises_once_and_closes_quietly(format: str, after: int) -> None:
    for code, kind in ((errno.EPIPE, ReaderLeft), (errno.ENOSPC, SinkError)):
        codec = {"mp4": "libx264", "mpegts": "libx264"}.get(format, "rawvideo")
        encoding = Encoding(format=format, codec="ffv1" if format == "matroska" else codec)
        pipe: Any = Failing(code, after)
        sink = open_sink("-", like=FakeSource(), stdout=pipe, encoding=encoding)
        with pytest.raises(SinkError) as caught:
            for number in range(60):
                sink.write(make_frame(number))
            sink.close()
        assert type(caught.value) is kind
        sink.close()
        sink.close()


def test_the_plan_names_container_picture_and_losses() -> None:
    lines = keep_plan("a.webm", like=FakeSource(make_info(pix_fmt="yuv420p10le")))
    assert lines[0] == "container: webm"
    assert "libvpx-vp9, yuv420p, 64x48" in lines[1]
    assert "becomes yuv420p" in lines[2]
