"""Plain RGB arrays as frames, for people who have their own video library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from ldfilter.errors import SourceError
from ldfilter.frame import Frame
from ldfilter.image import resize, to_float
from ldfilter.source.picture import work_size

Array = np.ndarray[Any, np.dtype[np.uint8]]


def array_frames(arrays: Iterable[Array], *, work_height: int = 0) -> Iterator[Frame]:
    """Frames over uint8 RGB arrays (h, w, 3); `picture` is a copy of the array, pts counts frames.

    Args:
        work_height: height in px to dream at; 0, or anything from the array's height up, is
            full size.

    Raises:
        SourceError: an array of another type or shape, or of another size than the first.
    """
    size: tuple[int, int] | None = None
    for index, array in enumerate(arrays):
        shape = np.shape(array)
        if getattr(array, "dtype", None) != np.uint8 or len(shape) != 3 or shape[2] != 3:
            raise SourceError(
                f"array {index} is {getattr(array, 'dtype', type(array).__name__)} of shape "
                f"{shape}; give uint8 RGB of shape (h, w, 3)."
            )
        if size not in (None, shape[:2]):
            raise SourceError(
                f"array {index} is {shape[0]}x{shape[1]}, the first was {size[0]}x{size[1]}; "
                "all must have one size."
            )
        size = (shape[0], shape[1])
        # A copy: frames run ahead, and the caller may fill the same buffer again.
        picture = np.array(array, order="C")
        small, _ = work_size(size, work_height)
        image = resize(to_float(torch.from_numpy(picture)), small, mode="bicubic").clamp_(0, 1)
        yield Frame(
            picture=picture,
            image=image,
            index=index,
            pts=index,
            duration=1,
            time_base=Fraction(1),
        )
