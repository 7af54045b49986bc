"""YUV4MPEG2 in all its dialects, from files and through pipes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from ldfilter.errors import SourceError
from ldfilter.source import open_source
from tests.clips import BARS, bars, read_number, write_y4m

DIALECTS = {
    "no C tag": ("F25:1 Ip A1:1", "yuv420p", 0),
    "C420jpeg": ("F25:1 Ip A1:1 C420jpeg", "yuv420p", 0),
    "C420mpeg2": ("F30000:1001 Ip A1:1 C420mpeg2", "yuv420p", 0),
    "C422p10": ("F25:1 Ip A1:1 C422p10 XYSCSS=422P10", "yuv422p10le", 0),
    "C420p12": ("F25:1 Ip C420p12", "yuv420p12le", 0),
    "C444": ("F25:1 C444", "yuv444p", 0),
    "unknown rate": ("F0:0 C420jpeg", "yuv420p", 0),
    "no rate": ("C420jpeg", "yuv420p", 0),
    "full range": ("F25:1 C420jpeg XCOLORRANGE=FULL", "yuv420p", 2),
    "limited range": ("F25:1 C420jpeg XCOLORRANGE=LIMITED", "yuv420p", 1),
    "a comment": ("F25:1 C420jpeg Xsomething", "yuv420p", 0),
    "unknown interlacing": ("F25:1 I? A0:0 C420jpeg", "yuv420p", 0),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_is_read(tmp_path: Path, name: str) -> None:
    tags, pix_fmt, color_range = DIALECTS[name]
    path = write_y4m(
        tmp_path / "a.y4m", tags=tags, pix_fmt=pix_fmt, picture=bars, color_range=color_range
    )
    with open_source(str(path)) as source:
        frames = list(source)
    assert len(frames) == 5
    assert source.info.format == "yuv4mpegpipe"
    assert source.info.pix_fmt == pix_fmt
    assert source.info.color_range == color_range
    assert [frame.pts for frame in frames] == list(range(5))
    assert source.warnings == []
    colours = frames[0].image[0, :, 24, 4::8].T
    assert (colours - torch.from_numpy(BARS / 255)).abs().max() <= 2 / 255


def test_grey_is_read(tmp_path: Path) -> None:
    path = write_y4m(tmp_path / "a.y4m", tags="F25:1 Cmono", pix_fmt="gray", frames=3)
    with open_source(str(path)) as source:
        frames = list(source)
    assert [read_number(frame.image) for frame in frames] == [0, 1, 2]
    assert frames[0].image[0, 0].equal(frames[0].image[0, 2])


def test_the_pixel_aspect_and_rate_are_read(tmp_path: Path) -> None:
    path = write_y4m(tmp_path / "a.y4m", tags="F24000:1001 Ip A128:117 C420jpeg")
    with open_source(str(path)) as source:
        assert source.info.sample_aspect_ratio == Fraction(128, 117)
        assert source.info.rate == Fraction(24000, 1001)
        assert source.info.time_base == Fraction(1001, 24000)


def test_odd_sizes_are_read(tmp_path: Path) -> None:
    path = write_y4m(tmp_path / "a.y4m", size=(47, 65), frames=3)
    with open_source(str(path)) as source:
        frames = list(source)
    assert [frame.image.shape for frame in frames] == [(1, 3, 47, 65)] * 3
    assert [read_number(frame.image) for frame in frames] == [0, 1, 2]


def test_interlaced_y4m_is_deinterlaced(tmp_path: Path) -> None:
    path = write_y4m(tmp_path / "a.y4m", tags="F25:1 It A1:1 C420jpeg")
    with open_source(str(path)) as source:
        assert len(list(source)) == 5
    assert any("interlaced" in sentence for sentence in source.warnings)


def test_an_unknown_colour_space_is_refused_in_words(tmp_path: Path) -> None:
    path = write_y4m(tmp_path / "a.y4m", tags="F25:1 Cnonsense")
    with pytest.raises(SourceError, match=r"^cannot read .*a\.y4m: .*\.$") as caught:
        open_source(str(path))
    assert "\n" not in str(caught.value)


def test_a_cut_off_last_frame_is_damage(tmp_path: Path) -> None:
    path = write_y4m(tmp_path / "a.y4m", frames=5)
    path.write_bytes(path.read_bytes()[:-1000])
    with open_source(str(path)) as source:
        frames = list(source)
    assert [read_number(frame.image) for frame in frames][:4] == [0, 1, 2, 3]
    assert source.damaged
    assert len(source.warnings) == 1
