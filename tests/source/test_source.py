"""The frames of files: pixels, sizes, times, laziness and closing."""

from __future__ import annotations

import gc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ldfilter.errors import SourceError
from ldfilter.frame import Source
from ldfilter.source import open_source
from tests.clips import BARS, bars, pattern, read_number, read_times, write_photo

ClipMaker = Callable[..., Path]
TOLERANCE = 2 / 255
"""MEDIA.md: a colour-bar round trip may be off by this much."""


def bar_colours(image: torch.Tensor) -> torch.Tensor:
    """(8, 3) RGB in the middle of the eight bars."""
    width = image.shape[3]
    return image[0, :, image.shape[2] // 2, width // 16 :: width // 8].T


@pytest.mark.parametrize(
    ("pix_fmt", "matrix", "color_range", "size"),
    [
        ("yuv420p", 2, 0, (48, 64)),
        ("yuv420p", 2, 0, (720, 64)),
        ("yuv420p", 1, 1, (48, 64)),
        ("yuv420p", 6, 2, (48, 64)),
        ("yuv422p", 9, 1, (48, 64)),
        ("yuv444p", 1, 2, (48, 64)),
        ("yuv420p10le", 9, 1, (48, 64)),
        ("bgr0", 0, 0, (48, 64)),
    ],
)
def test_colours_come_out_as_they_were(
    clip: ClipMaker, pix_fmt: str, matrix: int, color_range: int, size: tuple[int, int]
) -> None:
    path = clip(
        "bars.mkv",
        codec="ffv1",
        frames=1,
        size=size,
        picture=bars,
        pix_fmt=pix_fmt,
        matrix=5 if matrix == 6 else matrix,
        color_range=color_range,
    )
    with open_source(str(path)) as source:
        (frame,) = source
    wanted = torch.from_numpy(BARS.astype(np.float32)) / 255
    assert frame.image.shape == (1, 3, *size)
    assert frame.image.dtype == torch.float32
    assert (bar_colours(frame.image) - wanted).abs().max() <= TOLERANCE


def test_an_untagged_range_is_limited(clip: ClipMaker) -> None:
    path = clip("a.mkv", codec="ffv1", frames=1, picture=bars)
    with open_source(str(path)) as source:
        assert source.info.color_range == 0
        assert source.info.colorspace == 2
        (frame,) = source
    assert abs(float(frame.image[0, :, 20, 60].mean()) - 16 / 255) <= TOLERANCE


def test_a_jpeg_has_full_range(tmp_path: Path) -> None:
    with open_source(str(write_photo(tmp_path / "bars.jpg", rgb=bars()))) as source:
        assert source.info.pix_fmt == "yuvj420p"
        (frame,) = source
    wanted = torch.from_numpy(BARS.astype(np.float32)) / 255
    # One step more than elsewhere: JPEG quantises the colours before we see them.
    assert (bar_colours(frame.image) - wanted).abs().max() <= TOLERANCE + 1 / 255


def test_ten_bit_pictures_stay_ten_bit(clip: ClipMaker) -> None:
    with open_source(str(clip(pix_fmt="yuv420p10le", frames=2))) as source:
        frames = list(source)
    assert source.info.pix_fmt == "yuv420p10le"
    assert {frame.picture.format.name for frame in frames} == {"yuv420p10le"}


def test_frames_come_in_order_with_their_times(clip: ClipMaker) -> None:
    path = clip(frames=12, bframes=2)
    with open_source(str(path)) as source:
        frames = list(source)
    assert [read_number(frame.image) for frame in frames] == list(range(12))
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.pts * frame.time_base for frame in frames] == read_times(path)
    assert source.info.frames == 12
    assert source.info.rate == 25
    assert source.info.duration == Fraction(12, 25)
    assert source.warnings == []
    assert not source.damaged


@pytest.mark.parametrize("frames", [1, 2, 3, 50])
def test_no_frame_is_missing(clip: ClipMaker, frames: int) -> None:
    with open_source(str(clip(frames=frames, size=(32, 64), bframes=2))) as source:
        assert len(list(source)) == frames


def test_variable_rate_keeps_every_tick(clip: ClipMaker) -> None:
    pts = [0, 3, 10, 11, 30]
    path = clip("vfr.mp4", pts=pts, time_base=Fraction(1, 90))
    with open_source(str(path)) as source:
        frames = list(source)
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(p, 90) for p in pts]
    durations = [frame.duration * frame.time_base for frame in frames[:4]]
    assert durations == [Fraction(n, 90) for n in (3, 7, 1, 19)]


def test_a_start_offset_is_kept(clip: ClipMaker) -> None:
    path = clip("late.ts", pts=range(250, 256))
    with open_source(str(path)) as source:
        assert [f.pts * f.time_base for f in source] == [Fraction(n, 25) for n in range(250, 256)]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi", "a.webm", "a.nut", "a.mov"])
def test_every_container_gives_all_frames(clip: ClipMaker, name: str) -> None:
    with open_source(str(clip(name, frames=7))) as source:
        frames = list(source)
    assert [read_number(frame.image) for frame in frames] == list(range(7))
    assert all(frame.duration * frame.time_base == Fraction(1, 25) for frame in frames)


def test_work_height_scales_the_image_and_leaves_the_picture(clip: ClipMaker) -> None:
    path = clip(frames=1, size=(96, 130))
    with open_source(str(path), work_height=31) as source:
        (frame,) = source
    assert source.work_size == (31, 42)
    assert frame.image.shape == (1, 3, 31, 42)
    assert (frame.picture.height, frame.picture.width) == (96, 130)
    assert source.info.size == (96, 130)
    assert read_number(frame.image) == 0


@pytest.mark.parametrize("height", [48, 100])
def test_a_work_height_that_is_no_smaller_says_so(clip: ClipMaker, height: int) -> None:
    with open_source(str(clip(frames=1)), work_height=height) as source:
        assert source.work_size == (48, 64)
        assert len(source.warnings) == 1
        assert f"{height}: nothing to do" in source.warnings[0]


def test_scaling_down_does_not_alias(clip: ClipMaker) -> None:
    def lines(number: int, size: tuple[int, int]) -> np.ndarray:
        image = np.zeros((*size, 3), np.uint8)
        image[::2] = 255
        return image

    path = clip("lines.mkv", codec="ffv1", pix_fmt="bgr0", frames=1, picture=lines, size=(96, 96))
    with open_source(str(path), work_height=30) as source:
        (frame,) = source
    middle = frame.image[:, :, 5:-5]
    assert float(middle.min()) > 0.4
    assert float(middle.max()) < 0.6


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_a_photo_is_a_video_of_one_frame(tmp_path: Path, suffix: str) -> None:
    path = write_photo(tmp_path / f"photo.{suffix}")
    with open_source(str(path)) as source:
        assert source.info.still
        assert source.info.frames == 1
        (frame,) = source
    wanted = torch.from_numpy(pattern(1).astype(np.float32)).permute(2, 0, 1) / 255
    assert (frame.image[0] - wanted).abs().mean() < 0.02


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff", ".ppm", ".jfif", ""])
def test_a_photo_as_large_as_a_camera_s_opens(tmp_path: Path, suffix: str) -> None:
    """FFmpeg guesses the kind of a small file by its content and of a large one by its name."""
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    path = tmp_path / f"photo{suffix}"
    kind = suffix if suffix not in (".jfif", "") else ".jpg"
    path.write_bytes(cv2.imencode(kind, noise)[1].tobytes())
    assert path.stat().st_size > 100_000
    with open_source(str(path)) as source:
        assert source.info.still
        (frame,) = source
    assert tuple(frame.image.shape) == (1, 3, 480, 640)


def test_motion_jpeg_is_no_photo(clip: ClipMaker, tmp_path: Path) -> None:
    path = clip("clip.mjpeg", codec="mjpeg", pix_fmt="yuvj420p", frames=3)
    with open_source(str(path)) as source:
        assert len(list(source)) == 3


def test_a_video_of_one_frame_is_no_photo(clip: ClipMaker) -> None:
    with open_source(str(clip(frames=1))) as source:
        assert not source.info.still


def test_a_source_is_read_once(clip: ClipMaker) -> None:
    with open_source(str(clip(frames=2))) as source:
        assert len(list(source)) == 2
        with pytest.raises(SourceError, match="only once"):
            iter(source)


def test_only_what_is_asked_for_is_decoded(
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
    with open_source(str(clip(frames=100, gop=50))) as source:
        opened = len(decoded)
        frames = iter(source)
        next(frames)
        assert opened <= 2
        assert len(decoded) <= 4
        next(frames)
        assert len(decoded) <= 5


def test_breaking_out_closes_everything(clip: ClipMaker) -> None:
    source = open_source(str(clip("a.mkv", frames=20, audio="aac")))
    for _ in source:
        break
    gc.collect()
    assert source.packets is not None
    assert list(source.packets.until(None)) == []
    with pytest.raises(SourceError):
        iter(source)
    source.close()


def test_close_may_be_called_again_and_before_reading(clip: ClipMaker) -> None:
    source = open_source(str(clip("a.mkv", frames=3, audio="aac")))
    source.close()
    source.close()
    with pytest.raises(SourceError):
        iter(source)


def test_no_file_stays_open(clip: ClipMaker) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("needs /proc")
    path = clip("a.mkv", frames=3, audio="aac")

    def held() -> int:
        return sum(fd.resolve() == path for fd in list(descriptors.iterdir()) if fd.is_symlink())

    with open_source(str(path)) as source:
        assert held() == 2
        list(source)
    assert held() == 0
    open_source(str(path)).close()
    assert held() == 0


def test_it_is_a_source(clip: ClipMaker) -> None:
    source: Source = open_source(str(clip(frames=1)))
    assert source.packets is None
    source.close()
