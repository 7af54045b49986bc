"""What is wanted when: the cue that a schedule gives to every frame, and its objective."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from ldfilter.changes import State, weights_at
from ldfilter.dreaming.backbones import Backbone
from ldfilter.dreaming.objectives import Dream, Objective
from ldfilter.dreaming.terms import Term
from ldfilter.frame import Cue, Frame

REMAINS = 0.05
"""What a fade leaves of the dream before it. Empirical: no judge sees that any more."""


def cue_frames(
    frames: Iterable[Frame], states: Sequence[State], *, fade: Fraction
) -> Iterator[Frame]:
    """`frames` with their cues, in stream order; where shots start is known.

    Time counts from the first frame. What an earlier pass has cued stays as it is, since a later
    one may run backwards; so do frames of a schedule in which nothing changes.

    Args:
        fade: seconds that a change takes.
    """
    if len(states) == 1 and states[0].strength == 1:
        yield from frames
        return
    shot = -1
    origin: Fraction | None = None
    before: Cue | None = None
    for frame in frames:
        if frame.cue is not None:
            yield frame
            continue
        time = frame.pts * frame.time_base
        origin = time if origin is None else origin
        shot += frame.starts_shot or shot < 0
        if states[-1].begin is None:
            chosen = shot % len(states)
            weights = tuple(float(k == chosen) for k in range(len(states)))
        else:
            weights = weights_at(states, time - origin, fade=fade)
        strength = sum(w * state.strength for w, state in zip(weights, states, strict=True))
        before = Cue(weights, _kept(before, weights, states), strength)
        yield replace(frame, cue=before)


def _kept(before: Cue | None, weights: tuple[float, ...], states: Sequence[State]) -> float:
    """The part of the dream before that a frame keeps, so that `REMAINS` is left after a fade."""
    if before is None:
        return 1.0
    gained = {
        k: after - had
        for k, (had, after) in enumerate(zip(before.weights, weights, strict=True))
        if after > had
    }
    lost = [k for k, had in enumerate(before.weights) if had and weights[k] < had]
    kept = 1.0
    for number, gain in gained.items():
        if any(states[number].objective != states[old].objective for old in lost):
            kept *= 0.0 if gain >= 1 else REMAINS**gain
    return kept


class Repertoire:
    """The objectives of a schedule's states, and mixtures of them.

    Args:
        states: the terms of each.
    """

    def __init__(self, backbone: Backbone, states: Sequence[Sequence[Term]]) -> None:
        self._backbone = backbone
        self._states = states
        self._dreams: dict[tuple[int, ...], Dream] = {}

    def at(self, weights: Sequence[float]) -> Objective:
        """The states' terms weighted by `weights`, seen in one pass of the network."""
        there = tuple(k for k, weight in enumerate(weights) if weight)
        if there not in self._dreams:
            terms = [term for k in there for term in self._states[k]]
            self._dreams[there] = Dream(self._backbone, terms)
        if len(there) == 1:
            return self._dreams[there]
        return self._dreams[there].weighted([weights[k] for k in there for _ in self._states[k]])
