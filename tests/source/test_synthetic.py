"""Test patterns are what they say they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from ldfilter.frame import Source
from ldfilter.source.synthetic import (
    SyntheticSource,
    flash,
    moving_square,
    occluder,
    shift,
    shifted_texture,
    slow_pan,
    spliced,
    still_noise,
    texture,
)

SIZE = (48, 64)
PATTERNS: dict[str, Callable[..., SyntheticSource]] = {
    "flash": flash,
    "moving_square": moving_square,
    "occluder": occluder,
    "shifted_texture": shifted_texture,
    "slow_pan": slow_pan,
    "still_noise": still_noise,
}


def images(source: SyntheticSource) -> list[torch.Tensor]:
    return [frame.image for frame in source]


@pytest.mark.parametrize("name", PATTERNS)
def test_every_pattern_is_a_source(name: str) -> None:
    source: Source = PATTERNS[name](SIZE, 6)
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(6))
    assert [frame.pts for frame in frames] == list(range(6))
    assert source.info.size == source.work_size == SIZE
    for frame in frames:
        assert frame.image.shape == (1, 3, *SIZE)
        assert frame.image.dtype == torch.float32
        assert frame.image.min() >= 0
        assert frame.image.max() <= 1
        assert frame.picture is None
    again = images(PATTERNS[name](SIZE, 6))
    assert all(a.equal(frame.image) for a, frame in zip(again, frames, strict=True))


@pytest.mark.parametrize("pix_fmt", ["rgb24", "yuv420p", "yuv420p10le"])
def test_pictures_match_the_images(pix_fmt: str) -> None:
    from ldfilter.source.picture import Painter

    (frame,) = shifted_texture(SIZE, 1, pix_fmt=pix_fmt)
    assert frame.picture.format.name == pix_fmt
    assert (Painter(SIZE).paint(frame.picture) - frame.image).abs().mean() < 0.03


def test_a_texture_wraps_around_and_has_contrast() -> None:
    image = texture((64, 64))
    inside = (image[..., 1:] - image[..., :-1]).abs().mean()
    across = (image[..., 0] - image[..., -1]).abs().mean()
    assert across < 2 * inside
    assert 0.1 < float(image.std()) < 0.2


def test_a_shift_by_whole_pixels_is_a_roll() -> None:
    image = texture(SIZE)
    assert shift(image, (3, -2)).equal(torch.roll(image, (-2, 3), dims=(2, 3)))


def test_a_shift_by_parts_adds_up() -> None:
    image = texture(SIZE) * 0.5 + 0.25
    halves = shift(shift(image, (0.5, 0.25)), (0.5, 0.75))
    assert (halves - torch.roll(image, (1, 1), dims=(2, 3))).abs().max() < 2e-3


def test_the_flow_of_a_shifted_texture_is_known() -> None:
    source = shifted_texture(SIZE, 2, step=(3, 1))
    first, second = images(source)
    x, y = source.known.flow or (0.0, 0.0)
    assert (x, y) == (-3, -1)
    # Backward: pixel u was at u + flow before.
    assert second[0, :, 20, 30].equal(first[0, :, 20 + int(y), 30 + int(x)])


def test_the_square_is_where_the_mask_says() -> None:
    source = moving_square(SIZE, 4, side=12, step=(3, 0))
    assert source.known.mask is not None
    ground = texture(SIZE)
    for index, image in enumerate(images(source)):
        mask = source.known.mask(index)
        assert int(mask.sum()) == 144
        assert torch.where(mask, ground, image).equal(ground)
        assert (image - ground).abs().masked_select(mask).mean() > 0.05
    moved = torch.roll(source.known.mask(0), 3, dims=3)
    assert moved.equal(source.known.mask(1))


def test_the_occluder_hides_the_same_pixels_for_twelve_frames() -> None:
    source = occluder(SIZE, 20, first=4, hidden=12)
    assert source.known.mask is not None
    masks = [source.known.mask(index) for index in range(20)]
    always = torch.stack(masks[4:16]).all(dim=0)
    assert 0.15 < float(always.float().mean()) < 0.85
    assert not torch.stack(masks[:4] + masks[16:]).any()
    pictures = images(source)
    assert pictures[3].equal(pictures[16])


def test_shots_change_where_the_cuts_are() -> None:
    source = spliced(SIZE, (3, 4, 2), step=(1, 0))
    pictures = images(source)
    assert source.known.cuts == (3, 7)
    assert len(pictures) == 9
    for index in range(1, 9):
        change = (pictures[index] - torch.roll(pictures[index - 1], 1, dims=3)).abs().mean()
        assert (change > 0.1) == (index in source.known.cuts)


def test_a_flash_lasts_one_frame() -> None:
    brightness = [float(image.mean()) for image in images(flash(SIZE, 8, at=5))]
    assert brightness[5] > 0.9
    assert max(brightness[:5] + brightness[6:]) < 0.6


def test_noise_is_new_each_time_and_of_the_size_asked() -> None:
    first, second = images(still_noise(SIZE, 2, sigma=3 / 255))
    assert abs(float((first - second).std()) / (3 / 255 * 2**0.5) - 1) < 0.05
    quiet: list[Any] = images(still_noise(SIZE, 2, sigma=0))
    assert quiet[0].equal(quiet[1])
