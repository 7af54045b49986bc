"""What a backbone shows inside: its layers by name, and the activations of some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ldfilter.dreaming.backbones import Backbone, ghost
from ldfilter.errors import ConfigError, suggestion

LOGITS = "logits"
"""The name of a backbone's output, in place of a layer."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that gives maps.

    Attributes:
        path: of the module.
        aliases: other names of it.
        channels: how many maps.
        size: (h, w) of a map for an image of the backbone's tile.
    """

    path: str
    aliases: tuple[str, ...]
    channels: int
    size: tuple[int, int]


class _Seen(Exception):
    """All wanted layers have been seen; the rest of the network need not run."""


class Features(nn.Module):
    """The activations of chosen layers, in one pass that ends at the last of them.

    Convention: an activation is taken as its module gives it, before anything after it may
    overwrite it: conv4_2 has negative values, relu4_2 has none. A module that runs several times,
    like the one relu of a residual block, is looked at when it runs first.

    Args:
        backbone: is left as it is.
        names: module paths, aliases, or `LOGITS`.

    Raises:
        ConfigError: the backbone has no such layer, or one that gives no maps.
    """

    def __init__(self, backbone: Backbone, names: Iterable[str]) -> None:
        super().__init__()
        self.backbone = backbone
        self.names = tuple(dict.fromkeys(names))
        inner = [name for name in self.names if name != LOGITS]
        self.layers = dict(zip(inner, find_layers(backbone, inner), strict=True))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Images (B, 3, h, w) in [0, 1] to {name: (B, C, h', w')}; logits are (B, 1000)."""
        if not self.names:
            return {}
        if not self.layers:
            return {LOGITS: self.backbone(images)}
        seen: dict[str, Tensor] = {}
        paths = {layer.path for layer in self.layers.values()}
        whole = LOGITS in self.names

        def look(path: str, output: Tensor) -> Tensor:
            seen.setdefault(path, output)
            if not whole and len(seen) == len(paths):
                raise _Seen
            return output.clone()  # what follows may write in place

        with _hooked(self.backbone.network, paths, look):
            try:
                logits = self.backbone(images)
            except _Seen:
                logits = None
        found = {name: seen[layer.path] for name, layer in self.layers.items()}
        return {**found, LOGITS: logits} if whole else found


def list_layers(backbone: Backbone) -> list[Layer]:
    """All layers of a backbone that give maps, in the order in which they are computed."""
    if backbone not in _LISTED:
        _LISTED[backbone] = _list_layers(backbone)
    return _LISTED[backbone]


_LISTED: WeakKeyDictionary[Backbone, list[Layer]] = WeakKeyDictionary()
"""A frozen network's layers do not change, and a pass over a network takes its time."""


def _list_layers(backbone: Backbone) -> list[Layer]:
    tile = backbone.tile
    shapes = _shapes(backbone, (tile, tile))
    try:
        taller, wider = _shapes(backbone, (2 * tile, tile)), _shapes(backbone, (tile, 2 * tile))
    except Exception:  # whatever a network does to a size that it does not take
        taller = wider = shapes
    modules = dict(backbone.network.named_modules())
    maps = {
        path
        for path, shape in shapes.items()
        if _gives_maps(modules[path], shape, taller.get(path), wider.get(path))
    }
    return [
        Layer(
            path,
            tuple(alias for alias, target in backbone.aliases.items() if target == path),
            channels=shape[1],
            size=(shape[2], shape[3]),
        )
        for path, shape in shapes.items()
        if path in maps
    ]


MAPS: tuple[type[nn.Module], ...] = (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d)
MAPS += (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
"""What gives maps (B, C, h, w) for certain."""


def _gives_maps(
    module: nn.Module, shape: torch.Size, taller: torch.Size | None, wider: torch.Size | None
) -> bool:
    """Whether outputs are (1, C, h, w): h alone grows with a taller image, w with a wider one.

    Tokens, attention and channels that come last do not. Where nothing grows the module must be
    one that knows no other order, or pool all places to one.
    """
    if shape[0] != 1 or taller is None or wider is None:
        return False
    if shape == taller == wider:
        return isinstance(module, MAPS) or shape[2:] == (1, 1)
    h, w = shape[2:]
    return (
        (*taller[:2], taller[3]) == (*shape[:2], w)
        and wider[:3] == shape[:3]
        and taller[2] > h
        and wider[3] > w
    )


def _shapes(backbone: Backbone, size: tuple[int, int]) -> dict[str, torch.Size]:
    """The shapes of all that has four axes, by module path, for an image of (h, w)."""
    network = backbone.network
    shapes: dict[str, torch.Size] = {}

    def look(path: str, output: object) -> None:
        if isinstance(output, Tensor) and output.dim() == 4:
            shapes.setdefault(path, output.shape)

    image = torch.empty(1, 3, *size, device="meta")
    with _hooked(network, {path for path, _ in network.named_modules() if path}, look):
        functional_call(network, ghost(network), (image,))
    return shapes


def find_layers(backbone: Backbone, names: Iterable[str]) -> list[Layer]:
    """The layers of these names.

    Raises:
        ConfigError: the backbone has no such layer, or one that gives no maps.
    """
    names = list(names)
    if not names:
        return []
    layers = list_layers(backbone)
    table = {name: layer for layer in layers for name in (layer.path, *layer.aliases)}
    for name in names:
        if name not in table:
            raise ConfigError(
                f"{backbone.name} has no layer {name!r} that gives maps."
                f"{suggestion(name, table)} --list-layers {backbone.name} shows them."
            )
    return [table[name] for name in names]


@contextmanager
def _hooked(
    network: nn.Module, paths: Iterable[str], look: Callable[[str, Any], Any]
) -> Iterator[None]:
    """Within the block `look(path, output)` is called after every module of `paths`."""
    with ExitStack() as stack:
        for path in paths:
            module = network.get_submodule(path)
            handle = module.register_forward_hook(
                lambda _module, _inputs, output, path=path: look(path, output)
            )
            stack.callback(handle.remove)
        yield
