from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ldfilter.warp import resize_flow, warp, warp_linear

WARPS = 200


def constant_flow(x: float, y: float, *, size: tuple[int, int]) -> Tensor:
    return torch.tensor([float(x), float(y)]).view(1, 2, 1, 1).expand(1, 2, *size).contiguous()


def waves(frequencies: list[float], *, length: int = 192) -> Tensor:
    """Horizontal cosines, one channel per frequency in cycles per px, (1, C, 4, length)."""
    phase = torch.tensor(frequencies)[:, None] * torch.arange(length)
    rows = torch.cos(2 * math.pi * phase)
    return rows[None, :, None, :].expand(1, -1, 4, -1).contiguous()


def gains_after(shifts: list[float], frequencies: list[float]) -> list[float]:
    """Amplitudes left in the middle of long waves, where no border has reached."""
    image = waves(frequencies)
    for shift in shifts:
        image = warp(image, constant_flow(shift, 0.0, size=(4, 192)))
    middle = image[0, :, 2, 66:126]
    phase = torch.tensor(frequencies)[:, None] * torch.arange(66, 126)
    carrier = torch.exp(-2j * math.pi * phase)
    return (2 * (middle * carrier).mean(1).abs()).tolist()


@pytest.mark.parametrize("kind", ["random", "0.3", "0.7"])
def test_two_hundred_warps_keep_the_detail(kind: str) -> None:
    uniform = torch.rand(WARPS, generator=torch.Generator().manual_seed(0))
    sizes = uniform if kind == "random" else torch.full((WARPS,), float(kind))
    there_and_back = [float(s) * (1 if i % 2 else -1) for i, s in enumerate(sizes)]
    floors = {0.1: 0.99, 0.15: 0.98, 0.2: 0.9}
    kept = gains_after(there_and_back, list(floors))
    for gain, floor in zip(kept, floors.values(), strict=True):
        assert floor < gain < 1.001


@pytest.mark.parametrize("shift", [0.1, 0.5, 1.0, 2.3])
def test_no_frequency_is_amplified(shift: float) -> None:
    frequencies = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45]
    assert max(gains_after([shift, -shift] * 20, frequencies)) < 1.001


def test_zero_flow_is_identity() -> None:
    image = torch.rand(1, 3, 37, 53)
    torch.testing.assert_close(warp(image, torch.zeros(1, 2, 37, 53)), image, atol=3e-6, rtol=0)


def test_integer_shift_equals_roll_inside() -> None:
    image = torch.rand(1, 3, 40, 48)
    moved = warp(image, constant_flow(3, -2, size=(40, 48)))
    rolled = image.roll((2, -3), dims=(2, 3))
    torch.testing.assert_close(moved[..., 4:-4, 4:-4], rolled[..., 4:-4, 4:-4], atol=3e-6, rtol=0)


def test_direction_is_backward_and_channels_are_x_then_y() -> None:
    image = torch.zeros(1, 1, 16, 16)
    image[0, 0, 5, 9] = 1
    moved = warp(image, constant_flow(4, 0, size=(16, 16)))
    assert divmod(int(moved.argmax()), 16) == (5, 5)


def test_outside_the_picture_the_border_is_repeated() -> None:
    image = torch.rand(1, 2, 20, 24)
    moved = warp(image, constant_flow(100, 0, size=(20, 24)))
    torch.testing.assert_close(moved, image[..., -1:].expand_as(moved), atol=1e-5, rtol=0)


def test_a_constant_stays_constant_and_a_ramp_stays_straight() -> None:
    flow = torch.rand(1, 2, 64, 64, generator=torch.Generator().manual_seed(1)) * 4 - 2
    torch.testing.assert_close(
        warp(torch.full((1, 1, 64, 64), 0.3), flow), torch.full((1, 1, 64, 64), 0.3)
    )
    ramp = torch.arange(64.0).expand(1, 1, 64, 64).contiguous()
    moved = warp(ramp, constant_flow(0.4, 0, size=(64, 64)))
    torch.testing.assert_close(moved[..., 28:36], ramp[..., 28:36] + 0.4, atol=1e-3, rtol=0)


def test_overshoot_at_a_hard_edge_is_bounded() -> None:
    step = torch.zeros(1, 1, 64, 64)
    step[..., 32:] = 1
    worst = 0.0
    for tenth in range(10):
        moved = warp(step, constant_flow(tenth / 10, 0, size=(64, 64)))
        worst = max(worst, float(moved.max()) - 1, -float(moved.min()))
    assert 0 < worst < 0.14


def test_where_computes_only_the_chosen_pixels() -> None:
    generator = torch.Generator().manual_seed(2)
    image = torch.rand(2, 3, 24, 31, generator=generator)
    flow = torch.randn(2, 2, 24, 31, generator=generator) * 3
    where = torch.rand(2, 1, 24, 31, generator=generator) < 0.2
    assert torch.equal(warp(image, flow, where=where), warp(image, flow) * where)
    nowhere = warp(image, flow, where=torch.zeros_like(where))
    assert not nowhere.any()


def test_a_batch_equals_its_pictures_one_by_one() -> None:
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(2, 3, 24, 31, generator=generator)
    flow = torch.randn(2, 2, 24, 31, generator=generator) * 3
    single = torch.cat([warp(image[i : i + 1], flow[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(warp(image, flow), single)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (5, 4)])
def test_tiny_pictures(size: tuple[int, int]) -> None:
    image = torch.rand(1, 3, *size)
    torch.testing.assert_close(warp(image, torch.zeros(1, 2, *size)), image, atol=3e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_dtype_of_the_input_is_kept(dtype: torch.dtype) -> None:
    image = torch.rand(1, 3, 20, 20).to(dtype)
    moved = warp(image, torch.full((1, 2, 20, 20), 0.25))
    assert moved.dtype == dtype
    assert warp_linear(image.float(), torch.zeros(1, 2, 20, 20)).dtype == torch.float32


def test_a_flow_that_is_not_a_number_stays_inside_the_picture() -> None:
    flow = torch.full((1, 2, 16, 16), float("nan"))
    assert torch.isfinite(warp(torch.rand(1, 1, 16, 16), flow)).all()


def test_no_gradient_is_recorded() -> None:
    image = torch.rand(1, 1, 8, 8, requires_grad=True)
    assert not warp(image, torch.zeros(1, 2, 8, 8)).requires_grad


def test_linear_agrees_with_the_spline_on_smooth_images() -> None:
    image = waves([0.01])
    flow = constant_flow(0.4, 0.3, size=(4, 192))
    linear, spline = (f(image, flow)[..., 30:-30] for f in (warp_linear, warp))
    torch.testing.assert_close(linear, spline, atol=1e-3, rtol=0)


def test_resized_flow_points_to_the_same_places() -> None:
    small = constant_flow(2, -1, size=(10, 12))
    large = resize_flow(small, (30, 24))
    torch.testing.assert_close(large, constant_flow(4, -3, size=(30, 24)))
    assert resize_flow(small, (10, 12)) is small
