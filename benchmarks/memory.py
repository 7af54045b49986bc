"""What a look remembers: a dream that was hidden, and the trail of something that moves.

python -m benchmarks.memory
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.material import dream, dreamed, photo, table
from ldfilter.measure import residual_correlation
from ldfilter.source.synthetic import SyntheticSource

SIZE = (272, 480)
FIRST, HIDDEN = 5, 12  # frames before the occluder (J has 16: at least 4), frames it is there
SIDE, STEP = 90, 6  # of the moving square, px


def ground() -> Tensor:
    """A still picture to hide and to move over."""
    return photo("coffee", 340)[:, :, 20 : 20 + SIZE[0], 10 : 10 + SIZE[1]]


def occluded(index: int) -> Tensor:
    """(1, 1, h, w) bool: what the occluder hides in a frame; it drifts by 1 px per frame."""
    mask = torch.zeros(1, 1, *SIZE, dtype=torch.bool)
    if FIRST <= index < FIRST + HIDDEN:
        left = 120 + index
        mask[..., 50:220, left : left + 200] = True
    return mask


def squared(index: int) -> Tensor:
    """(1, 1, h, w) bool: where the moving square is."""
    mask = torch.zeros(1, 1, *SIZE, dtype=torch.bool)
    left = 20 + STEP * index
    mask[..., 90 : 90 + SIDE, left : left + SIDE] = True
    return mask


def memory(look: str) -> float:
    """Correlation of the residual before and after, where it was hidden in every frame."""
    under, over = ground(), photo("astronaut", 480)[:, :, : SIZE[0], : SIZE[1]]
    source = SyntheticSource(
        lambda i: torch.where(occluded(i), over, under), frames=FIRST + HIDDEN + 1
    )
    residuals = [frame.residual for frame in dream(source, look)]
    before, after = residuals[FIRST - 1], residuals[FIRST + HIDDEN]
    assert before is not None and after is not None
    hidden = torch.stack([occluded(FIRST + k) for k in range(HIDDEN)]).all(dim=0)
    return residual_correlation(before, after, mask=hidden)


def trail(look: str, *, frames: int = 24) -> float:
    """Mean difference of the results with and without a square, on pixels uncovered 5 to 10
    frames ago; the same seed."""
    under = ground()
    over = 1 - 0.8 * under.mean(dim=1, keepdim=True).expand_as(under)
    still = SyntheticSource(lambda _: under, frames=frames)
    moving = SyntheticSource(lambda i: torch.where(squared(i), over, under), frames=frames)
    *_, without = dream(still, look)
    *_, with_square = dream(moving, look)
    last = frames - 1
    seen = [squared(last - k) for k in range(11)]
    # Uncovered k frames ago: there in frame last - k, gone ever since.
    fresh = torch.stack([seen[k + 1] & ~seen[k] for k in range(5, 10)]).any(dim=0)
    fresh &= ~torch.stack(seen[:5]).any(dim=0)
    difference = (dreamed(with_square) - dreamed(without)).abs().mean(dim=1, keepdim=True)
    return float(difference[fresh].mean())


def main() -> None:
    looks = ("short-term", "long-term", "trail", "trail-decay")
    head = ("look", "correlation after 12 hidden frames", "trail, mean difference")
    table(head, ([look, memory(look), trail(look)] for look in looks))


if __name__ == "__main__":
    main()
