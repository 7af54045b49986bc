"""A schedule, as people write it: how a dream changes over time or from shot to shot.

    0s: jellyfish, 4s: snail + conch:0.5, 8s: strength=0.4
    shot: peacock, shot: snail

A change lasts until another one replaces it. With times it begins there and fades in; with "shot"
every shot takes the next one, and after the last comes the first again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from ldfilter.config import Config, ObjectiveConfig, apply, parse_assignment
from ldfilter.errors import ConfigError

SHOT = "shot"
WHEN = r"(?:shot|\d+(?::\d+){1,2}(?:\.\d+)?|\d+(?:\.\d+)?\s*s)"
"""How a change begins: a comma before anything else belongs to what it says."""


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a schedule.

    Attributes:
        time: seconds after the first frame; None = where a shot starts.
        classes: what to dream of from then on, as `--class` takes them; () = as before.
        settings: (key, value) texts; a key is "strength" or begins with "objective.".
    """

    time: Fraction | None
    classes: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """What is wanted from a moment on.

    Attributes:
        begin: seconds after the first frame; None = at some shot.
        strength: gain on the dream.
    """

    begin: Fraction | None
    objective: ObjectiveConfig
    strength: float


def plan_states(config: Config) -> tuple[State, ...]:
    """What a config wants one after the other; a single state where nothing changes.

    Raises:
        ConfigError: the schedule cannot be read, or sets what cannot change.
    """
    changes = parse_changes(config.schedule.changes)
    states = [State(Fraction(0), config.objective, 1.0)]
    for change in changes:
        states.append(_changed(states[-1], change))
    # What the look itself wants is only seen where the first change comes later.
    first = 1 if changes and not changes[0].time else 0
    return tuple(states[first:])


def parse_changes(texts: Iterable[str]) -> tuple[Change, ...]:
    """Changes from texts that hold one entry each, or several with commas between them.

    Raises:
        ConfigError: a text that does not read so, times that do not grow, or both kinds mixed.
    """
    pieces = [p for text in texts for p in re.split(rf",\s*(?={WHEN}\s*:)", text.strip())]
    changes = tuple(_parse_change(piece.strip()) for piece in pieces)
    times = [change.time for change in changes if change.time is not None]
    if times and len(times) < len(changes):
        raise ConfigError("a schedule goes by times or by shots, not by both.")
    for before, after in pairwise(times):
        if after <= before:
            raise ConfigError(
                f"the times of a schedule must grow, but {float(after):g}s follows "
                f"{float(before):g}s."
            )
    return changes


def parse_clock(text: str) -> Fraction:
    """Seconds from "90", "1.5", "1:30" or "0:01:30.5".

    Raises:
        ConfigError: anything else.
    """
    if not re.fullmatch(r"(\d+:){0,2}(\d+(\.\d*)?|\.\d+)", text):
        raise ConfigError(f"{text!r} is no time; give seconds or hh:mm:ss.")
    seconds = Fraction(0)
    for part in text.split(":"):
        seconds = seconds * 60 + Fraction(part.rstrip(".") if part.endswith(".") else part)
    return seconds


def _parse_change(text: str) -> Change:
    found = re.fullmatch(rf"({WHEN})\s*:\s*(.+)", text, flags=re.DOTALL)
    parts = [part.strip() for part in re.split(r"\s\+(?:\s|$)", found[2])] if found else []
    if found is None or not all(parts):
        raise ConfigError(
            f'a schedule is written "0s: jellyfish, 4s: snail + conch:0.5", or "shot: jellyfish, '
            f'shot: snail", not {text!r}.'
        )
    when = found[1].removesuffix("s").strip()
    return Change(
        time=None if found[1] == SHOT else parse_clock(when),
        classes=tuple(part for part in parts if "=" not in part),
        settings=tuple(part for part in parts if "=" in part),
    )


def _changed(state: State, change: Change) -> State:
    """`state` with a change made to it."""
    look = Config(objective=state.objective)
    if change.classes:
        look = apply(look, {"objective.classes": change.classes})
    strength = state.strength
    for text in change.settings:
        key, value = parse_assignment(text)
        if key == "strength":
            strength = apply(look, {"output.strength": value}).output.strength
        elif key.startswith("objective."):
            look = apply(look, {key: value})
        else:
            raise ConfigError(
                f"a schedule can change classes, strength and what begins with objective., "
                f"not {key}."
            )
    return State(change.time, look.objective, strength)


def weights_at(states: Sequence[State], time: Fraction, *, fade: Fraction) -> tuple[float, ...]:
    """How much every state counts `time` seconds after the first frame; they add up to 1.

    A state fades in over `fade` seconds, or until the next one begins.
    """
    begins = [state.begin or Fraction(0) for state in states]
    now = max(sum(begin <= time for begin in begins) - 1, 0)
    weights = [0.0] * len(states)
    weights[now] = 1.0
    if now and fade:
        until = begins[now + 1] - begins[now] if now + 1 < len(begins) else fade
        weights[now] = min(1.0, float((time - begins[now]) / min(fade, until)))
        weights[now - 1] = 1.0 - weights[now]
    return tuple(weights)
