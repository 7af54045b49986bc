"""The shipped looks: all there, all loading, with LucidDream's numbers."""

from __future__ import annotations

from importlib import resources

import pytest
import tomli_w

from ldfilter.classes import parse_classes
from ldfilter.config import from_mapping, to_mapping
from ldfilter.layers import parse_layers
from ldfilter.looks import list_presets, load_preset

# METHOD, section 5: start, beta, gamma, delta.
LOOKS = {
    "framewise": ("content", 0, 0, 0),
    "short-term": ("content", 300, 0, 0),
    "long-term": ("content", 0, 1000, 0),
    "trail": ("warped", 1, 0, 500),
    "decay": ("content", 3, 0, 0),
    "trail-decay": ("warped", 3, 0, 500),
}


PAPER = [f"paper/{name}" for name in LOOKS]


def test_the_six_looks_and_their_paper_twins_ship() -> None:
    assert set(LOOKS) | set(PAPER) <= set(list_presets())


@pytest.mark.parametrize("name", list_presets())
def test_a_preset_loads_round_trips_and_says_what_it_does(name: str) -> None:
    config = load_preset(name)
    assert config.about
    assert from_mapping(to_mapping(config)) == config
    objective = config.objective
    parse_classes(objective.classes)
    parse_layers(objective.layers)
    parts = (objective.guided, objective.extremes, objective.content, objective.style)
    assert objective.classes or objective.layers or any(part.layers for part in parts)


@pytest.mark.parametrize("name", [*LOOKS, *PAPER])
def test_a_preset_has_the_published_weights(name: str) -> None:
    temporal = load_preset(name).temporal
    start, short, long, trail = LOOKS[name.removeprefix("paper/")]
    assert (temporal.alpha, temporal.short, temporal.long) == (10000, short, long)
    assert temporal.trail == trail
    if name.startswith("paper/"):
        assert temporal.start == start
        assert (temporal.carry, temporal.term) == ("image", "gradient")
        assert not temporal.governor


@pytest.mark.parametrize("name", LOOKS)
def test_the_governor_lets_the_boil_and_the_growing_looks_alone(name: str) -> None:
    expected = name not in ("framewise", "decay", "trail-decay")
    assert load_preset(name).temporal.governor is expected


@pytest.mark.parametrize("name", [*LOOKS, *PAPER])
def test_the_paper_twins_use_the_paper_s_network(name: str) -> None:
    config = load_preset(name)
    paper = name.startswith("paper/")
    assert config.network.backbone == ("vgg19" if paper else "efficientnet-lite0")
    assert config.motion.flow == ("deepflow" if paper else "dis")
    assert config.dream.optimizer == ("adam" if paper else "normalized")


def test_a_preset_file_names_no_key_twice_and_is_plain_toml() -> None:
    for name in list_presets():
        text = (resources.files("ldfilter.presets") / f"{name}.toml").read_text(encoding="utf-8")
        assert text.startswith(("about", "base"))
        assert tomli_w.dumps(to_mapping(load_preset(name)))
