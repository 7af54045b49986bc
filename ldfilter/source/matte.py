"""Where to dream: a matte from a picture, a video, or the source's own alpha channel."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ldfilter.errors import SourceError
from ldfilter.frame import Frame
from ldfilter.image import luma, resize
from ldfilter.source import open_source

ALPHA = "alpha"
"""In place of a file: the source's own alpha channel."""


def with_matte(frames: Iterable[Frame], name: str) -> Iterator[Frame]:
    """Every frame with its matte: the brightness of `name`, stretched over the picture.

    The nth frame of a matte belongs to the nth frame of the source, also of a trimmed one; a
    picture, and the last frame of a video that ends early, belong to all that follow.

    Raises:
        SourceError: the matte cannot be read, or the source has no alpha channel.
    """
    iterator = iter(frames)
    try:
        pairs = _alphas(iterator) if name == ALPHA else _brightness(iterator, name)
        with closing(pairs):
            for frame, matte in pairs:
                yield replace(frame, matte=matte)
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


def _alphas(frames: Iterator[Frame]) -> Generator[tuple[Frame, Tensor], None, None]:
    for frame in frames:
        yield frame, _alpha_of(frame.picture, _size(frame))


def _brightness(frames: Iterator[Frame], name: str) -> Generator[tuple[Frame, Tensor], None, None]:
    with open_source(name, audio=False, subtitles=False) as source:
        mattes = iter(source)
        shown = next(mattes)
        for frame in frames:
            while shown.index < frame.index and (following := next(mattes, None)) is not None:
                shown = following
            yield frame, resize(luma(shown.image), _size(frame)).clamp_(0, 1)


def _alpha_of(picture: Any, size: tuple[int, int]) -> Tensor:
    """The alpha channel of a decoded frame, (1, 1, h, w) in [0, 1]."""
    parts = getattr(getattr(picture, "format", None), "components", ())
    palette = bool(parts) and picture.format.name == "pal8"
    if not palette and not any(part.is_alpha for part in parts):
        raise SourceError(
            "the source has no alpha channel to take as a matte; name a picture or a video as the "
            "matte instead."
        )
    height, width = size
    plane = picture.reformat(width, height, "gbrap").planes[3]
    rows = np.frombuffer(plane, dtype=np.uint8).reshape(plane.height, plane.line_size)
    return torch.from_numpy(rows[:, :width].astype(np.float32)).div_(255).view(1, 1, height, width)


def _size(frame: Frame) -> tuple[int, int]:
    return frame.image.shape[2], frame.image.shape[3]
