"""The whole program on one screen: which stages there are and how frames travel through them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ldfilter.changes import State, plan_states
from ldfilter.config import Config, apply
from ldfilter.device import pick_device, step_aside
from ldfilter.dreaming.backbones import load_backbone
from ldfilter.dreaming.dreamer import Dreamer, OptimizingDreamer, dream_frames
from ldfilter.dreaming.later_pass import LaterPass, config_of_pass
from ldfilter.dreaming.objectives import build_terms
from ldfilter.dreaming.student import StudentDreamer, load_student
from ldfilter.dreaming.timeline import Repertoire, cue_frames
from ldfilter.errors import ConfigError, SourceError
from ldfilter.frame import Frame, Source
from ldfilter.looks import DEFAULT_PRESET, load_preset
from ldfilter.motion import Flow, estimate_motion, load_flow
from ldfilter.passes import Step, check_source, dream_passes
from ldfilter.prefetch import prefetch
from ldfilter.sink.arrays import overlay
from ldfilter.source import is_pipe, open_source
from ldfilter.source.arrays import array_frames
from ldfilter.source.matte import ALPHA, with_matte

AHEAD = 4
"""Frames whose motion is ready before they are dreamed: enough to hide decoding, few to hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """What `process` needs, built once from a config.

    Attributes:
        dreamer: of the first pass over a shot, mostly the only one.
        later: makes the dreamer of pass n, from 2 on.
        states: what is wanted one after the other.
        flow: None when no temporal weight is set and motion would be wasted.
        summary: one line for people: the network and the device.
    """

    config: Config
    dreamer: Dreamer
    later: Callable[[int], Dreamer]
    states: tuple[State, ...]
    flow: Flow | None
    offsets: tuple[int, ...]
    device: torch.device
    summary: str


def build(config: Config, *, stop: threading.Event | None = None) -> Stages:
    """Load what the config names and put it on its device.

    Args:
        stop: once set, the dreamer raises Stopped before its next network call.

    Raises:
        ConfigError: an unknown class, backbone, flow or device.
        ModelError: weights that are missing or damaged.
    """
    device = pick_device(config.network.device)
    if config.output.matte not in ("", ALPHA):
        read_image(config.output.matte)  # what cannot be read is refused before dreaming
    if config.network.student:
        return _build_student(config, device)
    temporal = config.temporal
    backbone = load_backbone(config.network.backbone, weights=config.network.weights).to(device)
    if backbone.fixed_size:
        config = apply(config, {"dream.jitter": 0.0})
    states = plan_states(config)
    wanted = [build_terms(state.objective, backbone, read=read_image) for state in states]
    repertoire = Repertoire(backbone, wanted)
    start = _start(config.dream.start)

    def dreamer(number: int) -> Dreamer:
        kind = OptimizingDreamer if number == 1 else LaterPass
        return kind(
            config_of_pass(config, number) if config.passes.count > 1 else config,
            repertoire=repertoire,
            tile=backbone.tile,
            device=device,
            start=start,
            stop=stop,
        )

    return Stages(
        config=config,
        dreamer=dreamer(1),
        later=dreamer,
        states=states,
        flow=_flow(config, device) if _needs_motion(config, states) else None,
        offsets=temporal.offsets if temporal.long else (1,),
        device=device,
        summary=f"{config.network.backbone} on {device.type}"
        + f", which sees {backbone.tile} px and nothing else: no jitter" * backbone.fixed_size,
    )


def _build_student(config: Config, device: torch.device) -> Stages:
    """The stages around a student; the frozen network is not even loaded.

    Raises:
        ConfigError: the config wants what a student cannot do.
    """
    states = plan_states(config)
    if config.passes.count > 1 or any(s.objective != states[0].objective for s in states):
        what = "several passes" if config.passes.count > 1 else "a schedule of classes"
        raise ConfigError(
            f"the student {config.network.student} dreams the one look it has learnt, once; leave "
            f"out {what}, or --student."
        )
    student = load_student(Path(config.network.student))
    dreamer = StudentDreamer(student, device=device)

    def later(number: int) -> Dreamer:
        raise ConfigError(f"a student has no pass {number}.")

    return Stages(
        config=config,
        dreamer=dreamer,
        later=later,
        states=states,
        flow=_flow(config, device),
        offsets=(1,),
        device=device,
        summary=f"student {config.network.student} on {device.type}, {dreamer.dtype}".replace(
            "torch.", ""
        ),
    )


def _start(what: str) -> Tensor | None:
    """The image that frames without a past start from; None when `what` is no file."""
    if what in ("content", "noise"):
        return None
    try:
        return read_image(what)
    except SourceError as error:
        raise ConfigError(f"dream.start is content, noise or an image file: {error}") from error


def read_image(name: str) -> Tensor:
    """The first picture of a file, upright, (1, 3, h, w) in [0, 1].

    Raises:
        ConfigError: it is a pipe.
        SourceError: it cannot be read.
    """
    if is_pipe(name):
        raise ConfigError(
            f"{name} is a pipe, and mattes, guides, styles and starts are read more than once; "
            "name a file."
        )
    with open_source(name, audio=False, subtitles=False) as source:
        return next(iter(source)).image


def _needs_motion(config: Config, states: Sequence[State]) -> bool:
    """Whether the past counts, or anything happens where shots start."""
    by_shot = len(states) > 1 and states[0].begin is None
    return config.temporal.active or config.passes.count > 1 or by_shot


def _flow(config: Config, device: torch.device) -> Flow:
    return load_flow(config.motion.flow, weights=config.network.weights, device=device)


def process(
    source: Iterable[Frame],
    stages: Stages,
    *,
    watch: Callable[[Step], None] = lambda step: None,
) -> Generator[Frame, None, None]:
    """Dreamed frames, one for every frame of `source`, in order.

    Decoding and motion run ahead in a thread of their own, at most `AHEAD` frames. Closing the
    iterator joins that thread.

    Args:
        watch: told of every frame that a look of several passes has dreamed once more.
    """
    config = stages.config
    if config.output.matte:
        source = with_matte(source, config.output.matte)
    with closing(_one_pass(source, stages, stages.dreamer)) as frames:
        if config.passes.count == 1:
            yield from _weighed(frames)
            return
        passes = dream_passes(
            frames,
            count=config.passes.count,
            again=lambda shot, number: _one_pass(shot, stages, stages.later(number)),
            watch=watch,
        )
        with closing(passes):
            yield from _weighed(passes)


def _weighed(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Dreamed frames, their dream as strong as matte and schedule want it."""
    for frame in frames:
        residual = frame.residual
        if residual is not None and frame.matte is not None:
            residual = residual * frame.matte
        if residual is not None and frame.cue is not None:
            residual = residual * frame.cue.strength
        yield replace(frame, residual=residual)


def _one_pass(
    source: Iterable[Frame], stages: Stages, dreamer: Dreamer
) -> Generator[Frame, None, None]:
    """The stages one after the other; motion ahead of the dream."""
    fade = Fraction(stages.config.schedule.fade).limit_denominator(1000)
    with prefetch(_moving(source, stages), depth=AHEAD, begin=step_aside) as frames:
        yield from dream_frames(cue_frames(frames, stages.states, fade=fade), dreamer)


def _moving(source: Iterable[Frame], stages: Stages) -> Iterable[Frame]:
    """`source` with its motion, where anybody wants to know it."""
    if stages.flow is None:
        return source
    motion = stages.config.motion
    return estimate_motion(
        source,
        flow=stages.flow,
        offsets=stages.offsets,
        scale=motion.scale,
        noise=motion.noise,
        tolerance=motion.tolerance,
        memory=stages.config.temporal.memory,
    )


def strength(frame: Frame) -> float:
    """Mean |x - p| of a dreamed frame, in units of the range 0 to 1."""
    return 0.0 if frame.residual is None else float(frame.residual.abs().mean())


def dream(
    source: Source, preset: Config | str | Path = DEFAULT_PRESET, **overrides: Any
) -> Iterator[Frame]:
    """Dream every frame of an open source.

    Args:
        source: from `open_source`, or any iterable of frames.
        preset: a config, the name of a shipped preset or a TOML file.
        overrides: `section__key=value`, for example `objective__classes=("tabby",)`.

    Raises:
        LdfilterError: of its own kind, see `ldfilter.errors`.
    """
    config = _config(preset, overrides)
    if hasattr(source, "seekable"):  # any iterable of frames will do
        check_source(source, passes=config.passes.count)
    yield from process(source, build(config))


def dream_arrays(
    arrays: Iterable[np.ndarray[Any, np.dtype[np.uint8]]],
    preset: Config | str | Path = DEFAULT_PRESET,
    **overrides: Any,
) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
    """Dream plain pictures, uint8 RGB (h, w, 3), all of one size; gives the same back.

    Raises:
        SourceError: an array that is not uint8 RGB, or changes size.
    """
    config = _config(preset, overrides)
    frames = array_frames(arrays, work_height=config.output.work_height)
    for frame in process(frames, build(config)):
        yield overlay(frame, strength=config.output.strength)


def _config(preset: Config | str | Path, overrides: dict[str, Any]) -> Config:
    if isinstance(preset, Config):
        return apply(preset, {key.replace("__", "."): value for key, value in overrides.items()})
    return load_preset(preset, **overrides)
