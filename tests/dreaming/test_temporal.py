"""The collapsed target against the literal sums of the papers."""

from __future__ import annotations

import pytest
import torch

from ldfilter.config import Schedule, TemporalConfig
from ldfilter.dreaming.octaves import Canvas, dream_octaves
from ldfilter.dreaming.temporal import KAPPA, Memory, Target, recall
from tests.dreaming.fakes import SIZE, dreamer, moved, picture

OFFSETS = (1, 2, 4, 8, 16, 32)


def remembered(count, *, carry="residual"):
    """A memory of `count` random dreams, with the dreams, newest first, as it gives them back."""
    memory = Memory()
    for k in range(count):
        residual = (torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(k)) - 0.5) / 8
        memory.push(picture(100 + k), residual, carry=carry)
    return memory, {j: memory.dreams[j] for j in memory.dreams.offsets}


def closest_first(masks):
    """c_l of every offset from c of every offset (LucidDream, section 2), literally."""
    long = {}
    for j in masks:
        nearer = sum((masks[k] for k in masks if k < j), torch.zeros(1, 1, *SIZE))
        long[j] = (masks[j] - nearer).clamp_min(0)
    return long


def test_the_collapsed_target_has_the_loss_and_gradient_of_the_sum_over_j():
    memory, dreams = remembered(32)
    generator = torch.Generator().manual_seed(5)
    masks = {j: (torch.rand(1, 1, *SIZE, generator=generator) < 0.4).float() for j in OFFSETS}
    long = closest_first(masks)
    by = sum(j * long[j] for j in OFFSETS).to(torch.uint8)
    image = picture()
    config = TemporalConfig(long=1000.0)
    past = recall(image, moved(by=by, reliable=masks[1] > 0), memory, config)

    x = picture(1).requires_grad_()
    literal = sum((long[j] * (x - image - dreams[j]).square()).sum() for j in OFFSETS)
    (expected,) = torch.autograd.grad(literal, x)
    collapsed = (past.target.weight * (x - past.target.image).square()).sum()
    (grad,) = torch.autograd.grad(collapsed, x)
    q = KAPPA * 1000 / 10000
    torch.testing.assert_close(collapsed, q * literal, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(grad, q * expected, rtol=1e-4, atol=1e-4)


def test_weights_of_short_long_and_trail_add_and_the_target_is_their_mean():
    memory, dreams = remembered(4)
    image = picture()
    by = torch.full((1, 1, *SIZE), 2, dtype=torch.uint8)
    reliable = torch.ones(1, 1, *SIZE, dtype=torch.bool)
    config = TemporalConfig(alpha=1.0, short=3.0, long=2.0, trail=1.0)
    past = recall(image, moved(by=by, reliable=reliable), memory, config)
    near, far = image + dreams[1], image + dreams[2]
    expected = ((3 + 1) * near + 2 * far) / 6
    torch.testing.assert_close(past.target.weight, torch.full((1, 1, *SIZE), 6 * KAPPA))
    torch.testing.assert_close(past.target.image, expected.clamp(0, 1), rtol=1e-4, atol=1e-4)


def test_no_force_where_nothing_is_reliable():
    memory, _ = remembered(3)
    by = torch.zeros(1, 1, *SIZE, dtype=torch.uint8)
    by[..., :20] = 1
    past = recall(picture(), moved(by=by), memory, TemporalConfig(short=300.0))
    assert (past.target.weight[..., 20:] == 0).all()
    assert (past.target.weight[..., :20] > 0).all()
    assert torch.equal(past.unclaimed, by == 0)


@pytest.mark.parametrize("carry", ["residual", "image"])
def test_a_frame_starts_from_content_where_nobody_claims_and_from_the_dream_elsewhere(carry):
    memory, dreams = remembered(3, carry=carry)
    image = picture()
    by = torch.zeros(1, 1, *SIZE, dtype=torch.uint8)
    by[..., 10:] = 1
    past = recall(image, moved(by=by), memory, TemporalConfig(short=1.0, carry=carry))
    expected = image + dreams[1] if carry == "residual" else dreams[1]
    assert torch.equal(past.start[..., :10], image[..., :10])
    torch.testing.assert_close(past.start[..., 10:], expected[..., 10:], rtol=0, atol=1e-5)


def test_a_content_start_ignores_the_past_but_keeps_its_pull():
    memory, _ = remembered(2)
    past = recall(picture(), moved(), memory, TemporalConfig(short=300.0, start="content"))
    assert torch.equal(past.start, picture())
    assert (past.target.weight > 0).all()


def test_a_dream_moves_with_its_picture():
    memory, dreams = remembered(1)
    flow = torch.zeros(1, 2, *SIZE)
    flow[:, 0], flow[:, 1] = 3, -2  # came from 3 px to the right, 2 px above
    image = picture()
    past = recall(image, moved(flow), memory, TemporalConfig(short=1.0))
    rolled = torch.roll(dreams[1], (2, -3), dims=(2, 3))
    inner = (slice(None), slice(None), slice(4, -4), slice(4, -6))
    torch.testing.assert_close(past.start[inner], (image + rolled)[inner], rtol=0, atol=1e-4)


def test_the_trail_drags_the_old_picture_over_what_it_uncovers():
    """Carrying residuals: uncovered pixels show the old picture, all others the new one."""
    memory, dreams = remembered(1)
    old, new = memory.pictures[1], picture(7)
    uncovered = torch.zeros(1, 1, *SIZE, dtype=torch.bool)
    uncovered[..., 5:15, 5:15] = True
    by = (~uncovered).to(torch.uint8)
    config = TemporalConfig(trail=500.0, start="warped")
    past = recall(new, moved(by=by), memory, config)
    expected = torch.where(uncovered, old, new) + dreams[1]
    torch.testing.assert_close(past.start, expected.clamp(0, 1), rtol=0, atol=1e-4)
    torch.testing.assert_close(past.target.image, past.start)


def test_what_comes_from_outside_the_picture_is_content_in_a_trail():
    memory, _ = remembered(1)
    flow = torch.zeros(1, 2, *SIZE)
    flow[:, 0] = -6
    image = picture(7)
    past = recall(image, moved(flow), memory, TemporalConfig(trail=500.0, start="warped"))
    assert torch.equal(past.start[..., :6], image[..., :6])
    assert (past.target.weight[..., :6] == 0).all()


def test_the_papers_trail_carries_images_and_divides_by_the_consistent_pixels():
    memory, dreams = remembered(1, carry="image")
    config = TemporalConfig(
        trail=500.0, start="warped", carry="image", trail_normalized=True, alpha=1.0
    )
    past = recall(picture(7), moved(), memory, config)
    count = SIZE[0] * SIZE[1]
    torch.testing.assert_close(past.start, dreams[1], rtol=0, atol=1e-5)
    assert past.target.weight.unique().item() == pytest.approx(KAPPA * 500 / count)
    nothing = torch.zeros(1, 1, *SIZE, dtype=torch.uint8)
    past = recall(picture(7), moved(by=nothing), memory, config)
    assert past.target.weight.unique().item() == pytest.approx(KAPPA * 500)


def test_on_a_cut_there_is_no_trail_and_no_warped_start():
    memory, _ = remembered(2)
    by = torch.full((1, 1, *SIZE), 2, dtype=torch.uint8)
    none = torch.zeros(1, 1, *SIZE, dtype=torch.bool)
    config = TemporalConfig(trail=500.0, start="warped")
    image = picture(7)
    past = recall(image, moved(by=by, reliable=none, cut=True), memory, config)
    assert torch.equal(past.start, image)
    assert (past.target.weight == 0).all()


@pytest.mark.parametrize("carry", ["residual", "image"])
@pytest.mark.parametrize("warped", [True, False])
def test_a_blend_starts_from_the_previous_result_over_the_content(carry, warped):
    memory, dreams = remembered(1, carry=carry)
    flow = torch.zeros(1, 2, *SIZE)
    flow[:, 0] = 3
    image = picture(7)
    config = TemporalConfig(blend=0.25, blend_warped=warped, carry=carry)
    past = recall(image, moved(flow), memory, config)
    old = torch.roll(dreams[1], -3, dims=3) if warped else dreams[1]
    previous = old if carry == "image" else (image + old).clamp(0, 1)
    inner = (slice(None), slice(None), slice(4, -4), slice(4, -6))
    expected = 0.75 * image + 0.25 * previous
    torch.testing.assert_close(past.start[inner], expected[inner], rtol=0, atol=2e-4)
    assert (past.target.weight == 0).all()


def test_nothing_is_blended_across_a_cut():
    memory, _ = remembered(1)
    none = torch.zeros(1, 1, *SIZE, dtype=torch.bool)
    image = picture(7)
    by = torch.zeros(1, 1, *SIZE, dtype=torch.uint8)
    cut = moved(by=by, reliable=none, cut=True)
    assert torch.equal(recall(image, cut, memory, TemporalConfig(blend=0.5)).start, image)


def test_a_fade_weakens_what_was_remembered():
    memory, dreams = remembered(1)
    image = picture()
    past = recall(image, moved(), memory, TemporalConfig(short=1.0))
    past = past.faded(image, torch.full((1, 1, *SIZE), 0.5))
    torch.testing.assert_close(past.start, image + 0.5 * dreams[1], rtol=0, atol=1e-4)
    torch.testing.assert_close(past.target.image, past.start, rtol=0, atol=1e-4)


def test_a_target_keeps_its_mean_weight_when_an_octave_shrinks_it():
    memory, _ = remembered(1)
    by = torch.zeros(1, 1, *SIZE, dtype=torch.uint8)
    by[..., :9] = 1
    target = recall(picture(), moved(by=by), memory, TemporalConfig(short=300.0)).target
    half = torch.nn.functional.interpolate(picture(), size=(20, 28))
    small = target.resized((20, 28), of=picture(), to=half)
    assert small.weight.mean() == pytest.approx(float(target.weight.mean()), rel=1e-5)
    assert len(small.weight.unique()) > 2  # never made binary again


def test_a_pull_to_where_a_picture_is_pulls_nowhere_at_any_octave():
    """Else a picture below the tile's size would lose its detail frame by frame."""
    generator = torch.Generator().manual_seed(0)
    image = picture(0, (20, 28))
    target = Target(image, torch.full((1, 1, 20, 28), 2.7))
    plan = dreamer().plan
    dreamed = dream_octaves(
        Canvas(image, image, torch.ones(1, 1, 20, 28), target),
        plan,
        Schedule(octaves=(1.0,), origins=2, updates=2, step=0.0),
        generator=generator,
    )
    torch.testing.assert_close(dreamed, image, rtol=0, atol=1e-5)
