"""What the dream is drawn towards: terms that look at one network together.

An objective takes tiles (B, 3, h, w) in [0, 1] and gives one loss per tile, (B,); lower is better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from ldfilter.classes import parse_classes
from ldfilter.config import ObjectiveConfig
from ldfilter.dreaming.backbones import Backbone
from ldfilter.dreaming.features import Features, find_layers
from ldfilter.dreaming.terms import (
    ClassTerm,
    GuidedTerm,
    LayerTerm,
    Term,
    extreme_maps,
    guide_weights,
)
from ldfilter.errors import ConfigError
from ldfilter.image import fit_size, resize
from ldfilter.layers import LayerChoice, parse_layers, split_weight


class Objective(Protocol):
    """Tiles (B, 3, h, w) to losses (B,)."""

    def __call__(self, tiles: Tensor) -> Tensor: ...


class Dream(nn.Module):
    """The sum of `terms`, looked at in one pass of `backbone`; an `Objective`."""

    def __init__(self, backbone: Backbone, terms: Iterable[Term]) -> None:
        super().__init__()
        self.terms = tuple(terms)
        self.features = Features(backbone, [name for term in self.terms for name in term.names])

    def forward(self, tiles: Tensor) -> Tensor:
        seen = self.features(tiles)
        return torch.stack([term(seen) for term in self.terms]).sum(dim=0)

    def extra_repr(self) -> str:
        return ", ".join(map(repr, self.terms))


def gradient(objective: Objective, tiles: Tensor) -> Tensor:
    """The gradient of each tile's own loss with respect to the tile, (B, 3, h, w)."""
    with torch.enable_grad():
        tiles = tiles.detach().requires_grad_()
        (grad,) = torch.autograd.grad(objective(tiles).sum(), tiles)
    return grad


@dataclass(frozen=True, slots=True)
class Studio:
    """What building a term may need.

    Attributes:
        read: the image in a file, (1, 3, h, w) in [0, 1].
    """

    backbone: Backbone
    read: Callable[[str], Tensor]

    @torch.no_grad()
    def look(self, name: str, layers: tuple[LayerChoice, ...]) -> dict[str, Tensor]:
        """The activations of an image file that is shown as large as the network likes it."""
        image = self.read(name).to(self.backbone.mean)
        size = fit_size((image.shape[2], image.shape[3]), shorter=self.backbone.tile)
        return dict(Features(self.backbone, _names(layers))(resize(image, size)))


def _names(layers: tuple[LayerChoice, ...]) -> tuple[str, ...]:
    return tuple(layer.name for layer in layers)


def class_term(config: ObjectiveConfig, studio: Studio) -> Term | None:
    """The classes asked for."""
    if not config.classes:
        return None
    found = parse_classes(config.classes)
    return ClassTerm(tuple((each.index, weight) for each, weight in found), config.forms)


def layer_term(config: ObjectiveConfig, studio: Studio) -> Term | None:
    """The layers and channels asked for."""
    layers = parse_layers(config.layers)
    for choice, layer in zip(layers, find_layers(studio.backbone, _names(layers)), strict=True):
        if any(channel >= layer.channels for channel in choice.channels):
            raise ConfigError(
                f"{choice.name} has channels 0 to {layer.channels - 1}, not {max(choice.channels)}."
            )
    return LayerTerm(layers) if layers else None


def guided_term(config: ObjectiveConfig, studio: Studio) -> Term | None:
    """The guide images; the maps of several are averaged by the guides' weights."""
    guided = config.guided
    if not guided.images:
        return None
    layers = _wanted("guided", guided.layers)
    guides = [split_weight(text, what="guide") for text in guided.images]
    shown = [studio.look(name, layers) for name, _ in guides]
    total = sum(weight for _, weight in guides)
    maps = {
        layer.name: torch.stack(
            [
                w / total * guide_weights(s[layer.name])
                for (_, w), s in zip(guides, shown, strict=True)
            ]
        ).sum(dim=0)
        for layer in layers
    }
    return GuidedTerm(guided.weight, layers, maps)


def extreme_term(config: ObjectiveConfig, studio: Studio) -> Term | None:
    """The most or least active maps over a set of images."""
    extremes = config.extremes
    if not extremes.images:
        return None
    layers = _wanted("extremes", extremes.layers)
    shown = [studio.look(name, layers) for name in extremes.images]
    return LayerTerm(
        tuple(
            LayerChoice(
                layer.name,
                extreme_maps(
                    (each[layer.name] for each in shown),
                    count=extremes.count,
                    which=extremes.which,
                ),
                extremes.weight * layer.weight,
            )
            for layer in layers
        )
    )


OBJECTIVES: dict[str, Callable[[ObjectiveConfig, Studio], Term | None]] = {
    "classes": class_term,
    "layers": layer_term,
    "guided": guided_term,
    "extremes": extreme_term,
}
"""Every kind of term, made from the config; None where the config does not ask for it."""


def build_objective(
    config: ObjectiveConfig, backbone: Backbone, *, read: Callable[[str], Tensor]
) -> Dream:
    """The objective that `config` describes.

    Args:
        read: the image in a file, (1, 3, h, w) in [0, 1].

    Raises:
        ConfigError: nothing is asked for, or a class or layer does not exist.
    """
    studio = Studio(backbone, read)
    terms = [term for make in OBJECTIVES.values() if (term := make(config, studio)) is not None]
    if not terms:
        raise ConfigError(
            "there is nothing to dream of: give objective.classes, objective.layers, "
            "objective.guided.images or objective.extremes.images."
        )
    return Dream(backbone, terms)


def _wanted(section: str, texts: tuple[str, ...]) -> tuple[LayerChoice, ...]:
    layers = parse_layers(texts)
    picked = [layer.name for layer in layers if layer.channels]
    if not layers or picked:
        raise ConfigError(
            f"objective.{section}.layers must name layers without channels, not "
            f"{', '.join(picked) or 'nothing'}: the images choose the channels."
        )
    return layers
