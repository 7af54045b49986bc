"""Mattes: of pictures, of videos frame by frame, of the alpha channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ldfilter.errors import SourceError
from ldfilter.source import open_source
from ldfilter.source.matte import with_matte

ClipMaker = Callable[..., Path]


def grey(values: list[int], size: tuple[int, int]) -> Callable[..., np.ndarray]:
    """Pictures of one brightness each; the last is repeated."""
    return lambda k, *_: np.full((*size, 3), values[min(k, len(values) - 1)], dtype=np.uint8)


def test_a_picture_is_stretched_over_every_frame(clip: ClipMaker, tmp_path: Path) -> None:
    half = np.zeros((20, 60), dtype=np.uint8)
    half[:, 30:] = 255
    path = tmp_path / "matte.png"
    cv2.imwrite(str(path), half)
    with open_source(str(clip(frames=3)), work_height=24) as source:
        frames = list(with_matte(source, str(path)))
    assert len(frames) == 3
    for frame in frames:
        assert frame.matte is not None
        assert frame.matte.shape == (1, 1, *frame.image.shape[2:])
        left, right = frame.matte.chunk(2, dim=3)
        assert float(left[..., :-2].max()) == 0
        assert float(right[..., 2:].min()) > 0.99


@pytest.mark.parametrize("start", [0, 2])
def test_the_nth_frame_of_a_video_belongs_to_the_nth_of_the_source(
    clip: ClipMaker, start: int
) -> None:
    """Also of a trimmed source; the last one stays."""
    values = [0, 60, 120, 180]
    matte = clip("m.mkv", codec="ffv1", pix_fmt="bgr0", frames=4, picture=grey(values, (48, 64)))
    content = clip("c.mkv", frames=6, rate=Fraction(25))
    begin = Fraction(start, 25) if start else None
    with open_source(str(content), start=begin) as source:
        seen = [float(f.matte.mean()) for f in with_matte(source, str(matte))]  # type: ignore[union-attr]
    wanted = [values[min(k, 3)] / 255 for k in range(start, 6)]
    assert seen == pytest.approx(wanted, abs=0.01)


def test_the_alpha_channel_of_the_source_is_a_matte(tmp_path: Path) -> None:
    picture = np.full((40, 50, 4), 200, dtype=np.uint8)
    picture[..., 3] = 0
    picture[10:, :, 3] = 128
    path = tmp_path / "alpha.png"
    cv2.imwrite(str(path), picture)
    with open_source(str(path)) as source:
        (frame,) = with_matte(source, "alpha")
    assert frame.matte is not None
    assert float(frame.matte[..., :9, :].max()) == 0
    torch.testing.assert_close(frame.matte[..., 11:, :], torch.full((1, 1, 29, 50), 128 / 255))


def test_a_source_without_alpha_is_refused(clip: ClipMaker) -> None:
    with (
        open_source(str(clip(frames=1))) as source,
        pytest.raises(SourceError, match=r"no alpha channel.*instead"),
    ):
        next(with_matte(source, "alpha"))
    with open_source(str(clip(frames=1))) as source:
        bare = [replace(frame, picture=None) for frame in source]
    with pytest.raises(SourceError, match="no alpha channel"):
        next(with_matte(bare, "alpha"))


def test_a_matte_that_is_not_there_is_refused(clip: ClipMaker) -> None:
    with (
        open_source(str(clip(frames=1))) as source,
        pytest.raises(SourceError, match=r"no-such\.png"),
    ):
        next(with_matte(source, "no-such.png"))
