"""What a student is worth beside its teacher, measured on frames that it has not seen."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import torch
from torch import Tensor

from ldfilter.classes import parse_classes
from ldfilter.config import Config
from ldfilter.dreaming.dreamer import Dreamer, dream_frames
from ldfilter.errors import ModelError
from ldfilter.frame import Frame
from ldfilter.measure import among_first, control, load_judges, warping_error
from ldfilter.motion import load_flow
from ldfilter.pipeline import build

SIZE = (360, 640)
TIMED = 20  # frames


def make_card(
    student: Dreamer, config: Config, unseen: Sequence[Sequence[Frame]]
) -> dict[str, float]:
    """Numbers by name; those of the teacher begin with "teacher".

    strength and flicker (the warping error along Farneback's flow) of both; likeness, the
    correlation of how strong both are from place to place; for classes what judges see that did
    not dream: the median rank, the mean probability, and the share of crops in which the class is
    among the first five (left out where the judges are not installed); milliseconds per frame at
    640x360.

    Args:
        unseen: frames in a row, with motion, that the student did not learn from; the first of
            each row starts a shot.
    """
    teacher = build(config).dreamer
    taught = [list(dream_frames(frames, teacher)) for frames in unseen]
    learnt = [list(dream_frames(frames, student)) for frames in unseen]
    card = {
        **_measured("", learnt),
        **_measured("teacher ", taught),
        "likeness": _likeness(learnt, taught),
    }
    if config.objective.classes:
        (wanted, _), *_ = parse_classes(config.objective.classes)
        card |= _judged("", learnt, wanted.index) | _judged("teacher ", taught, wanted.index)
    return card | {"ms per frame": _milliseconds(student)}


def _measured(whose: str, shots: Sequence[Sequence[Frame]]) -> dict[str, float]:
    frames = [frame for shot in shots for frame in shot]
    errors = [
        warping_error(
            [_dreamed(frame) for frame in shot],
            [frame.image for frame in shot],
            flow=load_flow("farneback"),
        ).dreamed
        for shot in shots
    ]
    return {
        f"{whose}strength": statistics.mean(float(_residual(f).abs().mean()) for f in frames),
        f"{whose}flicker": statistics.mean(errors),
    }


def _likeness(learnt: Sequence[Sequence[Frame]], taught: Sequence[Sequence[Frame]]) -> float:
    values = [
        torch.corrcoef(torch.stack([_places(a), _places(b)]))[0, 1]
        for mine, theirs in zip(learnt, taught, strict=True)
        for a, b in zip(mine, theirs, strict=True)
    ]
    return float(torch.stack(values).mean())


def _places(frame: Frame) -> Tensor:
    """Strength in cells of 16 px, one after the other."""
    size = _residual(frame).abs().mean(dim=1, keepdim=True)
    return torch.nn.functional.avg_pool2d(size, 16).flatten()


def _judged(whose: str, shots: Sequence[Sequence[Frame]], index: int) -> dict[str, float]:
    try:
        judges = load_judges()
    except ModelError:
        return {}
    images = [_dreamed(shot[k]) for shot in shots for k in (0, len(shot) // 2, -1)]
    seen = [control(image, index, judge=judge) for image in images for judge in judges]
    first = [among_first(image, index, judge=judge) for image in images for judge in judges]
    return {
        f"{whose}rank": statistics.median(each.rank for each in seen),
        f"{whose}probability": statistics.mean(each.probability for each in seen),
        f"{whose}among first 5": statistics.mean(first),
    }


def _milliseconds(student: Dreamer) -> float:
    image = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    frame = Frame(picture=None, image=image, index=0, pts=0, duration=1, time_base=Fraction(1, 25))
    times = []
    for number in range(TIMED):
        start = time.perf_counter()
        student.dream(replace(frame, index=number))
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def _residual(frame: Frame) -> Tensor:
    if frame.residual is None:
        raise ValueError(f"frame {frame.index} was not dreamed")
    return frame.residual


def _dreamed(frame: Frame) -> Tensor:
    return frame.image + _residual(frame)
