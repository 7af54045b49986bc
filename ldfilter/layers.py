"""Names of layers with hand-picked channels and a weight, as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ldfilter.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LayerChoice:
    """Maps of a layer, and how much they count.

    Attributes:
        name: a module path or an alias.
        channels: which maps; () = all.
        weight: below 0 the maps are made quiet.
    """

    name: str
    channels: tuple[int, ...] = ()
    weight: float = 1.0


def parse_layers(texts: Iterable[str]) -> tuple[LayerChoice, ...]:
    """Layers from texts like "mixed4c", "mixed4c:0.5" or "conv4_2[3, 17]:-1".

    Raises:
        ConfigError: a text that does not read so.
    """
    return tuple(_parse_layer(text) for text in texts)


def _parse_layer(text: str) -> LayerChoice:
    name, weight = split_weight(text, what="layer")
    found = re.fullmatch(r"([^\[\]]+?)\s*(?:\[([\d,\s]*\d[\d,\s]*)\])?", name.strip())
    if found is None:
        raise ConfigError(
            f"a layer is written NAME, NAME[3, 17] for channels 3 and 17, or NAME:WEIGHT, "
            f"not {text!r}."
        )
    channels = tuple(int(number) for number in (found[2] or "").replace(",", " ").split())
    return LayerChoice(found[1], channels, weight)


SCHEMES = ("file", "sample", "style")
"""Before a colon these begin a name."""


def split_weight(text: str, *, what: str) -> tuple[str, float]:
    """NAME and the number of NAME:WEIGHT; 1 where no weight is given.

    A colon before a slash belongs to a path or an address, and that of style:night to the name.

    Raises:
        ConfigError: the weight is not a number.
    """
    name, colon, weight = text.rpartition(":")
    if not colon or re.search(r"[/\\\]]", weight) or name in SCHEMES:
        return text, 1.0
    try:
        value = float(weight)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or not name:
        raise ConfigError(f"the weight of {what} {text!r} must be a number, not {weight!r}.")
    return name, value
