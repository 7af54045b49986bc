from __future__ import annotations

import torch
from torch import Tensor

from ldfilter.motion.reliability import agrees, consistent, explained


def constant(x: float, y: float, *, size: tuple[int, int] = (20, 30)) -> Tensor:
    return torch.tensor([float(x), float(y)]).view(1, 2, 1, 1).expand(1, 2, *size).contiguous()


def test_no_motion_is_reliable_everywhere() -> None:
    assert consistent(constant(0, 0), constant(0, 0)).all()


def test_a_shift_is_reliable_where_it_stays_inside() -> None:
    reliable = consistent(constant(4, -2), constant(-4, 2))[0, 0]
    assert reliable[2:, :-4].all()
    assert not reliable[:2].any()
    assert not reliable[:, -4:].any()


def test_a_flow_that_is_not_confirmed_is_a_disocclusion() -> None:
    assert not consistent(constant(4, 0), constant(0, 0)).any()


def test_the_disocclusion_threshold_is_the_published_one() -> None:
    # |v + w|^2 against 0.01 (|v|^2 + |w|^2) + 0.5 with w = 0: v^2 > 0.01 v^2 + 0.5
    limit = (0.5 / 0.99) ** 0.5
    assert consistent(constant(0, 0), constant(limit - 0.01, 0)).all()
    assert not consistent(constant(0, 0), constant(limit + 0.01, 0)).any()


def test_the_boundary_threshold_is_the_published_one() -> None:
    # A ramp of slope s in w_x, at w = 0: s^2 > 0.002. The middle column has w = 0.
    def middle(slope: float) -> bool:
        across = (torch.arange(31.0) - 15) * slope
        flow = torch.stack((across.expand(21, 31), torch.zeros(21, 31)))[None]
        return bool(consistent(flow, -flow)[0, 0, 10, 15])

    limit = 0.002**0.5
    assert middle(limit * 0.98)
    assert not middle(limit * 1.02)


def test_both_components_and_both_directions_count_for_a_boundary() -> None:
    flow = torch.zeros(1, 2, 20, 30)
    flow[:, 1, 10:] = 1
    reliable = consistent(flow, -flow)[0, 0]
    assert not reliable[9:11].any()
    assert reliable[:8].all()


def test_unrelated_pictures_do_not_explain_each_other_but_the_same_one_in_other_light_does() -> (
    None
):
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.rand(1, 1, 40, 60, generator=generator) * 255 for _ in range(2))
    flat = torch.full((1, 1, 40, 60), 255.0)
    assert explained(one, one + 10).all()
    assert not explained(one, other).any()
    assert not explained(one, flat).any()


def test_pictures_agree_up_to_the_tolerance() -> None:
    generator = torch.Generator().manual_seed(0)
    one = torch.rand(1, 1, 40, 60, generator=generator) * 255
    two = one.clone()
    two[..., 30:] += 10
    agreeing = agrees(one, two, tolerance=8)
    assert agreeing[..., :20].all()
    assert not agreeing[..., 40:].any()
    assert agrees(one, two, tolerance=12).all()


def test_slack_widens_both_thresholds() -> None:
    off = constant(1.2, 0)
    assert not consistent(constant(0, 0), off).any()
    assert consistent(constant(0, 0), off, slack=4).all()
    assert not consistent(constant(0, 0), constant(4, 0), slack=4).any()
