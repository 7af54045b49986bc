"""A shot on disk gives back what was put in."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from ldfilter.errors import SourceError
from ldfilter.frame import Frame
from ldfilter.source import open_source
from ldfilter.source.shot import Shot
from tests.pictures import pattern, planes_bytes

ClipMaker = Callable[..., Path]


def dreamed(number: int, picture: Any = None) -> Frame:
    image = torch.full((1, 3, 6, 8), number / 10)
    return Frame(
        picture=picture,
        image=image,
        index=number,
        pts=3 * number,
        duration=3,
        time_base=Fraction(1, 75),
        residual=image / 2,
    )


@pytest.mark.parametrize("size", [(48, 64), (47, 63)])
@pytest.mark.parametrize(
    "pix_fmt", ["yuv420p", "yuv422p10le", "yuvj420p", "nv12", "gray", "gbrp", "rgba", "yuva420p"]
)
def test_a_picture_comes_back_bit_by_bit_with_its_colours(
    pix_fmt: str, size: tuple[int, int]
) -> None:
    picture = av.VideoFrame.from_ndarray(pattern(5, size), format="rgb24").reformat(format=pix_fmt)
    picture.color_range, picture.colorspace = 2, 1
    picture.color_primaries, picture.color_trc = 9, 16
    with Shot() as shot:
        shot.append(dreamed(0, picture))
        (back,) = shot.frames()
    again = back.picture
    assert (again.width, again.height, again.format.name) == (size[1], size[0], pix_fmt)
    assert (again.color_range, again.colorspace) == (2, 1)
    assert (again.color_primaries, again.color_trc) == (9, 16)
    assert planes_bytes(again) == planes_bytes(picture)


def test_a_palette_becomes_the_colours_it_stands_for(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    Image.fromarray(pattern(3)).quantize(32).save(path)
    with open_source(str(path)) as source, Shot() as shot:
        (frame,) = source
        assert frame.picture.format.name == "pal8"
        shot.append(replace(frame, residual=torch.zeros_like(frame.image)))
        (back,) = shot.frames()
        wanted = frame.picture.reformat(format="rgb24").to_ndarray()
        assert np.array_equal(back.picture.reformat(format="rgb24").to_ndarray(), wanted)


def test_frames_come_back_in_order_with_the_dream_stored_last() -> None:
    with Shot() as shot:
        for number in range(5):
            shot.append(dreamed(number))
        shot.replace(3, torch.full((1, 3, 6, 8), 0.125))
        back = list(shot.frames())
        assert torch.equal(shot.frame(1).residual, dreamed(1).residual)  # type: ignore[arg-type]
    assert [(f.index, f.pts, f.time_base) for f in back] == [
        (n, 3 * n, Fraction(1, 75)) for n in range(5)
    ]
    assert [round(float(f.residual.mean()), 4) for f in back] == [0, 0.05, 0.1, 0.125, 0.2]  # type: ignore[union-attr]
    assert all(torch.equal(f.image, dreamed(n).image) for n, f in enumerate(back))


def test_a_cleared_shot_starts_again_and_gives_its_room_back() -> None:
    with Shot() as shot:
        for number in range(3):
            shot.append(dreamed(number))
        shot.clear()
        assert len(shot) == 0
        assert [file.seek(0, 2) for file in (shot._frames, shot._residuals)] == [0, 0]
        shot.append(dreamed(7))
        assert [f.index for f in shot.frames()] == [7]


def test_plain_arrays_are_kept_too() -> None:
    array = pattern(9)
    with Shot() as shot:
        shot.append(dreamed(0, array))
        (back,) = shot.frames()
    assert np.array_equal(back.picture, array)


def test_a_full_disk_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __call__(self, *_: object, **__: object) -> object:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", Full())
    with pytest.raises(SourceError, match=r"No space left on device; free some space.*TMPDIR"):
        Shot()
