"""The governor steers every place, and the whole, to the strength a shot started with."""

import pytest
import torch

from ldfilter.dreaming.governor import GAIN, LEVEL, Governor, local_strength


@pytest.mark.parametrize(("growth", "loss"), [(0.006, 1.0), (0.002, 0.98), (0.0002, 1.0)])
def test_strength_settles_at_the_wanted_one(growth, loss):
    """A dream to which every frame adds `growth` per unit of gain and keeps `loss` of."""
    governor = Governor(fade=0.94)
    governor.start(0.06)
    residual = torch.full((1, 3, 32, 32), 0.06)
    for _ in range(200):
        steering = governor.steer(residual)
        residual = residual * loss * steering.fade + growth * steering.gain
        governor.observe(float(residual.mean()))
        assert 0.06 * 0.8 < residual.mean() < 0.06 * 1.2


def test_weak_places_get_more_and_strong_places_less():
    governor = Governor(fade=0.94)
    governor.start(0.06)
    residual = torch.full((1, 3, 64, 96), 0.06)
    residual[..., :32] = 0
    residual[..., 64:] = 0.3
    steering = governor.steer(residual)
    assert steering.gain[..., :8].min() == GAIN[1]
    assert steering.gain[..., 88:].max() == pytest.approx(GAIN[0])
    assert steering.fade[..., :8].min() == 1
    assert steering.fade[..., 88:].max() == pytest.approx(0.94)


def test_the_level_is_bounded_and_a_new_shot_starts_at_one():
    governor = Governor(fade=0.94)
    governor.start(0.06)
    for _ in range(50):
        governor.observe(6.0)
    assert governor.level == LEVEL[0]
    for _ in range(50):
        governor.observe(0.0)
    assert governor.level == LEVEL[1]
    governor.start(0.1)
    assert (governor.wanted, governor.level) == (0.1, 1.0)


@pytest.mark.parametrize("size", [(5, 7), (16, 16), (33, 50), (272, 640)])
def test_local_strength_of_an_even_dream_is_even(size):
    measured = local_strength(torch.full((1, 3, *size), -0.05))
    torch.testing.assert_close(measured, torch.full((1, 1, *size), 0.05))
