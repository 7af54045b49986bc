from __future__ import annotations

import pytest
import torch

from ldfilter import image as im

SIZES = [(224, 224), (64, 48), (37, 53), (5, 9), (1, 1)]


def test_bytes_survive_the_round_trip() -> None:
    picture = torch.arange(256, dtype=torch.uint8).reshape(8, 32, 1).repeat(1, 1, 3)
    image = im.to_float(picture)
    assert image.shape == (1, 3, 8, 32)
    assert float(image.max()) == 1
    assert torch.equal(im.to_uint8(image)[0], picture)


def test_values_outside_the_range_are_clamped() -> None:
    image = torch.tensor([-0.5, 1.5, 0.5]).view(1, 3, 1, 1)
    assert im.to_uint8(image).flatten().tolist() == [0, 255, 128]


def test_luma_of_grey_is_grey_and_of_green_is_its_weight() -> None:
    torch.testing.assert_close(
        im.luma(torch.full((1, 3, 2, 2), 0.4)), torch.full((1, 1, 2, 2), 0.4)
    )
    green = torch.zeros(1, 3, 1, 1)
    green[:, 1] = 1
    assert float(im.luma(green)) == pytest.approx(0.587)


def test_luma_leaves_its_input_alone() -> None:
    image = torch.rand(1, 3, 4, 4)
    before = image.clone()
    im.luma(image)
    assert torch.equal(image, before)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "area"])
def test_shrinking_does_not_alias(mode: str) -> None:
    stripes = torch.zeros(1, 1, 64, 64)
    stripes[..., ::2] = 1
    small = im.resize(stripes, (16, 16), mode=mode)
    torch.testing.assert_close(
        small[..., 2:-2, 2:-2], torch.full((1, 1, 12, 12), 0.5), atol=0.03, rtol=0
    )


def test_resize_to_the_same_size_is_the_same_tensor() -> None:
    image = torch.rand(1, 3, 7, 9)
    assert im.resize(image, (7, 9)) is image


def test_area_keeps_the_mean_of_a_mask() -> None:
    mask = (torch.rand(1, 1, 64, 48, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    assert float(im.resize(mask, (32, 24), mode="area").mean()) == pytest.approx(float(mask.mean()))


def test_fit_size_keeps_the_aspect() -> None:
    assert im.fit_size((272, 640), shorter=224) == (224, 527)
    assert im.fit_size((90, 30), shorter=224) == (672, 224)


def test_blur_keeps_constants_and_spreads_a_point_by_sigma() -> None:
    constant = torch.full((2, 3, 20, 20), 0.7)
    torch.testing.assert_close(im.blur(constant, 2.0), constant)
    point = torch.zeros(1, 1, 41, 41)
    point[0, 0, 20, 20] = 1
    spread = im.blur(point, 2.0)[0, 0].sum(0)
    x = torch.arange(41) - 20
    assert float((spread * x**2).sum()) == pytest.approx(4, rel=0.05)
    assert im.blur(point, 0) is point


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("levels", [1, 2, 4])
def test_collapse_undoes_the_laplacian_pyramid(size: tuple[int, int], levels: int) -> None:
    image = torch.rand(2, 3, *size)
    bands = im.laplacian_pyramid(image, levels)
    assert len(bands) == levels
    torch.testing.assert_close(im.collapse(bands), image, atol=1e-6, rtol=0)


def test_bands_above_the_last_hold_no_mean() -> None:
    bands = im.laplacian_pyramid(torch.full((1, 1, 32, 32), 0.5), 4)
    assert all(float(band.abs().max()) < 1e-6 for band in bands[:-1])


def test_a_gaussian_pyramid_halves_and_keeps_the_mean() -> None:
    image = torch.rand(1, 3, 64, 48)
    pyramid = im.gaussian_pyramid(image, 4)
    assert [tuple(level.shape[2:]) for level in pyramid] == [(64, 48), (32, 24), (16, 12), (8, 6)]
    for level in pyramid:
        assert float(level.mean()) == pytest.approx(float(image.mean()), rel=1e-4)


@pytest.mark.parametrize("size", [(40, 60), (60, 40), (10, 90), (24, 36)])
def test_a_cover_fills_the_size_and_keeps_the_middle(size: tuple[int, int]) -> None:
    wide = torch.zeros(1, 3, 24, 36)
    wide[..., 6:18, 12:24] = 1
    covered = im.cover(wide, size)
    assert tuple(covered.shape[2:]) == size
    assert float(covered[0, 0, size[0] // 2, size[1] // 2]) == pytest.approx(1, abs=0.02)
