"""Every form of the class loss falls when it is descended, and signs are what they say."""

import pytest
import torch
from torch import nn

from ldfilter.dreaming.objectives import FORMS, ClassObjective, gradient


class Linear(nn.Module):
    """Logits that are linear in the image's mean colour: their gradients are known."""

    tile = 8

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(10, 3, generator=generator), requires_grad=False)

    def forward(self, images):
        return images.mean(dim=(2, 3)) @ self.weight.T


@pytest.mark.parametrize("form", FORMS)
def test_the_loss_falls(form):
    objective = ClassObjective(Linear(), classes=[(3, 1.0)], forms={form: 1.0})
    tiles = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    before = objective(tiles)
    grad = gradient(objective, tiles)
    after = objective(tiles - 0.1 * grad / grad.abs().mean())
    assert before.shape == (4,)
    assert (after < before).all()


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


def test_weights_of_classes_and_forms_multiply_and_add():
    network = Linear()
    tiles = torch.rand(2, 3, 8, 8)
    mixed = ClassObjective(
        network, classes=[(3, 2.0), (5, -1.0)], forms={"logit": 0.5, "log-probability": 1.0}
    )
    logits = network(tiles)
    logs = logits.log_softmax(dim=1)
    expected = -2 * (0.5 * logits[:, 3] + logs[:, 3]) + 0.5 * logits[:, 5] + logs[:, 5]
    torch.testing.assert_close(mixed(tiles), expected)


def test_the_gradient_of_a_tile_does_not_depend_on_its_batch():
    objective = ClassObjective(Linear(), classes=[(3, 1.0)], forms={"log-probability": 1.0})
    tiles = torch.rand(4, 3, 8, 8)
    together = gradient(objective, tiles)
    alone = torch.cat([gradient(objective, tile) for tile in tiles.split(1)])
    torch.testing.assert_close(together, alone)
    assert not tiles.requires_grad
