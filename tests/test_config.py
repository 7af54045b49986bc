"""The config tree: where a value comes from, what is refused, and with which words."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from ldfilter.config import Config, apply, from_mapping, options, parse_assignment, to_mapping
from ldfilter.errors import ConfigError
from ldfilter.looks import list_presets, load_preset


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_config_round_trips_through_its_mapping_and_toml(tmp_path: Path) -> None:
    config = apply(load_preset("trail"), {"seed": 5, "objective.forms": {"squared": 2}})
    assert from_mapping(to_mapping(config)) == config
    path = write(tmp_path / "mine.toml", tomli_w.dumps(to_mapping(config)))
    assert load_preset(path) == config


def test_a_file_may_stand_on_a_shipped_preset_or_on_another_file(tmp_path: Path) -> None:
    write(tmp_path / "one.toml", 'base = "trail"\nseed = 3\n[temporal]\nshort = 7\n')
    two = write(tmp_path / "two.toml", 'base = "one.toml"\n[temporal]\ntrail = 9\n')
    config = load_preset(two)
    assert (config.seed, config.temporal.short, config.temporal.trail) == (3, 7, 9)
    assert config.temporal.start == load_preset("trail").temporal.start


def test_forms_of_the_objective_replace_those_of_the_base(tmp_path: Path) -> None:
    path = write(tmp_path / "a.toml", 'base = "trail"\n[objective]\nforms = { squared = 1 }\n')
    assert load_preset(path).objective.forms == {"squared": 1.0}


def test_a_preset_that_is_its_own_base_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.toml", 'base = "a.toml"\n')
    with pytest.raises(ConfigError, match="its own base"):
        load_preset(path)


def test_overrides_come_after_the_preset() -> None:
    config = load_preset("long-term", seed=4, temporal__long=5, output={"strength": 0.5})
    assert (config.seed, config.temporal.long, config.output.strength) == (4, 5, 0.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed=1", ("seed", 1)),
        ("temporal.short=2.5", ("temporal.short", 2.5)),
        ("motion.flow=dis", ("motion.flow", "dis")),
        ('motion.flow="dis"', ("motion.flow", "dis")),
        ("temporal.governor=false", ("temporal.governor", False)),
        ("objective.classes=['a', 'b:2']", ("objective.classes", ["a", "b:2"])),
        ("objective.classes=tabby cat", ("objective.classes", "tabby cat")),
        ("objective.forms={squared = 1}", ("objective.forms", {"squared": 1})),
        ("network.weights=", ("network.weights", "")),
        ("network.weights=/a=b", ("network.weights", "/a=b")),
        ("about=1\nseed=2", ("about", "1\nseed=2")),
    ],
)
def test_an_assignment_is_toml_or_a_bare_word(text: str, expected: tuple[str, Any]) -> None:
    assert parse_assignment(text) == expected


@pytest.mark.parametrize("text", ["", "seed", "=3"])
def test_an_assignment_needs_a_key_and_a_value(text: str) -> None:
    with pytest.raises(ConfigError, match=r"section\.key=VALUE"):
        parse_assignment(text)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("tempral.short", 1, r"tempral.*Did you mean 'temporal'"),
        ("temporal.shrt", 1, r"temporal\.shrt.*temporal\.short"),
        ("temporal", 1, r"section"),
        ("temporal.short.x", 1, r"temporal\.short must be a number"),
        ("temporal.short", "much", r"a number, not 'much'"),
        ("temporal.short", True, r"a number, not True"),
        ("temporal.short", -1, r"at least 0, not -1"),
        ("temporal.short", math.nan, r"finite"),
        ("temporal.short", math.inf, r"finite"),
        ("temporal.offsets", [33], r"at most 32, not 33"),
        ("temporal.offsets", [1, "x"], r"a whole number, not 'x'"),
        ("temporal.offsets", [], r"at least one"),
        ("temporal.start", "contents", r"content, claimed, warped.*Did you mean 'content'"),
        ("temporal.governor", 1, r"true or false, not 1"),
        ("seed", 1.5, r"a whole number, not 1\.5"),
        ("effort", 0, r"at least 0\.01, not 0"),
        ("network.device", "gpu", r"auto, cpu, cuda, mps"),
        ("temporal.offsets", [], r"at least one"),
        ("objective.classes", [3.5], r"text, not 3.5"),
        ("objective.forms", {"sqared": 1}, r"'sqared'.*Did you mean 'squared'"),
        ("objective.forms", {"squared": "x"}, r"objective\.forms\.squared must be a number"),
        ("objective.forms", {}, r"table"),
    ],
)
def test_what_does_not_fit_is_refused_with_both_values(key: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        apply(Config(), {key: value})


def test_a_single_word_stands_for_a_list_or_a_table() -> None:
    config = apply(Config(), {"objective.classes": "goldfish", "objective.forms": "logit"})
    assert config.objective.classes == ("goldfish",)
    assert config.objective.forms == {"logit": 1.0}


def test_an_unknown_preset_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"'trial'.*'trail'.*--list-presets"):
        load_preset("trial")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, r"No such file"),
        (b"seed = = 1", r"not valid TOML"),
        (b"\xff\xfe", r"not UTF-8"),
        (b"base = 3", r"base must be the name"),
        (b"base = 'nothing'", r"no preset is called 'nothing'"),
        (b"sede = 1", r"no setting 'sede'.*'seed'"),
        (b"[temporal]\nshort = 'x'", r"temporal\.short must be a number"),
    ],
)
def test_a_bad_preset_file_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "a b.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        load_preset(str(path))


def test_every_key_has_help_and_its_default_passes_its_own_check() -> None:
    keys = list(options())
    assert "temporal.short" in [name for name, _, _ in keys]
    for name, value, metadata in keys:
        assert metadata["help"], name
        apply(Config(), {name: list(value) if isinstance(value, tuple) else value})


def test_all_temporal_weights_at_zero_switch_time_off() -> None:
    alone = ("framewise", "paper/framewise", "texture")
    assert [n for n in list_presets() if not load_preset(n).temporal.active] == sorted(
        alone, key=list_presets().index
    )


def test_one_weight_of_a_table_leaves_the_others() -> None:
    config = apply(Config(), {"objective.forms.logit": 0.5})
    assert config.objective.forms == {"log-probability": 1.0, "logit": 0.5}
    config = apply(Config(), {"objective.forms": {"logit": 0.5}})
    assert config.objective.forms == {"logit": 0.5}


def test_a_class_may_be_its_index() -> None:
    assert apply(Config(), {"objective.classes": 817}).objective.classes == ("817",)
