"""A later pass over a shot: every frame goes on from what the pass before made of it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ldfilter.config import Config
from ldfilter.device import seeded_generator
from ldfilter.dreaming.dreamer import (
    NOISE,
    OptimizingDreamer,
    dreamable,
    mean_strength,
    moved,
    noise,
)
from ldfilter.dreaming.octaves import Canvas, dream_octaves
from ldfilter.dreaming.temporal import Target, neighbour, recall
from ldfilter.frame import Cue, Frame

LIFT = 1.25
"""How far a blend may be strengthened: two dreams that differ are weaker together than each alone.
Empirical."""
SEEDS = 1_000_003
"""Between the seeds of two passes; a prime, so that nobody's own seeds lie that far apart."""


def config_of_pass(config: Config, number: int) -> Config:
    """What pass `number`, from 1 on, is run with.

    Every pass draws other numbers, and those that go alone know no temporal terms: the first of
    them dreams frame by frame (Ruder et al. 2016, 3.4).
    """
    temporal = config.temporal
    if number <= config.passes.alone:
        temporal = replace(temporal, short=0.0, long=0.0, trail=0.0, blend=0.0)
    return replace(config, seed=config.seed + SEEDS * (number - 1), temporal=temporal)


class LaterPass(OptimizingDreamer):
    """Dreams frames whose `residual` is the dream of the pass before.

    Frame i starts from `o c warp(x_n[i-1]) + (1 - o c) x_(n-1)[i]`, where i-1 is the frame before
    in the order of this pass, and c where the flow to it can be trusted. The governor holds every
    frame at the strength that it comes with. Where a schedule changes what is wanted, frames do
    not share anything.
    """

    _before: Cue | None = None

    @torch.no_grad()
    def _dream(self, frame: Frame) -> Tensor:
        temporal, passes = self.config.temporal, self.config.passes
        image = frame.image.to(self.device)
        given = torch.zeros_like(image) if frame.residual is None else frame.residual.to(image)
        generator = seeded_generator(self.config.seed, frame.index)
        where = dreamable(frame, like=image)
        start = noise(image, generator) if passes.start == NOISE else image + given
        target: Target | None = None
        earlier, self._before = self._before, frame.cue
        self._take(frame.cue)
        # A pass may run backwards: what counts is whether both frames want the same.
        if frame.motion is not None and _agree(earlier, frame.cue):
            motion = moved(frame.motion, self.device)
            before = neighbour(image, motion, self.memory, temporal.carry)
            start = torch.lerp(start, before, passes.blend * motion.reliable)
            if temporal.active:
                target = recall(image, motion, self.memory, temporal).target
        gain = torch.ones_like(where)
        if temporal.governor:
            self.governor.aim(mean_strength(given, where))
            steering = self.governor.steer(start - image)
            gain = steering.gain
            scale = gain.clamp(self.governor.fade, LIFT)
            start = torch.lerp(image, start, scale)
            target = target and target.faded(image, scale)
        canvas = Canvas(start.clamp(0, 1), image, gain * where, target)
        residual = dream_octaves(canvas, self.plan, passes.later, generator=generator) - image
        self.memory.push(image, residual, carry=temporal.carry)
        self.governor.observe(mean_strength(residual, where))
        return (residual * where).float().cpu()


def _agree(one: Cue | None, other: Cue | None) -> bool:
    """Whether two frames want the same; without a schedule they do."""
    return one is None or other is None or one.weights == other.weights
