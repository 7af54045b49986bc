"""Photos, odd sizes and other shapes of pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.pictures import bars, to_frame
from tests.sink.fakes import SIZE, make_frame, make_info, make_picture
from tests.sink.reading import read, write


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
