"""Looks by name: the presets that ship, and TOML files of people's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from ldfilter.config import Config, apply, from_mapping
from ldfilter.errors import ConfigError, suggestion

DEFAULT_PRESET = "long-term"


def list_presets() -> list[str]:
    """Names of the shipped presets, the plain ones first."""
    root = resources.files("ldfilter.presets")
    plain = [p.name for p in root.iterdir() if p.name.endswith(".toml")]
    paper = [f"paper/{p.name}" for p in (root / "paper").iterdir() if p.name.endswith(".toml")]
    return [name.removesuffix(".toml") for name in sorted(plain) + sorted(paper)]


def load_preset(name: str | Path = DEFAULT_PRESET, **overrides: Any) -> Config:
    """The config of a shipped preset or of a TOML file, with overrides on top.

    Args:
        name: a name of `list_presets()`, or a path that ends in ".toml".
        overrides: `section__key=value`, or whole sections as mappings.

    Raises:
        ConfigError: an unknown preset or key, or a value that does not fit.
    """
    tree = _load_tree(str(name), seen=())
    return apply(from_mapping(tree), {k.replace("__", "."): v for k, v in overrides.items()})


def _load_tree(name: str, *, seen: tuple[str, ...]) -> dict[str, Any]:
    """A preset's TOML merged over its bases."""
    if name in seen:
        raise ConfigError(f"preset {name} is its own base: {' -> '.join((*seen, name))}.")
    text = _read_preset(name)
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"preset {name} is not valid TOML: {error}.") from error
    base = tree.pop("base", None)
    if base is None:
        return tree
    if not isinstance(base, str):
        raise ConfigError(f"preset {name}: base must be the name of a preset, not {base!r}.")
    if base.endswith(".toml") and name.endswith(".toml"):
        base = str(Path(name).parent / base)
    return _merge(_load_tree(base, seen=(*seen, name)), tree)


def _read_preset(name: str) -> str:
    if name.endswith(".toml"):
        try:
            return Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise ConfigError(f"cannot read preset {name}: {reason}.") from error
    names = list_presets()
    if name not in names:
        raise ConfigError(
            f"no preset is called {name!r}.{suggestion(name, names)} "
            "--list-presets shows them all; a file of your own must end in .toml."
        )
    return (resources.files("ldfilter.presets") / f"{name}.toml").read_text(encoding="utf-8")


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, table by table. The table objective.forms is a value of its own."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both and key != "forms" else value
    return merged
