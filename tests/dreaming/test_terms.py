"""Losses on activations, against values worked out by hand."""

import math

import pytest
import torch

from ldfilter.dreaming.features import LOGITS
from ldfilter.dreaming.terms import (
    FORMS,
    ClassTerm,
    ContentTerm,
    GuidedTerm,
    LayerTerm,
    Seen,
    StyleTerm,
    Survey,
    extreme_maps,
    gram,
    guide_weights,
)
from ldfilter.layers import LayerChoice


def seen(tiles, *, content=None, grams=None, began=None, share=1.0):
    return Seen(tiles, content or {}, Survey(grams or {}, share), began or {})


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_class_loss_falls_when_the_logit_rises(form):
    low, high = torch.full((2, 10), 0.1), torch.full((2, 10), 0.1)
    high[:, 3] += 1
    term = ClassTerm(((3, 1.0),), {form: 1.0})
    assert (term(seen({LOGITS: high})) < term(seen({LOGITS: low}))).all()


def logits_of(value):
    logits = torch.zeros(1, 10)
    logits[0, 3] = value
    return logits.requires_grad_()


@pytest.mark.parametrize("value", [-2.0, 2.0])
def test_the_square_pushes_a_negative_logit_down_and_the_signed_square_up(value):
    logits = logits_of(value)
    (literal,) = torch.autograd.grad(FORMS["squared"](logits, 3).sum(), logits)
    logits = logits_of(value)
    (signed,) = torch.autograd.grad(FORMS["signed-square"](logits, 3).sum(), logits)
    assert literal[0, 3] == -2 * value
    assert signed[0, 3] == -2 * abs(value)


def test_a_layer_counts_as_the_logarithm_of_its_mean_square():
    maps = torch.ones(1, 4, 2, 3)
    maps[:, 1] = 3
    whole = LayerTerm((LayerChoice("a"),))
    picked = LayerTerm((LayerChoice("a", (1,), 2.0),))
    assert whole(seen({"a": maps})).item() == pytest.approx(-math.log(3))  # (1 + 9 + 1 + 1) / 4
    assert picked(seen({"a": maps})).item() == pytest.approx(-2 * math.log(9))


def test_layers_of_any_scale_pull_alike():
    """The gradient of a layer, relative to its values, does not depend on their size."""
    layers = LayerTerm((LayerChoice("small"), LayerChoice("large")))
    values = torch.rand(1, 4, 3, 3)
    small, large = (1e-3 * values).requires_grad_(), (1e3 * values).requires_grad_()
    grads = torch.autograd.grad(
        layers(seen({"small": small, "large": large})).sum(), (small, large)
    )
    torch.testing.assert_close(grads[0] * 1e-3, grads[1] * 1e3)


def test_a_silent_layer_is_no_error():
    silent = torch.zeros(1, 2, 3, 3, requires_grad=True)
    loss = LayerTerm((LayerChoice("a"),))(seen({"a": silent}))
    (grad,) = torch.autograd.grad(loss.sum(), silent)
    assert torch.isfinite(loss).all()
    assert torch.equal(grad, torch.zeros_like(grad))


def test_guide_weights_are_sums_clamped_at_zero_over_their_total():
    maps = torch.tensor([1.0, 3.0, -5.0]).view(1, 3, 1, 1).expand(1, 3, 4, 5)
    torch.testing.assert_close(guide_weights(maps), torch.tensor([0.25, 0.75, 0.0]))


def test_a_guide_weights_every_map():
    maps = torch.tensor([1.0, 2.0, 7.0]).view(1, 3, 1, 1)
    term = GuidedTerm(2.0, (LayerChoice("a", weight=0.5),), {"a": torch.tensor([0.25, 0.75, 0.0])})
    assert term(seen({"a": maps})).item() == pytest.approx(-math.log(0.25 * 1 + 0.75 * 4))


@pytest.mark.parametrize(("which", "found"), [("most", (0, 3)), ("least", (1, 2))])
def test_extreme_maps_are_found_over_the_whole_set(which, found):
    first = torch.tensor([5.0, -1.0, 0.0, 1.0]).view(1, 4, 1, 1)
    second = torch.tensor([0.0, 0.0, 1.0, 6.0]).view(1, 4, 1, 1)
    assert extreme_maps([first, second], count=2, which=which) == found


def test_content_counts_the_squared_distance_over_the_square_of_the_source():
    wanted = torch.full((1, 2, 3, 3), 2.0)
    term = ContentTerm(3.0, (LayerChoice("a", weight=0.5),))
    loss = term(seen({"a": wanted + 1}, content={"a": wanted}))
    assert loss.item() == pytest.approx(3 * 0.5 * 1 / 4)


def test_a_gram_matrix_is_the_mean_product_of_maps_whatever_their_size():
    maps = torch.randn(2, 3, 4, 5)
    expected = torch.stack([m.flatten(1) @ m.flatten(1).T / 20 for m in maps])
    torch.testing.assert_close(gram(maps), expected)
    torch.testing.assert_close(gram(maps.repeat(1, 1, 2, 3)), expected)


def test_the_picture_changes_by_a_tiles_share_of_what_the_tile_has_changed():
    maps = torch.ones(1, 1, 2, 2)  # its Gram matrix is 1 and was 4, the picture's 3, wanted is 2
    term = StyleTerm(2.0, (LayerChoice("a"),), {"a": torch.tensor([[2.0]])})
    grams, began = ({"a": torch.tensor([[[value]]])} for value in (3.0, 4.0))
    loss = term(seen({"a": maps}, grams=grams, began=began, share=0.25))
    assert loss.item() == pytest.approx(2 * (3 + 0.25 * (1 - 4) - 2) ** 2 / 0.25 / 4)


def test_the_style_gradient_is_that_of_the_whole_picture():
    """Half noise, half flat: each half knows what the other brings."""
    halves = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    halves[1] = 0.5
    wanted = torch.randn(3, 3, generator=torch.Generator().manual_seed(1))
    wanted = wanted @ wanted.T
    whole = halves.clone().requires_grad_()
    loss = (gram(whole).mean(dim=0) - wanted).square().sum()
    (expected,) = torch.autograd.grad(loss, whole)
    term = StyleTerm(1.0, (LayerChoice("a"),), {"a": wanted})
    tiles = halves.clone().requires_grad_()
    there = seen(
        {"a": tiles},
        grams={"a": gram(halves).mean(dim=0, keepdim=True)},
        began={"a": gram(halves)},
        share=0.5,
    )
    (given,) = torch.autograd.grad(term(there).sum(), tiles)
    torch.testing.assert_close(given, expected / 0.5 / wanted.square().sum())
