"""What the benchmarks look at, and how they print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import torch
from skimage import data
from torch import Tensor

import ldfilter
from ldfilter.frame import Frame
from ldfilter.image import resize, to_float
from ldfilter.source.synthetic import SyntheticSource, shift


def clip(name: str, first: int, last: int, *, work_height: int = 0) -> list[Frame]:
    """Frames `first` to `last` of a sample, at work size, without the decoded pictures."""
    rate = 25  # of both samples
    with ldfilter.open_source(
        f"sample:{name}",
        work_height=work_height,
        start=Fraction(first, rate),
        end=Fraction(last + 1, rate),
    ) as source:
        return [replace(frame, picture=None) for frame in source]


def photo(name: str, height: int) -> Tensor:
    """A photo of scikit-image, (1, 3, height, w)."""
    image = to_float(torch.from_numpy(getattr(data, name)()))
    return resize(image, (height, round(image.shape[3] * height / image.shape[2])))


def pan(size: tuple[int, int], frames: int, *, step: tuple[float, float]) -> SyntheticSource:
    """A window of `size` that moves over a photo by `step` px per frame, exactly."""
    ground = photo("astronaut", 512)

    def draw(index: int) -> Tensor:
        moved = shift(ground, (-step[0] * index, -step[1] * index))
        return moved[:, :, 80 : 80 + size[0], 40 : 40 + size[1]]

    return SyntheticSource(draw, frames=frames)


def dream(frames: Iterable[Frame], look: str, **overrides: object) -> Iterator[Frame]:
    """`frames` dreamed; without what their source knew of motion."""
    bare = (replace(frame, motion=None, starts_shot=False) for frame in frames)
    yield from ldfilter.dream(bare, look, **overrides)  # type: ignore[arg-type]


def dreamed(frame: Frame) -> Tensor:
    """x = p + d, (1, 3, h, w)."""
    assert frame.residual is not None
    return frame.image + frame.residual


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table row by row, as the rows come."""
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)
    for row in rows:
        cells = (f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row)
        print(f"| {' | '.join(cells)} |", flush=True)
