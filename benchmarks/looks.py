"""Every look on a real clip: strength, warping error, steadiness, detail, seconds per frame.

python -m benchmarks.looks                         # bikes.mp4, frames 76 to 123: one shot
python -m benchmarks.looks --clip bunny --frames 0 131 --work-height 360 short-term decay
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from itertools import pairwise

from benchmarks.material import clip, dream, dreamed, table
from ldfilter import list_presets
from ldfilter.frame import Frame
from ldfilter.measure import detail, rank_correlation, steadiness, warping_error
from ldfilter.motion import load_flow
from ldfilter.pipeline import strength

HEAD = (
    "look",
    "strength",
    "warping error",
    "of the input",
    "last / first strength",
    "new / old areas",
    "last / first detail",
    "rank correlation",
    "largest step",
    "frame 48 / first",
    "s per frame",
)


def measure(look: str, content: list[Frame]) -> list[object]:
    """One row of the table."""
    frames, seconds = _timed(dream(content, look))
    images = [dreamed(frame) for frame in frames]
    error = warping_error(images, [frame.image for frame in content], flow=load_flow("farneback"))
    steady = steadiness(frames)
    strengths = [strength(frame) for frame in frames]
    steps = [abs(b / a - 1) for a, b in pairwise(strengths)]
    fine = [detail(images[k], content[k].image) for k in (0, -1)]
    return [
        look,
        statistics.mean(strengths),
        error.dreamed,
        error.content,
        steady.last_over_first,
        steady.new_over_old,
        fine[1] / fine[0],
        rank_correlation(strengths, range(len(strengths))),
        max(steps),
        strengths[min(47, len(strengths) - 1)] / strengths[0],
        statistics.median(seconds[1:]),
    ]


def _timed(frames: Iterator[Frame]) -> tuple[list[Frame], list[float]]:
    """The frames, and the wall time each took, s."""
    out, seconds = [], []
    start = time.perf_counter()
    for frame in frames:
        seconds.append(time.perf_counter() - start)
        out.append(frame)
        start = time.perf_counter()
    return out, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("looks", nargs="*", help="default: all plain ones")
    parser.add_argument("--clip", default="bikes")
    parser.add_argument("--frames", type=int, nargs=2, default=(76, 123))
    parser.add_argument("--work-height", type=int, default=0)
    args = parser.parse_args()
    content = clip(args.clip, *args.frames, work_height=args.work_height)
    looks = args.looks or [name for name in list_presets() if "/" not in name]
    table(HEAD, (measure(look, content) for look in looks))


if __name__ == "__main__":
    main()
