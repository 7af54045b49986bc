"""Rotation, mirrors, interlacing and changes of size: every picture upright and progressive."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from ldfilter.source import open_source
from ldfilter.source.picture import FilterChain, Straightener
from tests.clips import bars, pattern, read_number, to_frame, write_photo

ClipMaker = Callable[..., Path]


def shown(number: int, size: tuple[int, int], *, rotation: int, hflip: bool) -> np.ndarray:
    """What a player shows: turned counter-clockwise, then mirrored."""
    image = np.rot90(pattern(number, size), rotation // 90)
    return image[:, ::-1] if hflip else image


@pytest.mark.parametrize("hflip", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_phone_video_is_shown_upright(clip: ClipMaker, rotation: int, hflip: bool) -> None:
    path = clip(frames=2, rotation=rotation, hflip=hflip, sar=Fraction(4, 3))
    with open_source(str(path)) as source:
        frames = list(source)
    wanted = shown(1, (48, 64), rotation=rotation, hflip=hflip)
    assert source.info.size == wanted.shape[:2]
    turned = rotation in (90, 270)
    assert source.info.sample_aspect_ratio == (Fraction(3, 4) if turned else Fraction(4, 3))
    assert (frames[1].picture.height, frames[1].picture.width) == wanted.shape[:2]
    assert frames[1].pts * frames[1].time_base == Fraction(1, 25)
    image = frames[1].image[0].permute(1, 2, 0).mul(255).numpy()
    assert np.abs(image - wanted).mean() < 4


def test_a_turned_video_scales_by_its_upright_height(clip: ClipMaker) -> None:
    with open_source(str(clip(frames=1, rotation=90)), work_height=32) as source:
        (frame,) = source
    assert frame.image.shape == (1, 3, 32, 24)


def test_ten_bits_survive_a_turn(clip: ClipMaker) -> None:
    with open_source(str(clip(frames=1, rotation=90, pix_fmt="yuv420p10le"))) as source:
        (frame,) = source
    assert frame.picture.format.name == source.info.pix_fmt == "yuv420p10le"


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_a_photo_follows_its_exif_orientation(tmp_path: Path, orientation: int, turns: int) -> None:
    plain = write_photo(tmp_path / "plain.jpg").read_bytes()
    tiff = b"II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00"
    tiff += orientation.to_bytes(4, "little") + b"\x00\x00\x00\x00"
    exif = b"Exif\x00\x00" + tiff
    path = tmp_path / "turned.jpg"
    path.write_bytes(
        plain[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + plain[2:]
    )
    with open_source(str(path)) as source:
        (frame,) = source
    wanted = np.rot90(pattern(1), turns)
    image = frame.image[0].permute(1, 2, 0).mul(255).numpy()
    assert image.shape == wanted.shape
    assert np.abs(image - wanted).mean() < 4


def combing(image: torch.Tensor) -> float:
    """How much neighbouring lines differ more than lines of the same field do."""
    below = image[0, :, image.shape[2] // 4 + 2 : -2]
    return float((below[:, 1:] - below[:, :-1]).abs().mean())


def test_interlaced_video_is_deinterlaced_and_named(clip: ClipMaker) -> None:
    path = clip(frames=8, interlaced=True, size=(64, 96))
    with av.open(str(path)) as container:
        raw = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    with open_source(str(path)) as source:
        frames = list(source)
    assert [read_number(frame.image) for frame in frames] == list(range(8))
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(n, 25) for n in range(8)]
    assert {frame.duration * frame.time_base for frame in frames} == {Fraction(1, 25)}
    assert not frames[3].picture.interlaced_frame
    combed = torch.from_numpy(raw[3].astype(np.float32)).permute(2, 0, 1)[None] / 255
    assert combing(frames[3].image) < 0.6 * combing(combed)
    assert len(source.warnings) == 1
    assert "interlaced" in source.warnings[0]
    assert "bwdif" in source.warnings[0]
    assert not source.damaged


def test_interlaced_ten_bit_stays_ten_bit(clip: ClipMaker) -> None:
    with open_source(str(clip(frames=3, interlaced=True, pix_fmt="yuv420p10le"))) as source:
        assert {frame.picture.format.name for frame in source} == {"yuv420p10le"}


def test_a_filter_chain_keeps_times_and_samples() -> None:
    frame = to_frame(pattern(5))
    frame.pts, frame.time_base, frame.duration = 1234, Fraction(1, 90000), 77
    chain = FilterChain(frame, (("transpose", "clock"), ("transpose", "cclock")))
    (result,) = chain.push(frame)
    assert (result.pts, result.time_base, result.duration) == (1234, Fraction(1, 90000), 77)
    assert (result.to_ndarray() == frame.to_ndarray()).all()


def test_pictures_that_change_size_keep_the_first_one_s() -> None:
    first, second = to_frame(bars()), to_frame(bars(0, (96, 128)), "yuv444p")
    for number, frame in enumerate((first, second)):
        frame.pts, frame.time_base = number, Fraction(1, 25)
    straightener = Straightener(first)
    kept, changed = straightener.frames([first, second])
    assert kept is first
    assert (changed.width, changed.height, changed.format.name) == (64, 48, "yuv420p")
    assert changed.pts == 1
    assert straightener.changed == 1


def test_a_photo_with_a_named_colour_profile_does_not_end_the_process(tmp_path: Path) -> None:
    """As most editors write them: the profile's name would be freed twice."""
    path = tmp_path / "profile.png"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (40, 30), "red").save(path, icc_profile=profile)
    code = (
        "import gc, sys; from ldfilter.source import open_source\n"
        "with open_source(sys.argv[1]) as source: frames = list(source)\n"
        "del source, frames; gc.collect(); print('read')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "read\n")
