"""What several passes over a shot do to its borders, and that memory does not grow with it.

python -m benchmarks.passes            # both tables
python -m benchmarks.passes --only border
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator

from torch import Tensor

from benchmarks.material import clip, dream, table
from ldfilter.frame import Frame
from ldfilter.measure import border_over_centre
from ldfilter.pipeline import strength
from ldfilter.source.synthetic import shifted_texture

FRAMES = (76, 99)
"""Of bikes.mp4: a flight, new things come in at the border all the time."""
LOOKS = ("long-term", "multi-pass")
LENGTHS = (50, 500)


def border_rows() -> Iterator[list[object]]:
    """Strength at the border over that in the centre, with one pass and with several."""
    content = clip("bikes", *FRAMES)
    for look in LOOKS:
        frames = list(dream(content, look))
        ratios = [border_over_centre(_residual(frame)) for frame in frames]
        size = statistics.mean(strength(frame) for frame in frames)
        yield [look, size, statistics.mean(ratios)]


def memory_rows() -> Iterator[list[object]]:
    """Peak memory of whole processes that go over a shot of 50 and of 500 frames."""
    first = 0.0
    for length in LENGTHS:
        command = [sys.executable, "-m", "benchmarks.passes", "--shot", str(length)]
        peak = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        first = first or peak
        yield [length, peak, peak / first]


def peak_of_shot(length: int) -> float:
    """Peak memory in MB of three passes over a shot of `length` frames, as cheap as they go.

    Held in memory, 500 of them would take 2.7 GB.
    """
    source = shifted_texture((360, 640), length)
    little = {"octaves": [1], "origins": 0, "updates": 1}
    overrides = {"passes__count": 3, "passes__later": little, "dream__first": little}
    for _ in dream(source, "multi-pass", **overrides):
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _residual(frame: Frame) -> Tensor:
    assert frame.residual is not None
    return frame.residual


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("border", "memory"))
    parser.add_argument("--shot", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.shot:
        print(peak_of_shot(args.shot))
        return
    if args.only != "memory":
        table(("look", "strength", "border over centre"), border_rows())
    if args.only != "border":
        table(("frames in the shot", "peak memory, MB", "over the first"), memory_rows())


if __name__ == "__main__":
    main()
