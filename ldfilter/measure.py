"""The measures of METHOD section 9: numbers that say what a dream over time is worth.

Convention: images are float (1, 3, h, w) in [0, 1]; `dreamed` is x, `content` the input p, a
residual x - p. Sequences may be generators: they are read once, frame by frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ldfilter.frame import Frame, Motion
from ldfilter.image import luma, resize
from ldfilter.motion import Flow, estimate_motion
from ldfilter.warp import warp

JUDGES = ("efficientnet-lite1", "efficientnet-lite2")
"""Networks that do not dream; their weights come with the extra `bench`."""

CROP_SCALES = (1.1, 1.3, 1.5)
"""Sizes of the picture's shorter side in tiles of the judge, each with nine crops."""


class Judge(Protocol):
    """A classifier: images (B, 3, tile, tile) in [0, 1] to logits (B, classes)."""

    tile: int

    def __call__(self, images: Tensor, /) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class WarpingError:
    """Mean squared change along the flow.

    Attributes:
        dreamed: of the result.
        content: of the input, as the floor that flow and noise set.
        frames: how many pairs were compared.
    """

    dreamed: float
    content: float
    frames: int


@dataclass(frozen=True, slots=True)
class Control:
    """What a judge sees: median rank (1 = best) and mean probability of the wanted class."""

    rank: float
    probability: float


@dataclass(frozen=True, slots=True)
class Steadiness:
    """Whether a dream lasts.

    Attributes:
        last_over_first: strength of the last frame over that of the first.
        new_over_old: strength in areas first seen `ago` frames ago over areas seen for longer;
            nan where there is none of the one or the other.
    """

    last_over_first: float
    new_over_old: float


@dataclass(frozen=True, slots=True)
class Drift:
    """The largest change after the reference frame.

    Attributes:
        luma: of the mean luma, absolute, in units of the range 0 to 1.
        strength: relative: 0.2 = 20 % more or less than at the reference.
    """

    luma: float
    strength: float


def strength(dreamed: Tensor, content: Tensor) -> float:
    """Mean |x - p|, in units of the range 0 to 1."""
    return float((dreamed - content).abs().mean())


def border_over_centre(residual: Tensor, *, border: float = 0.125) -> float:
    """Strength in a frame along the border over that inside it.

    Args:
        residual: x - p, (1, 3, h, w).
        border: width of the frame, relative to the shorter side.
    """
    size = residual.abs().mean(dim=1)[0]
    width = max(1, round(border * min(size.shape)))
    inside = torch.zeros_like(size, dtype=torch.bool)
    inside[width:-width, width:-width] = True
    return float(size[~inside].mean() / size[inside].mean())


def warping_error(
    dreamed: Iterable[Tensor], content: Iterable[Tensor], *, flow: Flow, scale: float = 1.0
) -> WarpingError:
    """E_warp: how much a frame differs from the one before, brought onto it.

    Over consistent pixels; frames that follow a cut are left out.

    Args:
        flow: an estimator the run did not use, or the run's mistakes are not seen.
        scale: size of the flow relative to the picture.

    Raises:
        ValueError: not one pair of frames could be compared.
    """
    squares: list[tuple[float, float]] = []
    before: tuple[Tensor, Tensor] | None = None
    for frame, image in zip(_moving(content, flow, scale), dreamed, strict=True):
        motion = frame.motion
        if before is not None and motion is not None and motion.reliable.any():
            squares.append(
                (
                    _change(image, before[0], motion=motion),
                    _change(frame.image, before[1], motion=motion),
                )
            )
        before = image, frame.image
    if not squares:
        raise ValueError("no two frames could be compared: there is one frame, or only cuts")
    means = torch.tensor(squares, dtype=torch.float64).mean(0)
    return WarpingError(float(means[0]), float(means[1]), frames=len(squares))


def _moving(content: Iterable[Tensor], flow: Flow, scale: float) -> Iterator[Frame]:
    frames = (
        Frame(picture=None, image=image, index=k, pts=k, duration=1, time_base=Fraction(1, 25))
        for k, image in enumerate(content)
    )
    # No noise rule: it is a part of the filter that the measure must not share.
    return estimate_motion(frames, flow=flow, offsets=(1,), scale=scale, noise=0)


def _change(image: Tensor, before: Tensor, *, motion: Motion) -> float:
    squared = (image - warp(before, motion.previous)).square().mean(1, keepdim=True)
    return float(squared[motion.reliable].mean())


def load_judges() -> list[Judge]:
    """The networks that judge control.

    Raises:
        ModelError: a package with weights is missing; the message says which.
    """
    from ldfilter.dreaming.backbones import load_backbone  # takes seconds; most measures need none

    return [load_backbone(name) for name in JUDGES]


@torch.inference_mode()
def control(image: Tensor, index: int, *, judge: Judge) -> Control:
    """How well `judge` recognises ImageNet class `index` in nine crops at each of three scales."""
    logits = judge(crops(image, judge.tile))
    wanted = logits[:, index : index + 1]
    ranks = (logits > wanted).sum(1) + 1
    probability = logits.softmax(1)[:, index].mean()
    return Control(rank=float(ranks.double().quantile(0.5)), probability=float(probability))


def among_first(image: Tensor, index: int, *, judge: Judge, first: int = 5) -> float:
    """Share of the crops of `control` in which class `index` is among the `first` ones."""
    logits = judge(crops(image, judge.tile))
    ranks = (logits > logits[:, index : index + 1]).sum(1)
    return float((ranks < first).double().mean())


def crops(image: Tensor, tile: int) -> Tensor:
    """Nine crops at each of `CROP_SCALES`, (27, 3, tile, tile), evenly over the picture."""
    height, width = image.shape[2:]
    cut = []
    for scale in CROP_SCALES:
        factor = scale * tile / min(height, width)
        size = round(height * factor), round(width * factor)
        scaled = resize(image, size).clamp(0, 1)
        for row in range(3):
            for column in range(3):
                top = (size[0] - tile) * row // 2
                left = (size[1] - tile) * column // 2
                cut.append(scaled[:, :, top : top + tile, left : left + tile])
    return torch.cat(cut)


def steadiness(frames: Iterable[Frame], *, ago: int = 8) -> Steadiness:
    """Whether the dream keeps its strength, and whether new areas look like old ones.

    Args:
        frames: dreamed frames of one shot, with motion and residual.

    Raises:
        ValueError: no frames.
    """
    strengths: list[float] = []
    new, old = _Mean(), _Mean()
    age: Tensor | None = None
    for frame in frames:
        if frame.residual is None:
            raise ValueError(f"frame {frame.index} carries no residual: it was not dreamed")
        amount = frame.residual.abs().mean(1, keepdim=True)
        age = _aged(age, frame.motion, like=amount)
        strengths.append(float(amount.mean()))
        new.add(amount[age == ago])
        old.add(amount[age > ago])
    if not strengths:
        raise ValueError("steadiness needs at least one frame")
    return Steadiness(strengths[-1] / max(strengths[0], 1e-12), new.value / (old.value or math.nan))


class _Mean:
    """A mean over values that come in pieces; nan without any."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, values: Tensor) -> None:
        self._sum += float(values.sum())
        self._count += values.numel()

    @property
    def value(self) -> float:
        return self._sum / self._count if self._count else math.nan


def _aged(age: Tensor | None, motion: Motion | None, *, like: Tensor) -> Tensor:
    """For how many frames each pixel has been seen; infinite for what a shot starts with."""
    if age is None or motion is None:
        return torch.full_like(like, math.inf)
    height, width = age.shape[2:]
    x = motion.previous[0, 0] + torch.arange(width)
    y = motion.previous[0, 1] + torch.arange(height)[:, None]
    column = x.round().long().clamp(0, width - 1)
    row = y.round().long().clamp(0, height - 1)
    return torch.where(motion.reliable, age[:, :, row, column] + 1, 0.0)


def drift(dreamed: Iterable[Tensor], content: Tensor, *, reference: int = 30) -> Drift:
    """What happens to one frame that is dreamed again and again.

    Args:
        dreamed: the results, in order.
        content: the frame, the same every time.
        reference: all frames after this one, counted from 0, are compared with it.

    Raises:
        ValueError: there is no frame after the reference.
    """
    lumas, strengths = [], []
    for image in dreamed:
        lumas.append(float(luma(image).mean()))
        strengths.append(strength(image, content))
    if len(lumas) < reference + 2:
        raise ValueError(f"{len(lumas)} frames leave none after the reference, frame {reference}")
    level = max(strengths[reference], 1e-12)
    return Drift(
        luma=max(abs(value - lumas[reference]) for value in lumas[reference + 1 :]),
        strength=max(abs(value / level - 1) for value in strengths[reference + 1 :]),
    )


def noise_gain(dreamed: Iterable[Tensor], content: Iterable[Tensor]) -> float:
    """Mean change of the output from frame to frame over that of the input."""
    return _mean_change(dreamed) / max(_mean_change(content), 1e-12)


def _mean_change(images: Iterable[Tensor]) -> float:
    changes = [float((after - before).abs().mean()) for before, after in pairwise(images)]
    return sum(changes) / len(changes) if changes else 0.0


def detail(dreamed: Tensor, content: Tensor) -> float:
    """Laplacian variance of the result's luma minus that of the input's."""
    return _laplacian_variance(dreamed) - _laplacian_variance(content)


def _laplacian_variance(image: Tensor) -> float:
    kernel = image.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]]).view(1, 1, 3, 3)
    return float(F.conv2d(luma(image), kernel).var(correction=0))


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's rho; equal values share their mean rank. nan when either is constant."""
    return _correlation(_ranks(a), _ranks(b))


def residual_correlation(a: Tensor, b: Tensor, *, mask: Tensor) -> float:
    """Pearson's r of two residuals (1, 3, h, w) over the pixels of `mask` (1, 1, h, w) bool.

    Without the mean of each, so that a common tint does not count as the same dream.
    """
    chosen = mask.expand_as(a)
    return _correlation(a[chosen].double(), b[chosen].double())


def _ranks(values: Sequence[float]) -> Tensor:
    given = torch.as_tensor(values, dtype=torch.float64)
    below = (given[:, None] > given).sum(1)
    equal = (given[:, None] == given).sum(1)
    return below.double() + equal.double() / 2


def _correlation(a: Tensor, b: Tensor) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = float(a.norm() * b.norm())
    return float(a @ b) / norm if norm else math.nan
