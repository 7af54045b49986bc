"""Config fields that know their help, their choices and bounds, and check what is put in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, get_args, get_origin

from ldfilter.errors import ConfigError, suggestion


def option(
    default: Any,
    help: str,
    *,
    unit: str = "",
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    least: int = 1,
) -> Any:
    """A config field with what a person needs to set it.

    Args:
        choices: of which values; one that ends in ":NAME" stands for all that begin like it.
        least: how many values a list must have.
    """
    metadata = {
        "help": help,
        "unit": unit,
        "choices": choices,
        "minimum": minimum,
        "maximum": maximum,
        "least": least,
    }
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def parse_value(name: str, value: Any, kind: Any, metadata: Mapping[str, Any]) -> Any:
    """`value` as the type of its field, checked against the field's choices and bounds."""
    if get_origin(kind) is tuple:
        values = value if isinstance(value, list | tuple) else [value]
        if len(values) < metadata.get("least", 1):
            raise ConfigError(f"{name} needs at least one value.")
        return tuple(parse_value(name, v, get_args(kind)[0], metadata) for v in values)
    if get_origin(kind) is dict:
        return _parse_table(name, value, metadata)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind is str and type(value) is int:  # classes go by their index, too
        value = str(value)
    if type(value) is not kind:
        wanted = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}
        raise ConfigError(f"{name} must be {wanted[kind]}, not {value!r}.")
    _check(name, value, metadata)
    return value


def _parse_table(name: str, value: Any, metadata: Mapping[str, Any]) -> dict[str, float]:
    """A table of weights; a single word stands for that word with weight 1."""
    table = {value: 1.0} if isinstance(value, str) else value
    if not isinstance(table, Mapping) or not table:
        raise ConfigError(f"{name} must be a table of names with weights, not {value!r}.")
    for key in table:
        _check(name, key, metadata)
    return {key: parse_value(f"{name}.{key}", weight, float, {}) for key, weight in table.items()}


def _check(name: str, value: Any, metadata: Mapping[str, Any]) -> None:
    choices = metadata.get("choices") or ()
    open_ended = tuple(c.removesuffix("NAME") for c in choices if c.endswith(":NAME"))
    if choices and value not in choices and not str(value).startswith(open_ended):
        raise ConfigError(
            f"{name} cannot be {value!r}; choose from {', '.join(choices)}."
            f"{suggestion(str(value), choices)}"
        )
    low, high = metadata.get("minimum"), metadata.get("maximum")
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise ConfigError(f"{name} must be a finite number, not {value}.")
    if low is not None and value < low:
        raise ConfigError(f"{name} must be at least {low}, not {value}.")
    if high is not None and value > high:
        raise ConfigError(f"{name} must be at most {high}, not {value}.")
