"""Whether the class asked for is the class one gets, and whether a dream stays put.

python -m benchmarks.control            # both
python -m benchmarks.control --only drift
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator

from benchmarks.material import dream, dreamed, pan, photo, table
from ldfilter.frame import Frame
from ldfilter.measure import JUDGES, control, detail, drift, load_judges, noise_gain
from ldfilter.source.synthetic import SyntheticSource, still_noise

CLASSES = range(25, 1000, 50)
PHOTOS = ("astronaut", "coffee")
HEIGHT = 360
SMALL = (240, 320)


def control_rows(classes: range) -> Iterator[list[object]]:
    """Per class and photo the strength, and rank and probability by each judge."""
    judges = load_judges()
    ranks: list[float] = []
    for index in classes:
        for name in PHOTOS:
            image = photo(name, HEIGHT)
            still = SyntheticSource(lambda _, image=image: image, frames=1)  # type: ignore[misc]
            (frame,) = dream(still, "long-term", objective__classes=(str(index),))
            seen = [control(dreamed(frame), index, judge=judge) for judge in judges]
            ranks += [judgement.rank for judgement in seen]
            strength = float((dreamed(frame) - image).abs().mean())
            cells = (c for judgement in seen for c in (judgement.rank, judgement.probability))
            yield [index, name, strength, *cells]
    share = sum(rank <= 5 for rank in ranks) / len(ranks)
    yield ["all", f"median rank {statistics.median(ranks):g}", f"at most 5 in {share:.0%}"]


def drift_rows(looks: tuple[str, ...]) -> Iterator[list[object]]:
    """One frame 600 times, 300 frames of noise, 206 frames of a slow pan."""
    for look in looks:
        image = photo("astronaut", 512)[:, :, 80 : 80 + SMALL[0], 40 : 40 + SMALL[1]]
        same = SyntheticSource(lambda _: image, frames=600)  # noqa: B023 used at once
        moved = drift((dreamed(frame) for frame in dream(same, look)), image)
        noisy = still_noise(SMALL, 300, image=image)
        frames = list(dream(noisy, look))
        gain = noise_gain((dreamed(f) for f in frames), (f.image for f in frames))
        yield [look, 255 * moved.luma, moved.strength, gain, _detail_kept(look)]


def _detail_kept(look: str) -> float:
    """Detail at frame 200 over detail at frame 5 of the pan."""
    kept: dict[int, Frame] = {}
    for frame in dream(pan(SMALL, 201, step=(0.7, 0.3)), look):
        if frame.index in (5, 200):
            kept[frame.index] = frame
    late, early = (detail(dreamed(kept[k]), kept[k].image) for k in (200, 5))
    return late / early


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("control", "drift"))
    parser.add_argument("--looks", nargs="*", default=("short-term", "long-term"))
    args = parser.parse_args()
    if args.only != "drift":
        head = [f"{what}, {judge}" for judge in JUDGES for what in ("rank", "probability")]
        table(["class", "photo", "strength", *head], control_rows(CLASSES))
    if args.only != "control":
        head = ["luma, 1/255", "strength, relative", "noise gain", "detail on a pan, 200 / 5"]
        table(["look", *head], drift_rows(tuple(args.looks)))


if __name__ == "__main__":
    main()
