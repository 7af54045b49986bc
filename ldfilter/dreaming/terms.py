"""The parts of an objective: losses on what a network shows of a batch of tiles.

Lower is better; the sign is turned once, in here. A term gives one loss per tile, (B,), so that no
tile depends on which others share its batch, and is free of a scale, so that the weights of terms
mean the same on any layer of any network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ldfilter.dreaming.features import LOGITS
from ldfilter.layers import LayerChoice

EPSILON = 1e-12


@dataclass(frozen=True, slots=True)
class Needs:
    """Which layers a term looks at, by name; `LOGITS` for the network's output.

    Attributes:
        tiles: of the tiles themselves.
        content: of the source at the same place.
        whole: of the whole picture, as Gram matrices.
    """

    tiles: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What a tile cannot know about the picture it is a part of.

    Attributes:
        grams: by layer, (1, C, C).
        share: the part of the picture that one tile is, 0 to 1.
    """

    grams: Mapping[str, Tensor]
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the network shows of a batch of tiles: by layer (B, C, h, w); logits (B, 1000).

    Attributes:
        tiles: of the tiles.
        content: of the source at the same place, without a gradient.
        began: Gram matrices (B, C, C) of the tiles before their first update.
    """

    tiles: Mapping[str, Tensor]
    content: Mapping[str, Tensor]
    survey: Survey
    began: Mapping[str, Tensor]


class Term(Protocol):
    """One part of an objective."""

    @property
    def needs(self) -> Needs:
        """What it looks at."""

    def __call__(self, seen: Seen) -> Tensor:
        """Its losses, (B,)."""


def squared(logits: Tensor, index: int) -> Tensor:
    """-F_c^2 (LucidDream, section 2). Where the logit is negative it falls further."""
    return -logits[:, index].square()


def signed_square(logits: Tensor, index: int) -> Tensor:
    """-F_c |F_c|. Differs from LucidDream's square only where the logit is negative: it rises."""
    return -logits[:, index] * logits[:, index].abs()


def logit(logits: Tensor, index: int) -> Tensor:
    """-F_c."""
    return -logits[:, index]


def log_probability(logits: Tensor, index: int) -> Tensor:
    """-log p_c: also pushes down the classes that compete with c."""
    return -logits.log_softmax(dim=1)[:, index]


FORMS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "squared": squared,
    "signed-square": signed_square,
    "logit": logit,
    "log-probability": log_probability,
}


@dataclass(frozen=True, slots=True)
class ClassTerm:
    """A weighted sum over classes and forms of the class loss.

    Attributes:
        classes: (ImageNet index, weight) pairs.
        forms: names of `FORMS` with weights.
    """

    classes: tuple[tuple[int, float], ...]
    forms: Mapping[str, float]

    @property
    def needs(self) -> Needs:
        return Needs(tiles=(LOGITS,))

    def __call__(self, seen: Seen) -> Tensor:
        losses = [
            class_weight * form_weight * FORMS[form](seen.tiles[LOGITS], index)
            for index, class_weight in self.classes
            for form, form_weight in self.forms.items()
        ]
        return torch.stack(losses).sum(dim=0)


@dataclass(frozen=True, slots=True)
class LayerTerm:
    """-log of the mean square of the chosen maps, summed over layers (DeepDream; Video DeepDream).

    Differs: the documents take the square itself. Of one layer the logarithm has the same direction
    on every tile; of several, whose squares may be a thousand times apart, none drowns the others.
    """

    layers: tuple[LayerChoice, ...]

    @property
    def needs(self) -> Needs:
        return Needs(tiles=names(self.layers))

    def __call__(self, seen: Seen) -> Tensor:
        losses = [
            -layer.weight * _log(_squares(seen.tiles[layer.name])[:, _index(layer)].mean(dim=1))
            for layer in self.layers
        ]
        return torch.stack(losses).sum(dim=0)


@dataclass(frozen=True, slots=True, eq=False)
class GuidedTerm:
    """`LayerTerm` with every map weighted by how much guide images rouse it (Guided Dreams).

    Attributes:
        weight: of the whole term.
        maps: for every layer the weights of its maps, (C,), of sum 1.
    """

    weight: float
    layers: tuple[LayerChoice, ...]
    maps: Mapping[str, Tensor]

    @property
    def needs(self) -> Needs:
        return Needs(tiles=names(self.layers))

    def __call__(self, seen: Seen) -> Tensor:
        losses = [
            -layer.weight * _log(_squares(seen.tiles[layer.name]) @ self.maps[layer.name])
            for layer in self.layers
        ]
        return self.weight * torch.stack(losses).sum(dim=0)


@dataclass(frozen=True, slots=True, eq=False)
class ContentTerm:
    """The squared distance to the source's activations, over their square (Style, eq. 1).

    Differs: relative, where the paper halves the sum, so that its weight means the same anywhere.
    """

    weight: float
    layers: tuple[LayerChoice, ...]

    @property
    def needs(self) -> Needs:
        return Needs(tiles=names(self.layers), content=names(self.layers))

    def __call__(self, seen: Seen) -> Tensor:
        losses = []
        for layer in self.layers:
            wanted = seen.content[layer.name]
            off = (seen.tiles[layer.name] - wanted).square().mean(dim=(1, 2, 3))
            losses.append(layer.weight * off / (wanted.square().mean(dim=(1, 2, 3)) + EPSILON))
        return self.weight * torch.stack(losses).sum(dim=0)


@dataclass(frozen=True, slots=True, eq=False)
class StyleTerm:
    """The squared distance of Gram matrices to those of style images, over their square (Style,
    eq. 2), of the whole picture.

    The picture's matrix is known from before the update, and changes by the tile's share of what
    the tile's own has changed since: the exact loss and gradient while the others stand still. So
    a plain sky need not hold all of a style. Differs: relative, where the paper divides by the
    sizes of the maps.

    Attributes:
        weight: of the whole term.
        grams: for every layer the matrix wanted, (C, C).
    """

    weight: float
    layers: tuple[LayerChoice, ...]
    grams: Mapping[str, Tensor]

    @property
    def needs(self) -> Needs:
        return Needs(tiles=names(self.layers), whole=names(self.layers))

    def __call__(self, seen: Seen) -> Tensor:
        losses = []
        share = seen.survey.share
        for layer in self.layers:
            wanted = self.grams[layer.name]
            own = gram(seen.tiles[layer.name])
            mixed = seen.survey.grams[layer.name] + share * (own - seen.began[layer.name])
            # Over the share: a step of the tile must not become small because the picture is large.
            off = (mixed - wanted).square().sum(dim=(1, 2)) / share
            losses.append(layer.weight * off / (wanted.square().sum() + EPSILON))
        return self.weight * torch.stack(losses).sum(dim=0)


def gram(activations: Tensor) -> Tensor:
    """Products of maps, mean over the places: (B, C, h, w) to (B, C, C)."""
    flat = activations.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def names(layers: Iterable[LayerChoice]) -> tuple[str, ...]:
    """Of layers, in order."""
    return tuple(layer.name for layer in layers)


def guide_weights(activations: Tensor) -> Tensor:
    """The normalised sum of activation of every map, (1, C, h, w) to (C,).

    Sums are clamped at 0: some layers are linear, and a sum may be negative.
    """
    sums = activations.sum(dim=(0, 2, 3)).clamp_min(0)
    return sums / (sums.sum() + EPSILON)


def extreme_maps(activations: Iterable[Tensor], *, count: int, which: str) -> tuple[int, ...]:
    """The `count` "most" or "least" active maps over a set of images, each (1, C, h, w)."""
    means = torch.stack([each.mean(dim=(0, 2, 3)) for each in activations]).mean(dim=0)
    order = means.argsort(descending=which == "most")
    return tuple(sorted(order[:count].tolist()))


def _squares(activation: Tensor) -> Tensor:
    """The mean square of every map, (B, C)."""
    return activation.square().mean(dim=(2, 3))


def _index(layer: LayerChoice) -> list[int] | slice:
    return list(layer.channels) or slice(None)


def _log(value: Tensor) -> Tensor:
    return (value + EPSILON).log()
