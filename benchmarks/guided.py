"""Whether a guide image draws its own subject forth.

python -m benchmarks.guided
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from PIL import Image
from skimage import data
from torch import Tensor

from benchmarks.material import dream, dreamed, photo, table
from ldfilter.measure import control, load_judges
from ldfilter.source.synthetic import SyntheticSource

GUIDES = {"camera": 872, "chelsea": 285, "coffee": 967, "stereo_motorcycle": 665, "horse": 246}
"""Photos of scikit-image with what the judges say they show: tripod, Egyptian cat, espresso, moped,
Great Dane."""
NOISE = 0.001  # a rise below this is none


def write_guide(name: str, folder: Path) -> str:
    """A guide as an image file; gives its path."""
    image = getattr(data, name)()
    picture = image[0] if isinstance(image, tuple) else image
    path = folder / f"{name}.png"
    Image.fromarray(picture).convert("RGB").save(path)
    return str(path)


def guided(content: Tensor, guide: str, **overrides: object) -> Tensor:
    """`content` dreamed with a guide."""
    still = SyntheticSource(lambda _: content, frames=1)
    (frame,) = dream(still, "guided", objective__guided__images=(guide,), **overrides)
    return dreamed(frame)


def rows(content: Tensor, **overrides: object) -> Iterator[list[object]]:
    """For every pair of guides A and B: how far A's class rises with A and with B."""
    judges = load_judges()

    def belief(image: Tensor, index: int) -> float:
        seen = [control(image, index, judge=judge).probability for judge in judges]
        return sum(seen) / len(seen)

    with tempfile.TemporaryDirectory() as folder:
        results = {
            name: guided(content, write_guide(name, Path(folder)), **overrides) for name in GUIDES
        }
    for a, b in combinations(GUIDES, 2):
        before = belief(content, GUIDES[a])
        own, other = (belief(results[name], GUIDES[a]) - before for name in (a, b))
        yield [a, b, own, other, own / max(other, NOISE)]


def main() -> None:
    head = ("guide A", "guide B", "rise of A's class with A", "with B", "ratio, must 5")
    table(head, rows(photo("astronaut", 360)))


if __name__ == "__main__":
    main()
