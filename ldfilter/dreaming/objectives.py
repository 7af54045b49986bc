"""What the dream is drawn towards: terms that look at one network together.

An objective takes tiles (B, 3, h, w) in [0, 1] and gives one loss per tile, (B,); lower is better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from ldfilter.classes import parse_classes
from ldfilter.config import ObjectiveConfig
from ldfilter.dreaming.backbones import Backbone
from ldfilter.dreaming.features import LOGITS, Features, find_layers
from ldfilter.dreaming.terms import (
    ClassTerm,
    ContentTerm,
    GuidedTerm,
    LayerTerm,
    Seen,
    StyleTerm,
    Survey,
    Term,
    extreme_maps,
    gram,
    guide_weights,
    names,
)
from ldfilter.dreaming.tiles import cover_tiles
from ldfilter.errors import ConfigError
from ldfilter.image import cover, fit_size, resize
from ldfilter.layers import LayerChoice, parse_layers, split_weight

CLASSES = 1000
"""Of ImageNet."""


class Loss(Protocol):
    """Tiles (B, 3, h, w) to losses (B,)."""

    def __call__(self, tiles: Tensor) -> Tensor: ...


class Objective(Protocol):
    """What is wanted, anywhere in a picture."""

    def survey(self, image: Tensor, *, tile: int) -> Survey:
        """What tiles of side `tile` have to know about the whole `image`, (1, 3, h, w)."""

    def at(self, tiles: Tensor, content: Tensor, survey: Survey) -> Loss:
        """The loss of tiles that begin as `tiles` and lie where `content` of the source does, both
        (B, 3, h, w)."""


class Dream(nn.Module):
    """The sum of `terms`, looked at in one pass of `backbone`; an `Objective`."""

    def __init__(self, backbone: Backbone, terms: Iterable[Term]) -> None:
        super().__init__()
        self.terms = tuple(terms)
        needs = [term.needs for term in self.terms]
        self.features = Features(backbone, [name for need in needs for name in need.tiles])
        self.content = Features(backbone, [name for need in needs for name in need.content])
        self.whole = Features(backbone, [name for need in needs for name in need.whole])

    @torch.no_grad()
    def survey(self, image: Tensor, *, tile: int) -> Survey:
        """See `Objective`. Gram matrices are averaged over tiles, one after the other, so that
        memory does not grow with the picture."""
        share = min(1.0, tile**2 / (image.shape[2] * image.shape[3]))
        if not self.whole.names:
            return Survey({}, share)
        grams = [self._grams(part) for part in cover_tiles(image, tile)]
        return Survey({n: torch.stack([g[n] for g in grams]).mean(0) for n in grams[0]}, share)

    def _grams(self, tiles: Tensor) -> dict[str, Tensor]:
        return {name: gram(maps) for name, maps in self.whole(tiles).items()}

    @torch.no_grad()
    def at(
        self,
        tiles: Tensor,
        content: Tensor,
        survey: Survey,
        *,
        weights: tuple[float, ...] | None = None,
    ) -> Loss:
        """See `Objective`; with a weight for every term where those are not all 1."""
        began = self._grams(tiles)
        return partial(self, content=content, survey=survey, began=began, weights=weights)

    @torch.no_grad()
    def alone(self, tiles: Tensor, content: Tensor) -> Loss:
        """The loss of tiles that are whole pictures, each with a survey of its own."""
        grams = self._grams(tiles)
        return partial(self, content=content, survey=Survey(grams, 1.0), began=grams)

    def weighted(self, weights: Sequence[float]) -> Objective:
        """The same with a weight on every term, for as long as a change fades in."""
        return _Weighted(self, tuple(weights))

    def forward(
        self,
        tiles: Tensor,
        *,
        content: Tensor,
        survey: Survey,
        began: Mapping[str, Tensor],
        weights: tuple[float, ...] | None = None,
    ) -> Tensor:
        size = (tiles.shape[2], tiles.shape[3])
        with torch.no_grad():
            source = self.content(resize(content, size)) if self.content.names else {}
        seen = Seen(self.features(tiles), source, survey, began)
        losses = torch.stack([term(seen) for term in self.terms])
        if weights is not None:
            losses = losses * losses.new_tensor(weights).unsqueeze(1)
        return losses.sum(dim=0)

    def extra_repr(self) -> str:
        return ", ".join(map(repr, self.terms))


@dataclass(frozen=True, slots=True)
class _Weighted:
    dream: Dream
    weights: tuple[float, ...]

    def survey(self, image: Tensor, *, tile: int) -> Survey:
        return self.dream.survey(image, tile=tile)

    def at(self, tiles: Tensor, content: Tensor, survey: Survey) -> Loss:
        return self.dream.at(tiles, content, survey, weights=self.weights)


def gradient(objective: Loss, tiles: Tensor) -> Tensor:
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
    def look(
        self, name: str, layers: tuple[LayerChoice, ...], *, shorter: int = 0
    ) -> dict[str, Tensor]:
        """The activations of an image file.

        Args:
            shorter: side at which it is shown, px; 0 = as large as the network likes it. A
                network of a fixed size sees the middle of it.
        """
        tile = self.backbone.tile
        image = self.read(name).to(self.backbone.mean)
        if self.backbone.fixed_size:
            shown = cover(image, (tile, tile))
        else:
            size = fit_size((image.shape[2], image.shape[3]), shorter=shorter or tile)
            shown = resize(image, size)
        return dict(Features(self.backbone, names(layers))(shown))


def class_term(config: ObjectiveConfig, studio: Studio) -> Term | None:
    """The classes asked for."""
    if not config.classes:
        return None
    found = parse_classes(config.classes)
    classes = studio.backbone.classes
    if classes != CLASSES:
        raise ConfigError(
            f"{studio.backbone.name} knows {classes} classes, not ImageNet's {CLASSES}; take "
            "another network, or dream layers, guides or styles with it."
        )
    return ClassTerm(tuple((each.index, weight) for each, weight in found), config.forms)


def layer_term(config: ObjectiveConfig, studio: Studio) -> Term | None:
    """The layers and channels asked for."""
    layers = parse_layers(config.layers)
    for choice, layer in zip(layers, find_layers(studio.backbone, names(layers)), strict=True):
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
    if any(weight < 0 for _, weight in guides):
        raise ConfigError(
            "the weight of a guide must be at least 0; objective.guided.weight below 0 quietens "
            "what all guides show."
        )
    shown = [studio.look(name, layers) for name, _ in guides]
    weights = [weight for _, weight in guides]
    maps = {
        name: _mean([guide_weights(each[name]) for each in shown], weights)
        for name in names(layers)
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


def content_term(config: ObjectiveConfig, studio: Studio) -> Term | None:
    """Closeness to the source, in the eyes of the network."""
    content = config.content
    if not content.weight:
        return None
    return ContentTerm(content.weight, _wanted("content", content.layers))


def style_term(config: ObjectiveConfig, studio: Studio) -> Term | None:
    """The style images; the Gram matrices of several are averaged by the images' weights."""
    style = config.style
    if not style.images:
        return None
    layers = _wanted("style", style.layers)
    images = [split_weight(text, what="style") for text in style.images]
    shown = [studio.look(name, layers, shorter=style.size) for name, _ in images]
    weights = [weight for _, weight in images]
    grams = {
        name: _mean([gram(each[name])[0] for each in shown], weights) for name in names(layers)
    }
    return StyleTerm(style.weight, layers, grams)


def _mean(values: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """The weighted mean.

    Raises:
        ConfigError: the weights add up to nothing.
    """
    total = sum(weights)
    if total <= 0:
        raise ConfigError(f"the weights of images must add up to more than 0, not {total:g}.")
    return torch.stack([w / total * v for v, w in zip(values, weights, strict=True)]).sum(dim=0)


OBJECTIVES: dict[str, Callable[[ObjectiveConfig, Studio], Term | None]] = {
    "classes": class_term,
    "layers": layer_term,
    "guided": guided_term,
    "extremes": extreme_term,
    "content": content_term,
    "style": style_term,
}
"""Every kind of term, made from the config; None where the config does not ask for it."""


def build_terms(
    config: ObjectiveConfig, backbone: Backbone, *, read: Callable[[str], Tensor]
) -> tuple[Term, ...]:
    """The terms that `config` describes.

    Args:
        read: the image in a file, (1, 3, h, w) in [0, 1].

    Raises:
        ConfigError: nothing is asked for, or a class or layer does not exist.
    """
    studio = Studio(backbone, read)
    terms = [term for make in OBJECTIVES.values() if (term := make(config, studio)) is not None]
    if not terms:
        raise ConfigError(
            "there is nothing to dream of: give objective.classes, objective.layers, or images for "
            "objective.guided, objective.extremes or objective.style."
        )
    return tuple(terms)


def _wanted(section: str, texts: tuple[str, ...]) -> tuple[LayerChoice, ...]:
    layers = parse_layers(texts)
    picked = [layer.name for layer in layers if layer.channels]
    if not layers:
        raise ConfigError(
            f"objective.{section}.layers names no layer; take a preset that does (-p guided, "
            f"-p style), or say --set objective.{section}.layers=LAYER."
        )
    if picked or LOGITS in names(layers):
        raise ConfigError(
            f"objective.{section}.layers must name layers without channels, not "
            f"{', '.join(picked) or LOGITS}: the images choose the channels."
        )
    return layers
