"""What a look is made of: a tree of frozen dataclasses, made from tables and overrides.

Defaults live once, in the fields, with unit and help; presets, the command line and a web page
read the fields. Imports no torch.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, get_type_hints

from ldfilter.errors import ConfigError, suggestion
from ldfilter.option import option, parse_value

GRADIENTS = ("raw", "blur", "laplacian")
OPTIMIZERS = ("adam", "normalized")
BACKBONES = (
    "efficientnet-lite0",
    "efficientnet-lite1",
    "efficientnet-lite2",
    "vgg16",
    "vgg19",
    "googlenet",
    "inception-v3",
    "resnet50",
    "mobilenet-v2",
    "timm:NAME",
)
FLOWS = ("dis", "farneback", "deepflow", "raft", "raft-small")
FORMS = ("signed-square", "squared", "logit", "log-probability")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidedConfig:
    """Images whose own activations say which maps are dreamed (Guided Dreams)."""

    images: tuple[str, ...] = option((), "guide images, each FILE or FILE:WEIGHT", least=0)
    layers: tuple[str, ...] = option((), "where they guide, each LAYER or LAYER:WEIGHT", least=0)
    weight: float = option(1.0, "of the guides beside the other objectives")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtremesConfig:
    """The maps that a set of images rouses most or least (Guided Dreams)."""

    images: tuple[str, ...] = option((), "the set of image files", least=0)
    layers: tuple[str, ...] = option((), "where to look, each LAYER or LAYER:WEIGHT", least=0)
    count: int = option(10, "how many maps of each layer", minimum=1)
    which: str = option("most", "active maps to take", choices=("most", "least"))
    weight: float = option(1.0, "of these maps beside the other objectives; below 0 quietens them")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentConfig:
    """How much of the source the network must still see in the result (style transfer)."""

    layers: tuple[str, ...] = option((), "where to compare, each LAYER or LAYER:WEIGHT", least=0)
    weight: float = option(0.0, "of the content beside the other objectives", minimum=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleConfig:
    """Images whose Gram matrices the result shall have (style transfer for video)."""

    images: tuple[str, ...] = option((), "style images, each FILE or FILE:WEIGHT", least=0)
    layers: tuple[str, ...] = option((), "where to compare, each LAYER or LAYER:WEIGHT", least=0)
    weight: float = option(1.0, "of the style beside the other objectives", minimum=0)
    size: int = option(
        448, "shorter side at which a style image is shown; larger strokes", unit="px", minimum=32
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveConfig:
    """What the dream is drawn towards; everything that is given adds up."""

    classes: tuple[str, ...] = option(
        ("starfish",),
        "ImageNet classes, each NAME or NAME:WEIGHT; names, indices or WordNet ids",
        least=0,
    )
    forms: dict[str, float] = option(
        {"log-probability": 1.0, "logit": 0.3},
        "forms of the class loss with their weights",
        choices=FORMS,
    )
    layers: tuple[str, ...] = option(
        (), "layers, each NAME, NAME:WEIGHT or NAME[3, 17] for hand-picked channels", least=0
    )
    guided: GuidedConfig = GuidedConfig()
    extremes: ExtremesConfig = ExtremesConfig()
    content: ContentConfig = ContentConfig()
    style: StyleConfig = StyleConfig()


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """The frozen network whose gradient draws the dream, and where it runs."""

    backbone: str = option("efficientnet-lite0", "name of the network", choices=BACKBONES)
    weights: str = option(
        "", "folder with downloaded weight files; 'random' runs an untrained network, for timing"
    )
    student: str = option(
        "", "file of a student, from ldfilter-distill, that dreams in the network's place"
    )
    device: str = option("auto", "where to compute", choices=("auto", "cpu", "cuda", "mps"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How much work one kind of frame gets."""

    octaves: tuple[float, ...] = option(
        (1.0,), "sizes to dream at, relative to the work size", minimum=0.05, maximum=2
    )
    origins: int = option(4, "random tile origins per octave", minimum=0)
    updates: int = option(3, "updates of the tiles of each origin", minimum=1)
    step: float = option(0.008, "mean size of one update", unit="of the range 0 to 1", minimum=0)
    settle: float = option(
        1.0, "step at the last origin of an octave over that at the first", minimum=0, maximum=1
    )
    fine: float = option(
        0.4, "weight of the finest detail in an update, with gradient = laplacian", minimum=0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DreamConfig:
    """How a frame is optimised."""

    first: Schedule = Schedule(octaves=(0.5, 0.75, 1.0), origins=10, updates=3)
    fill: Schedule = Schedule(octaves=(0.5, 1.0), origins=1, updates=3, step=0.01)
    later: Schedule = Schedule(octaves=(1.0,), origins=3, updates=2, fine=0.8)
    gradient: str = option("laplacian", "treatment of the gradient", choices=GRADIENTS)
    chroma: float = option(
        0.6, "colour of an update; 0 keeps the colours of the source", minimum=0, maximum=1
    )
    start: str = option(
        "content", "what a shot's first frame is dreamed from: content, noise, or an image file"
    )
    optimizer: str = option("normalized", "how a gradient becomes an update", choices=OPTIMIZERS)
    jitter: float = option(
        0.25,
        "random change of scale between picture and network, new for every update",
        minimum=0,
        maximum=0.5,
    )
    sampling: str = option(
        "low-discrepancy",
        "how tile origins are drawn",
        choices=("uniform", "low-discrepancy"),
    )
    feather: int = option(
        16, "width of the soft border of a tile's update, against seams", unit="px", minimum=0
    )
    chunk: int = option(8, "tiles per network call; fewer need less memory", minimum=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalConfig:
    """How a frame is held to the frames before it (METHOD: temporal consistency).

    alpha, short, long and trail are LucidDream's alpha, beta, gamma and delta; only their ratios
    to alpha matter.
    """

    alpha: float = option(10000.0, "weight of the objective", minimum=0.001)
    short: float = option(0.0, "weight of the short-term loss, beta", minimum=0)
    long: float = option(0.0, "weight of the long-term loss, gamma", minimum=0)
    trail: float = option(0.0, "weight of the trail loss, delta", minimum=0)
    offsets: tuple[int, ...] = option(
        (1, 2, 4, 8, 16, 32), "how many frames back the long-term loss looks", minimum=1, maximum=32
    )
    term: str = option("proximal", "how the quadratic terms act", choices=("proximal", "gradient"))
    carry: str = option("residual", "what is warped onto a frame", choices=("residual", "image"))
    start: str = option(
        "claimed",
        "where a frame starts: its content, its content plus the claimed dream, "
        "or the warped previous dream",
        choices=("content", "claimed", "warped"),
    )
    blend: float = option(
        0.0,
        "opacity of the previous result over the content a frame starts from; 0 = off",
        minimum=0,
        maximum=1,
    )
    blend_warped: bool = option(True, "bring the blended result along the flow")
    trail_normalized: bool = option(
        False, "divide the trail loss by the number of consistent pixels, as the paper does"
    )
    governor: bool = option(True, "hold the strength of a shot at that of its first frame")
    fade: float = option(
        0.94,
        "the least the governor leaves of a dream from one frame to the next; trails last longer "
        "near 1",
        minimum=0,
        maximum=1,
    )
    memory: str = option("clip", "what a new shot may remember", choices=("clip", "shot"))

    @property
    def active(self) -> bool:
        """Whether the past counts; where it does not, every frame is dreamed alone."""
        return self.blend > 0 or self.short > 0 or self.long > 0 or self.trail > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionConfig:
    """How motion between frames is estimated."""

    flow: str = option("dis", "optical flow method", choices=FLOWS)
    scale: float = option(
        0.5, "size at which flow is computed, relative to the work size", minimum=0.1, maximum=1
    )
    noise: float = option(
        2.0,
        "where two frames differ by less than this many times the noise, nothing moved; 0 = off",
        minimum=0,
    )
    tolerance: float = option(
        8.0,
        "where the older frame, brought along the flow, differs by less than this, the flow is "
        "trusted even if the flow back disagrees; 0 = the published masks",
        unit="grey levels",
        minimum=0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PassesConfig:
    """Several passes over every shot, forwards and backwards in turn (Style for videos, 3.4)."""

    count: int = option(
        1, "how often every shot is dreamed; more than once needs a file", minimum=1, maximum=100
    )
    blend: float = option(
        0.5,
        "opacity of the neighbour's new result, brought along the flow, over the last pass's",
        minimum=0,
        maximum=1,
    )
    alone: int = option(3, "how many passes go without the temporal terms", minimum=0)
    start: str = option(
        "result",
        "what is blended and dreamed on: the last pass's result, or new noise",
        choices=("result", "noise"),
    )
    later: Schedule = Schedule(octaves=(1.0,), origins=3, updates=2, fine=0.8)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleConfig:
    """How the dream changes while it runs."""

    changes: tuple[str, ...] = option(
        (), 'such as "0s: jellyfish, 4s: snail", or "shot: jellyfish, shot: snail"', least=0
    )
    fade: float = option(1.0, "how long a change takes to fade in", unit="s", minimum=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputConfig:
    """How the dream is laid over the source."""

    work_height: int = option(
        0, "dream at this height and add the upsampled dream; 0 = full size", unit="px", minimum=0
    )
    strength: float = option(1.0, "gain on the dream as it is written; 0 gives the source")
    matte: str = option(
        "", "dream only where this picture or video is white; alpha = the source's own alpha"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that decides what a run computes. See the sections."""

    about: str = option("", "one line on what the look does")
    seed: int = option(0, "random seed; the same seed gives the same dream")
    effort: float = option(
        1.0, "multiplies the number of origins of every kind, at least 1 each", minimum=0.01
    )
    objective: ObjectiveConfig = ObjectiveConfig()
    network: NetworkConfig = NetworkConfig()
    dream: DreamConfig = DreamConfig()
    temporal: TemporalConfig = TemporalConfig()
    motion: MotionConfig = MotionConfig()
    passes: PassesConfig = PassesConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    output: OutputConfig = OutputConfig()


def from_mapping(tree: Mapping[str, Any]) -> Config:
    """A config from nested tables, as TOML gives them; absent keys keep their defaults."""
    config: Config = _update(Config(), tree, path="")
    return config


def to_mapping(config: Any) -> dict[str, Any]:
    """The nested tables of a config; `from_mapping` gives the same config back."""
    tree: dict[str, Any] = {}
    for item in fields(config):
        value = getattr(config, item.name)
        if is_dataclass(value):
            value = to_mapping(value)
        elif isinstance(value, tuple):
            value = list(value)
        tree[item.name] = value
    return tree


def apply(config: Config, overrides: Mapping[str, Any]) -> Config:
    """`config` with dotted keys set: `{"temporal.short": 300, "seed": 1}`."""
    for key, value in overrides.items():
        *parts, last = key.split(".")
        table: Any = config
        for part in parts:
            table = getattr(table, part, None)
        # One entry of a table of weights leaves the others as they are.
        tree: Any = {**table, last: value} if isinstance(table, dict) else {last: value}
        for part in reversed(parts):
            tree = {part: tree}
        config = _update(config, tree, path="")
    return config


def parse_assignment(text: str) -> tuple[str, Any]:
    """`section.key=VALUE` of the command line; VALUE is TOML, a bare word is a string."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set takes section.key=VALUE, not {text!r}.")
    try:
        parsed = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        parsed = {}
    single = parsed.keys() == {"value"}  # a line break in VALUE would start another key
    return key.strip(), parsed["value"] if single else value.strip()


def options(config: Any = None, *, path: str = "") -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """Every key as (dotted name, value in `config`, metadata), in the order of the fields."""
    config = Config() if config is None else config
    for item in fields(config):
        value = getattr(config, item.name)
        if is_dataclass(value):
            yield from options(value, path=f"{path}{item.name}.")
        else:
            yield f"{path}{item.name}", value, item.metadata


def _update(config: Any, tree: Mapping[str, Any], *, path: str) -> Any:
    known = {item.name: item for item in fields(config)}
    types = get_type_hints(type(config))
    changes: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{path}{key}"
        if key not in known:
            everything = [f"{path}{k}" for k in known] + [k for k, _, _ in options()]
            raise ConfigError(f"there is no setting {name!r}.{suggestion(name, everything)}")
        current = getattr(config, key)
        if is_dataclass(current):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{name} is a section with keys of its own, not {value!r}.")
            changes[key] = _update(current, value, path=f"{name}.")
        else:
            changes[key] = parse_value(name, value, types[key], known[key].metadata)
    return replace(config, **changes)
