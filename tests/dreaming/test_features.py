"""Layers by name on every network: what is listed can be looked at, and as it is."""

import pytest
import torch
from torch import nn

from ldfilter.dreaming.backbones import BACKBONES, HALF, Backbone, load_backbone
from ldfilter.dreaming.features import LOGITS, Features, list_layers
from ldfilter.errors import ConfigError

ALIASES = {
    "vgg16": {"conv1_1": "features.0", "relu3_3": "features.15", "conv5_3": "features.28"},
    "vgg19": {"conv4_2": "features.21", "relu4_2": "features.22", "pool5": "features.36"},
    "googlenet": {"inception_4c": "inception4c", "mixed4c": "inception4c"},
    "inception-v3": {"mixed0": "Mixed_5b", "mixed5": "Mixed_6c", "mixed10": "Mixed_7c"},
    "resnet50": {"conv4_x": "layer3", "conv4_6": "layer3.5"},
}


@pytest.fixture(scope="module", params=BACKBONES)
def backbone(request):
    return load_backbone(request.param, weights="random")


def image(side=80):
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_every_layer_and_alias_that_is_listed_can_be_looked_at(backbone):
    layers = list_layers(backbone)
    names = [name for layer in layers for name in (layer.path, *layer.aliases)]
    assert len(names) == len(set(names)) > 10
    assert set(backbone.aliases) <= set(names)
    seen = Features(backbone, [*names, LOGITS])(image())
    assert set(seen) == {*names, LOGITS}
    for layer in layers:
        assert all(seen[n].shape[:2] == (1, layer.channels) for n in (layer.path, *layer.aliases))


def test_the_names_of_the_field_mean_what_they_mean_elsewhere(backbone):
    wanted = ALIASES.get(backbone.name, {})
    assert {alias: backbone.aliases[alias] for alias in wanted} == wanted


def test_sizes_are_those_of_an_image_as_large_as_the_tile(backbone):
    layers = list_layers(backbone)
    chosen = {layer.path: layer for layer in layers[:: len(layers) // 4]}
    seen = Features(backbone, chosen)(image(backbone.tile))
    for path, layer in chosen.items():
        assert tuple(seen[path].shape[2:]) == layer.size


def test_every_layer_has_a_gradient(backbone):
    """Where a network writes in place it must not spoil what was seen before."""
    layers = [layer.path for layer in list_layers(backbone)]
    for path in (layers[1], layers[len(layers) // 2], layers[-1]):
        start = image().requires_grad_()
        loss = Features(backbone, [path])(start)[path].square().mean()
        (grad,) = torch.autograd.grad(loss, start)
        assert torch.isfinite(grad).all()
        assert grad.abs().sum() > 0


class Net(nn.Module):
    """Counts how far it is run."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU(inplace=True)
        self.last = nn.Conv2d(4, 5, 1)
        self.runs = []

    def forward(self, images):
        maps = self.relu(self.conv(images))
        self.runs.append("first")
        logits = self.last(maps).mean(dim=(2, 3))
        self.runs.append("last")
        return logits


def small():
    torch.manual_seed(0)
    return Backbone(Net(), name="net", tile=16, colours=HALF, aliases={"deep": "last"})


def test_an_activation_is_as_its_module_gave_it():
    """conv is linear although the relu after it writes in place."""
    backbone = small()
    seen = Features(backbone, ["conv", "relu"])(image(16))
    expected = backbone.network.conv(image(16) * 2 - 1)
    torch.testing.assert_close(seen["conv"], expected)
    torch.testing.assert_close(seen["relu"], expected.clamp(min=0))
    assert (seen["conv"] < 0).any()


@pytest.mark.parametrize(
    ("names", "runs"),
    [(["conv"], []), (["conv", "deep"], ["first"]), (["deep", LOGITS], ["first", "last"])],
)
def test_the_network_runs_no_further_than_it_must(names, runs):
    backbone = small()
    features = Features(backbone, names)
    backbone.network.runs.clear()
    features(image(16))
    assert backbone.network.runs == runs


def test_looking_leaves_no_hooks_behind():
    backbone = small()
    Features(backbone, ["conv"])(image(16))
    list_layers(backbone)
    assert not any(module._forward_hooks for module in backbone.modules())


def test_an_unknown_layer_is_refused_with_a_suggestion():
    with pytest.raises(ConfigError, match=r"'conv1'.*Did you mean 'conv'.*--list-layers net"):
        Features(small(), ["conv1"])
