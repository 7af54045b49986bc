"""Arrays become frames whose work size is that of files."""

import numpy as np
import pytest

from ldfilter.source.arrays import array_frames
from ldfilter.source.picture import work_size


@pytest.mark.parametrize("height", [-1, 0, 1, 31, 62, 99])
def test_arrays_are_dreamed_at_the_size_of_files(height: int) -> None:
    array = np.random.default_rng(0).integers(0, 256, (62, 85, 3), dtype=np.uint8)
    (frame,) = array_frames([array], work_height=height)
    size, _ = work_size((62, 85), height)
    assert tuple(frame.image.shape) == (1, 3, *size)
    assert frame.image.min() >= 0 and frame.image.max() <= 1
    assert np.array_equal(frame.picture, array)
