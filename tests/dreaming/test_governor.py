"""The governor steers strength back to what a shot started with."""

import pytest

from ldfilter.dreaming.governor import FASTEST_FADE, STEP_BOUNDS, Governor


@pytest.mark.parametrize(("growth", "loss"), [(0.006, 1.0), (0.001, 0.97), (0.0, 1.0)])
def test_strength_settles_at_the_wanted_one(growth, loss):
    """A dream to which every frame adds `growth` per unit of step and keeps `loss` of."""
    governor = Governor()
    governor.start(0.06)
    strength = 0.06
    seen = []
    for _ in range(200):
        strength = strength * loss * governor.fade + growth * governor.step
        governor.observe(strength)
        seen.append(strength)
    assert all(0.06 * 0.8 < s < 0.06 * 1.2 for s in seen)


def test_both_controls_are_bounded():
    governor = Governor()
    governor.start(0.06)
    for _ in range(50):
        governor.observe(6.0)
    assert governor.step == STEP_BOUNDS[0]
    assert governor.fade == FASTEST_FADE
    for _ in range(50):
        governor.observe(0.0)
    assert governor.step == STEP_BOUNDS[1]
    assert governor.fade == 1.0


def test_a_new_shot_forgets_the_old_one():
    governor = Governor()
    governor.start(0.06)
    governor.observe(0.12)
    governor.start(0.1)
    assert (governor.wanted, governor.step, governor.fade) == (0.1, 1.0, 1.0)
