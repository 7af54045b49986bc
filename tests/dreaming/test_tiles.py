"""Tiles cover the picture evenly and go back where they came from."""

import pytest
import torch

from ldfilter.dreaming.tiles import aim_origins, cut, draw_origins, octave_sizes, paste


@pytest.mark.parametrize("origin", [(0, 0), (5, 9), (29, 41), (13, 0)])
def test_pasting_what_was_cut_changes_nothing(origin):
    image = torch.rand(1, 3, 30, 42)
    assert torch.equal(paste(image, cut(image, origin, 8), origin), image)


def test_tiles_start_at_the_origin_and_wrap_around():
    image = torch.arange(30 * 42.0).view(1, 1, 30, 42)
    tiles = cut(image, (28, 40), 8)
    assert tiles.shape == (3 * 5, 1, 8, 8)
    assert tiles[0, 0, 0, 0] == image[0, 0, 28, 40]
    assert tiles[0, 0, 2, 2] == image[0, 0, 0, 0]


def test_the_margin_is_left_alone():
    image = torch.zeros(1, 1, 30, 42)
    pasted = paste(image, torch.ones_like(cut(image, (3, 4), 8)), (3, 4))
    assert pasted.sum() == 24 * 40
    # Rows 3 + 24 .. 3 + 30 and columns 4 + 40 .. 4 + 42 are the margin.
    assert pasted[0, 0, 27:30].sum() == 0 and pasted[0, 0, :3].sum() == 0
    assert pasted[0, 0, :, 2:4].sum() == 0


def test_a_picture_smaller_than_a_tile_is_an_error_with_both_sizes():
    with pytest.raises(ValueError, match=r"7x42.*8x8"):
        cut(torch.zeros(1, 3, 7, 42), (0, 0), 8)


@pytest.mark.parametrize("sampling", ["uniform", "low-discrepancy"])
def test_every_pixel_is_covered_equally_often_in_expectation(sampling):
    generator = torch.Generator().manual_seed(1)
    size, tile = (30, 42), 16
    covered = torch.zeros(1, 1, *size)
    origins = draw_origins(4000, size=size, sampling=sampling, generator=generator)
    for origin in origins:
        covered += paste(torch.zeros_like(covered), torch.ones(2, 1, tile, tile), origin)
    expected = 4000 * 2 * tile * tile / (30 * 42)
    assert (covered / expected - 1).abs().max() < 0.1


def test_few_low_discrepancy_origins_cover_more_evenly_than_uniform_ones():
    def unevenness(sampling):
        total = 0.0
        for seed in range(20):
            generator = torch.Generator().manual_seed(seed)
            covered = torch.zeros(1, 1, 68, 160)
            for origin in draw_origins(6, size=(68, 160), sampling=sampling, generator=generator):
                covered += paste(torch.zeros_like(covered), torch.ones(2, 1, 56, 56), origin)
            total += float(covered.std())
        return total

    assert unevenness("low-discrepancy") < 0.8 * unevenness("uniform")


def test_origins_repeat_with_their_seed():
    def draw(seed):
        generator = torch.Generator().manual_seed(seed)
        return draw_origins(5, size=(300, 400), sampling="uniform", generator=generator)

    assert draw(3) == draw(3) != draw(4)


def test_octaves_below_the_tile_become_the_tile_and_merge():
    assert octave_sizes((272, 640), (0.5, 0.75, 1.0), tile=224) == {(224, 527): 2, (272, 640): 1}
    assert octave_sizes((720, 1280), (0.5, 1.0), tile=224) == {(360, 640): 1, (720, 1280): 1}


@pytest.mark.parametrize("size", [(32, 64), (1, 1), (224, 100)])
def test_small_pictures_are_enlarged_to_one_tile_at_least(size):
    (octave,) = octave_sizes(size, (1.0,), tile=224)
    assert min(octave) == 224


def test_aimed_origins_cover_what_the_mask_wants():
    mask = torch.zeros(1, 1, 64, 100)
    mask[..., :4] = mask[..., -4:] = 1  # both borders: one tile across the seam covers them
    generator = torch.Generator().manual_seed(0)
    candidates = draw_origins(16, size=(64, 100), sampling="uniform", generator=generator)
    covered = torch.zeros_like(mask)
    for origin in aim_origins(3, candidates, mask=mask, tile=32):
        covered = paste(covered, torch.ones_like(cut(covered, origin, 32)), origin)
    assert (covered * mask).sum() > 0.95 * mask.sum()
