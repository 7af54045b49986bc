"""The dreaming stage: every frame in, the same frame with its dream out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from ldfilter.config import Config
from ldfilter.device import seeded_generator
from ldfilter.dreaming.governor import Governor
from ldfilter.dreaming.octaves import Canvas, Plan, dream_octaves
from ldfilter.dreaming.optimize import GRADIENTS, OPTIMIZERS, Recipe
from ldfilter.dreaming.temporal import Memory, Past, recall
from ldfilter.dreaming.timeline import Repertoire
from ldfilter.errors import ModelError, Stopped
from ldfilter.frame import Cue, Frame, Motion
from ldfilter.image import blur, cover

log = logging.getLogger(__name__)

BLACK = 4 / 255
"""Up to here a matte is black: what encoders make of black. Empirical."""
NOISE = "noise"
GRAIN = 0.05
"""Deviation of the noise a shot may start from. Empirical: what is larger is still seen at the end,
since an update smooths nothing."""


class Dreamer(Protocol):
    """Dreams frames in order."""

    def dream(self, frame: Frame) -> Tensor:
        """The residual `x - p` of `frame`, (1, 3, h, w) float32 on the CPU."""


def dream_frames(frames: Iterable[Frame], dreamer: Dreamer) -> Iterator[Frame]:
    """Every frame with its residual, one in, one out, in order."""
    for frame in frames:
        yield replace(frame, residual=dreamer.dream(frame))


class PassThrough:
    """Dreams nothing: for measuring everything else."""

    def dream(self, frame: Frame) -> Tensor:
        """A residual of zeros."""
        return torch.zeros_like(frame.image)


class OptimizingDreamer:
    """Dreams by descending an objective's gradient (LucidDream).

    State over frames: the memory (32 dreams in half precision) and the governor, nothing else.

    Args:
        config: of the run.
        repertoire: the objectives, on `device`.
        tile: side of the objective's tiles, px.
        start: what frames without a past are dreamed from, (1, 3, h, w); None = as the config says.
        stop: once set, `dream` raises Stopped before its next network call.
    """

    def __init__(
        self,
        config: Config,
        *,
        repertoire: Repertoire,
        tile: int,
        device: torch.device,
        start: Tensor | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.config = config
        self.device = device
        self.start = start
        self.stop = stop or threading.Event()
        self.memory = Memory()
        self.governor = Governor(fade=config.temporal.fade)
        dream = config.dream
        self.repertoire = repertoire
        self.plan = Plan(
            objective=repertoire.at((1.0,)),
            recipe=Recipe(
                treat=GRADIENTS[dream.gradient],
                optimizer=OPTIMIZERS[dream.optimizer],
                chroma=dream.chroma,
                proximal=config.temporal.term == "proximal",
                check=self._check,
            ),
            tile=tile,
            sampling=dream.sampling,
            jitter=dream.jitter,
            feather=dream.feather,
            chunk=dream.chunk,
            effort=config.effort,
        )

    def dream(self, frame: Frame) -> Tensor:
        """The residual of `frame`; see `Dreamer.dream`.

        When the device runs out of memory the frame is dreamed again with fewer tiles at a time,
        which does not change the result.

        Raises:
            ModelError: there is not enough memory for a single tile.
            Stopped: `stop` was set.
        """
        while True:
            try:
                return self._dream(frame)
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                self._take_fewer_tiles(error)

    @torch.no_grad()
    def _dream(self, frame: Frame) -> Tensor:
        temporal = self.config.temporal
        image = frame.image.to(self.device)
        generator = seeded_generator(self.config.seed, frame.index)
        keep = self._take(frame.cue)
        motion = frame.motion if temporal.active and keep and not frame.starts_shot else None
        if not self.governor.wanted:  # nothing of this shot was dreamed yet: its matte was black
            motion = None
        where = dreamable(frame, like=image)
        if motion is None:
            residual = self._dream_alone(image, where, generator)
            if temporal.memory == "shot" or not keep:
                self.memory.clear()
        else:
            if keep < 1:
                self.memory.forget()
            past = recall(image, moved(motion, self.device), self.memory, temporal)
            past = past.leaving(image, keep)
            if self.config.dream.start == NOISE:
                grain = noise(image, generator)
                past = replace(past, start=torch.where(past.unclaimed, grain, past.start))
            residual = self._dream_on(image, where, past, generator)
        if temporal.active:
            self.memory.push(image, residual, carry=temporal.carry)
        strength = mean_strength(residual, where)
        if motion is None:
            self.governor.start(strength)
        elif strength:
            self.governor.observe(strength)
        return (residual * where).float().cpu()

    def _take(self, cue: Cue | None) -> float:
        """Turns to what a schedule wants; gives the part of the dream before that stays."""
        if cue is None:
            return 1.0
        self.plan = replace(self.plan, objective=self.repertoire.at(cue.weights))
        return cue.keep

    def _dream_alone(self, image: Tensor, where: Tensor, generator: torch.Generator) -> Tensor:
        """With the first-frame numbers, without temporal terms."""
        schedule = self.config.dream.first
        canvas = Canvas(self._begin(image, generator), image, where, None)
        return dream_octaves(canvas, self.plan, schedule, generator=generator) - image

    def _begin(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """What a frame without a past is dreamed from."""
        if self.start is not None:
            return cover(self.start.to(image), (image.shape[2], image.shape[3]))
        if self.config.dream.start == NOISE:
            return noise(image, generator)
        return image

    def _dream_on(
        self, image: Tensor, where: Tensor, past: Past, generator: torch.Generator
    ) -> Tensor:
        """From its past: new areas are filled first, then the whole frame is dreamed."""
        fill, later = self.config.dream.fill, self.config.dream.later
        gain = torch.ones_like(image[:, :1])
        if self.config.temporal.governor:
            steering = self.governor.steer(past.start - image)
            past, gain = past.faded(image, steering.fade), steering.gain
        unclaimed = blur(past.unclaimed.to(image), sigma=2)
        canvas = Canvas(past.start, image, unclaimed * where, None)
        filled = dream_octaves(canvas, self.plan, fill, generator=generator)
        canvas = Canvas(filled, image, gain * where, past.target)
        return dream_octaves(canvas, self.plan, later, generator=generator) - image

    def _take_fewer_tiles(self, error: RuntimeError) -> None:
        chunk = self.plan.chunk
        if chunk == 1:
            raise ModelError(
                f"{self.device.type} has not enough memory for one tile of {self.plan.tile} px and "
                "the remembered frames; dream smaller with --work-height, or use --device cpu."
            ) from error
        self.plan = replace(self.plan, chunk=chunk // 2)
        log.warning(
            "out of memory with %d tiles at a time, going on with %d; --set dream.chunk=%d does so "
            "from the start.",
            *(chunk, chunk // 2, chunk // 2),
        )

    def _check(self) -> None:
        if self.stop.is_set():
            raise Stopped("stopped while a frame was being dreamed; the frames before it are kept.")


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether a device had no room: only CUDA's own allocator has an error type for it."""
    signs = ("out of memory", "can't allocate memory", "ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or any(s in str(error) for s in signs)


def noise(image: Tensor, generator: torch.Generator) -> Tensor:
    """Grey noise in the shape of `image`."""
    drawn = torch.randn(image.shape, generator=generator).to(image)
    return (0.5 + GRAIN * drawn).clamp_(0, 1)


def dreamable(frame: Frame, *, like: Tensor) -> Tensor:
    """(1, 1, h, w): 1 where the frame is to be dreamed, 0 where its matte is black."""
    if frame.matte is None:
        return torch.ones_like(like[:, :1])
    return (frame.matte > BLACK).to(like)


def mean_strength(residual: Tensor, where: Tensor) -> float:
    """Mean |x - p| where (1, 1, h, w) something is dreamed."""
    size = residual.abs().mean(dim=1, keepdim=True)
    return float((size * where).sum() / where.sum().clamp_min(1))


def moved(motion: Motion, device: torch.device) -> Motion:
    """The motion on another device."""
    return replace(
        motion,
        previous=motion.previous.to(device),
        reliable=motion.reliable.to(device),
        flow=motion.flow.to(device),
        claimed_by=motion.claimed_by.to(device),
    )
