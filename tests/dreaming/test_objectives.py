"""Every kind of objective falls when it is descended, and all of them add up."""

import pytest
import torch
from torch import nn

from ldfilter.config import Config, apply
from ldfilter.dreaming.backbones import load_backbone
from ldfilter.dreaming.objectives import OBJECTIVES, Dream, build_objective, gradient
from ldfilter.dreaming.terms import ClassTerm
from ldfilter.errors import ConfigError

BLOCK = "blocks.2"
ASKED = {
    "classes": {"objective.classes": ["3"]},
    "layers": {"objective.layers": [f"{BLOCK}[1, 5]", "blocks.1:0.5"]},
    "guided": {
        "objective.guided.images": ["a.png", "b.png:2"],
        "objective.guided.layers": [BLOCK],
    },
    "extremes": {
        "objective.extremes.images": ["a.png", "b.png"],
        "objective.extremes.layers": [BLOCK],
        "objective.extremes.count": 3,
    },
}


def read(name):
    """A picture that depends on the file's name."""
    return torch.rand(1, 3, 80, 96, generator=torch.Generator().manual_seed(sum(name.encode())))


def tiles(count=2, seed=1):
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("efficientnet-lite0")


@pytest.fixture
def build(backbone):
    """An objective of what is asked for, and nothing else."""

    def make(asked, network=None):
        config = apply(Config(), {"objective.classes": [], **asked})
        return build_objective(config.objective, network or backbone, read=read)

    return make


def test_every_objective_is_asked_for_here():
    assert set(ASKED) == set(OBJECTIVES)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_the_loss_falls(build, kind):
    objective = build(ASKED[kind])
    start = tiles()
    before = objective(start)
    grad = gradient(objective, start)
    after = objective(start - 0.002 * grad / grad.abs().mean())
    assert before.shape == (2,)
    assert (after < before).all()


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_the_gradient_of_a_tile_does_not_depend_on_its_batch(build, kind):
    objective = build(ASKED[kind])
    start = tiles()
    together = gradient(objective, start)
    alone = torch.cat([gradient(objective, tile) for tile in start.split(1)])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-5)
    assert not start.requires_grad


def test_objectives_add_up(build):
    mixed = build({key: value for asked in ASKED.values() for key, value in asked.items()})
    parts = [build(asked) for asked in ASKED.values()]
    torch.testing.assert_close(mixed(tiles()), sum(part(tiles()) for part in parts))


def test_a_mixture_looks_at_the_network_once(build, backbone):
    mixed = build({**ASKED["classes"], **ASKED["guided"]})
    calls = []
    handle = backbone.network.register_forward_hook(lambda *_: calls.append(1))
    mixed(tiles())
    handle.remove()
    assert len(calls) == 1


def test_a_layer_of_negative_weight_becomes_quiet(build):
    loud, quiet = build({"objective.layers": [BLOCK]}), build({"objective.layers": [f"{BLOCK}:-1"]})
    torch.testing.assert_close(loud(tiles()), -quiet(tiles()))


def test_a_guide_draws_its_own_maps_forth(build):
    """A tile gets nearer to the guide than to another picture, seen through the guide's weights."""
    guided = build({"objective.guided.images": ["a.png"], "objective.guided.layers": ["blocks.4"]})
    (term,) = guided.terms
    assert term.maps["blocks.4"].sum().item() == pytest.approx(1)
    assert (term.maps["blocks.4"] >= 0).all()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "nothing to dream of"),
        ({"objective.layers": ["blocks.99"]}, r"no layer 'blocks.99'.*--list-layers"),
        ({"objective.layers": ["blocks.1[3, 500]"]}, r"channels 0 to 23, not 500"),
        ({"objective.layers": ["classifier"]}, "that gives maps"),
        ({"objective.guided.images": ["a.png"]}, r"guided\.layers.*nothing"),
        (
            {"objective.guided.images": ["a.png"], "objective.guided.layers": ["blocks.1[3]"]},
            "without channels, not blocks.1",
        ),
    ],
)
def test_what_does_not_exist_is_refused(build, asked, message):
    with pytest.raises(ConfigError, match=message):
        build(asked)


class Linear(nn.Module):
    """Logits that are linear in the image's mean colour."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(10, 3, generator=generator), requires_grad=False)

    def forward(self, images):
        return images.mean(dim=(2, 3)) @ self.weight.T


def test_weights_of_classes_and_forms_multiply_and_add():
    network = Linear()
    start = torch.rand(2, 3, 8, 8)
    term = ClassTerm(((3, 2.0), (5, -1.0)), {"logit": 0.5, "log-probability": 1.0})
    logits = network(start)
    logs = logits.log_softmax(dim=1)
    expected = -2 * (0.5 * logits[:, 3] + logs[:, 3]) + 0.5 * logits[:, 5] + logs[:, 5]
    torch.testing.assert_close(Dream(network, [term])(start), expected)
