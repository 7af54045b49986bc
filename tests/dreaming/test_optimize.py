"""Updates against torch's own optimiser and the proximal step's closed form."""

import pytest
import torch

from ldfilter.dreaming.optimize import (
    GRADIENTS,
    OPTIMIZERS,
    Adam,
    Normalized,
    Pull,
    Recipe,
    draw_sides,
    optimize_tiles,
    tinted,
)
from ldfilter.errors import Stopped
from ldfilter.image import laplacian_pyramid


def brightness(tiles):
    """Falls as the picture gets brighter; its gradient is the same for every pixel."""
    return -tiles.mean(dim=(1, 2, 3))


def texture(tiles):
    """A loss whose gradient differs from pixel to pixel."""
    wave = torch.sin(torch.arange(tiles.shape[-1]) * 0.7)
    return (tiles * wave).square().mean(dim=(1, 2, 3)) - (tiles * wave).mean(dim=(1, 2, 3))


def recipe(
    *, gradient="raw", optimizer="normalized", chroma=1.0, proximal=True, check=lambda: None
):
    return Recipe(
        treat=GRADIENTS[gradient],
        optimizer=OPTIMIZERS[optimizer],
        chroma=chroma,
        proximal=proximal,
        check=check,
    )


ONES = torch.ones(1, 1, 1, 1)


def test_adam_moves_as_torchs_does():
    start = torch.rand(2, 3, 8, 8)
    twin = start.clone().requires_grad_()
    reference = torch.optim.Adam([twin], lr=0.01)
    ours, adam = start.clone(), Adam(0.01)
    for k in range(5):
        grad = torch.rand(start.shape, generator=torch.Generator().manual_seed(k)) - 0.3
        twin.grad = grad.clone()
        reference.step()
        ours = ours - adam(grad)
    torch.testing.assert_close(ours, twin.detach())


def test_a_normalized_update_has_the_step_as_its_mean_size_in_every_tile():
    grad = torch.randn(3, 3, 8, 8) * torch.tensor([1.0, 1e-4, 1e4]).view(3, 1, 1, 1)
    update = Normalized(0.02)(grad)
    torch.testing.assert_close(update.abs().mean(dim=(1, 2, 3)), torch.full((3,), 0.02))


@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_loss_falls_under_every_treatment_and_optimizer(name, optimizer):
    tiles = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25
    how = recipe(gradient=name, optimizer=optimizer)
    after = optimize_tiles(tiles, texture, how, step=0.004, fine=0.4, sides=[32] * 6, mask=ONES)
    assert (texture(after) < texture(tiles)).all()


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_tile_does_not_depend_on_its_batch(name):
    tiles = torch.rand(4, 3, 32, 32)
    how = recipe(gradient=name)
    together = optimize_tiles(tiles, texture, how, step=0.01, fine=0.4, sides=[32, 48], mask=ONES)
    alone = torch.cat(
        [
            optimize_tiles(t, texture, how, step=0.01, fine=0.4, sides=[32, 48], mask=ONES)
            for t in tiles.split(1)
        ]
    )
    torch.testing.assert_close(together, alone)


def test_chroma_takes_colour_from_an_update():
    grad = torch.randn(2, 3, 8, 8)
    assert torch.equal(tinted(grad, 1.0), grad)
    grey = tinted(grad, 0.0)
    torch.testing.assert_close(grey, grad.mean(dim=1, keepdim=True).expand_as(grad))
    torch.testing.assert_close(tinted(grad, 0.6), 0.6 * grad + 0.4 * grey)


def test_a_laplacian_update_leaves_the_mean_brightness_alone():
    grad = torch.randn(2, 3, 64, 64) + 5
    treated = GRADIENTS["laplacian"](grad, 0.4)
    assert treated.mean(dim=(1, 2, 3)).abs().max() < 1e-4
    assert treated.std() > 0.5


def test_the_laplacian_brings_coarse_and_fine_to_the_same_size():
    fine = torch.randn(1, 3, 64, 64)
    coarse = torch.nn.functional.interpolate(torch.randn(1, 3, 8, 8), scale_factor=8)
    treated = GRADIENTS["laplacian"](fine + 1e-3 * coarse, 0.4)
    small = torch.nn.functional.avg_pool2d(treated, 8)
    plain = torch.nn.functional.avg_pool2d(fine + 1e-3 * coarse, 8)
    assert small.std() / treated.std() > 3 * plain.std() / fine.std()


def test_more_fine_is_more_of_the_finest_detail_beside_the_coarsest():
    grad = torch.randn(1, 3, 64, 64)

    def share(fine):
        bands = laplacian_pyramid(GRADIENTS["laplacian"](grad, fine), 4)
        return float(bands[0].std() / bands[3].std())

    assert share(0.8) > 2 * share(0.2)


def test_the_pull_is_the_exact_proximal_step():
    x, t = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    q = torch.rand(1, 1, 4, 4) * 3
    pulled = Pull(t, q).attract(x).requires_grad_()
    # The minimum of |z - x|^2 / 2 + q |z - t|^2 / 2 has no gradient.
    (grad,) = torch.autograd.grad(
        ((pulled - x).square() / 2 + q * (pulled - t).square() / 2).sum(), pulled
    )
    assert grad.abs().max() < 1e-6


@pytest.mark.parametrize("proximal", [True, False])
def test_a_pull_holds_the_picture_and_no_weight_is_no_force(proximal):
    tiles = torch.full((1, 3, 16, 16), 0.5)
    how = recipe(proximal=proximal)

    def moved(weight):
        pull = Pull(tiles.clone(), torch.full((1, 1, 16, 16), weight))
        after = optimize_tiles(
            tiles, brightness, how, step=0.01, fine=0.4, sides=[16] * 8, mask=ONES, pull=pull
        )
        return float((after - tiles).mean())

    free = float(
        (
            optimize_tiles(tiles, brightness, how, step=0.01, fine=0.4, sides=[16] * 8, mask=ONES)
            - tiles
        ).mean()
    )
    assert moved(0.0) == pytest.approx(free, rel=1e-4) == pytest.approx(0.08, rel=1e-3)
    assert moved(0.8) < 0.3 * free


def test_a_mask_of_zero_protects_pixels():
    tiles = torch.rand(1, 3, 16, 16) * 0.5
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 8:] = 1
    after = optimize_tiles(
        tiles, brightness, recipe(), step=0.02, fine=0.4, sides=[16] * 3, mask=mask
    )
    assert torch.equal(after[..., :8], tiles[..., :8])
    assert (after[..., 8:] > tiles[..., 8:]).all()


def test_pixels_stay_in_range():
    tiles = torch.rand(1, 3, 16, 16)
    after = optimize_tiles(
        tiles, brightness, recipe(), step=0.3, fine=0.4, sides=[16] * 9, mask=ONES
    )
    assert after.max() == 1.0


def test_sides_stay_within_the_jitter_and_no_jitter_is_the_tile():
    generator = torch.Generator().manual_seed(0)
    sides = draw_sides(200, tile=224, jitter=0.15, generator=generator)
    assert min(sides) >= 184 and max(sides) <= 264
    assert len(set(sides)) >= 4
    assert draw_sides(3, tile=224, jitter=0.0, generator=generator) == [224] * 3


def test_a_stop_is_looked_at_before_every_network_call():
    calls = []

    def check():
        calls.append(1)
        if len(calls) == 3:
            raise Stopped("stopped")

    with pytest.raises(Stopped):
        optimize_tiles(
            torch.rand(1, 3, 8, 8),
            brightness,
            recipe(check=check),
            step=0.01,
            fine=0.4,
            sides=[8] * 9,
            mask=ONES,
        )
    assert len(calls) == 3
