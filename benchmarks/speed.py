"""What the network costs, and what everything else adds.

python -m benchmarks.speed
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from resource import RUSAGE_SELF, getrusage
from typing import Any

import timm
import torch
from torch import Tensor, nn

import ldfilter
from benchmarks.material import clip, table
from ldfilter.dreaming import dreamer as dreaming
from ldfilter.dreaming.backbones import BACKBONES, load_backbone, load_in_order
from ldfilter.dreaming.dreamer import PassThrough
from ldfilter.dreaming.objectives import Dream, Loss, gradient
from ldfilter.dreaming.terms import ClassTerm
from ldfilter.frame import Frame
from ldfilter.looks import load_preset
from ldfilter.pipeline import build, process
from ldfilter.source.synthetic import slow_pan

TWO_TILES = (2, 3, 224, 224)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def objective(network: nn.Module) -> Dream:
    """The default objective on any network."""
    return Dream(network, [ClassTerm(((327, 1.0),), load_preset().objective.forms)])  # type: ignore[arg-type]


def bare(tiles: Tensor) -> Callable[[], object]:
    """A forward and backward pass of the default network on `tiles`."""
    return lambda: gradient(anywhere(_DEFAULT, tiles), tiles)


def anywhere(wanted: Dream, tiles: Tensor) -> Loss:
    """The loss of tiles wherever they lie, for an objective that does not look around."""
    return wanted.at(tiles, tiles, wanted.survey(tiles, tile=tiles.shape[-1]))


_DEFAULT = objective(load_backbone("efficientnet-lite0"))


def folded_against_plain(pairs: int = 20) -> float:
    """Median ratio of interleaved steps of four tiles: as the filter runs it, over timm's own."""
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    load_in_order(network, BACKBONES["efficientnet-lite0"].weights.load(instead=""))
    tiles = torch.rand(4, 3, 224, 224)

    wanted = anywhere(objective(nn.Sequential(_Scaled(), network)), tiles)

    def plain() -> None:
        images = tiles.clone().requires_grad_()
        wanted(images).sum().backward()

    for work in (plain, bare(tiles)):
        work()
    return statistics.median(seconds(bare(tiles)) / seconds(plain) for _ in range(pairs))


class _Scaled(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images * 2 - 1


def overhead(look: str, rounds: int = 5, frames: int = 6) -> tuple[float, float, float]:
    """A run's wall time over the bare time of its batches, its seconds and two-tile steps per
    frame; the first frame and start-up left out.

    The median of equal rounds, with bare steps before and after each: the speed of a shared
    machine changes from minute to minute.
    """
    content = clip("bikes", 76, 76 + frames)
    walls, bares, steps = [], [], []
    for _ in range(rounds + 1):
        wall, shapes = _run(content, look)
        cost = {shape: _median(bare(torch.rand(shape))) for shape in {*shapes, TWO_TILES}}
        walls.append(wall)
        bares.append(sum(cost[shape] * count for shape, count in shapes.items()))
        steps.append(cost[TWO_TILES])

    def over(costs: list[float]) -> float:
        around = ((before + after) / 2 for before, after in pairwise(costs))
        return statistics.median(w / cost for w, cost in zip(walls[1:], around, strict=True))

    return over(bares), statistics.median(walls) / frames, over(steps) / frames


def _run(content: list[Frame], look: str) -> tuple[float, Counter[tuple[int, ...]]]:
    """Seconds that all frames but the first took, and how often which batch was computed."""
    shapes: Counter[tuple[int, ...]] = Counter()

    class Counting(Dream):
        def forward(self, tiles: Tensor, **place: Any) -> Tensor:
            shapes[tuple(tiles.shape)] += 1
            return super().forward(tiles, **place)

    stages = build(load_preset(look))
    counting = Counting(_DEFAULT.features.backbone, _DEFAULT.terms)
    assert isinstance(stages.dreamer, dreaming.OptimizingDreamer)
    plan = stages.dreamer.plan
    stages.dreamer.plan = replace(plan, objective=counting)
    stream = process((replace(frame, motion=None) for frame in content), stages)
    next(stream)
    shapes.clear()
    return seconds(lambda: list(stream)), shapes


def _median(work: Callable[[], object], runs: int = 7) -> float:
    work()
    return statistics.median(seconds(work) for _ in range(runs))


def growth() -> float:
    """MB by which a run without a network grows from frame 100 to frame 1000 at 640x272."""
    stages = replace(build(load_preset("long-term")), dreamer=PassThrough())
    at: dict[int, int] = {}
    for frame in process(slow_pan((272, 640), 1001), stages):
        if frame.index in (100, 1000):
            at[frame.index] = getrusage(RUSAGE_SELF).ru_maxrss
    return (at[1000] - at[100]) / 1024


def rows() -> Iterator[list[object]]:
    """The table, row by row as the figures come."""
    yield ["folded step over plain step, 4 tiles", folded_against_plain()]
    for look in ("short-term", "long-term"):
        ratio, per_frame, steps = overhead(look)
        yield [f"{look}: overhead", ratio]
        yield [f"{look}: s per frame at 640x272", per_frame]
        yield [f"{look}: two-tile steps per frame", steps]
    yield ["memory growth, frame 100 to 1000, MB", growth()]


def main() -> None:
    threads = torch.get_num_threads()
    print(f"ldfilter {ldfilter.__version__}, torch {torch.__version__}, {threads} threads")
    table(("what", "measured"), rows())


if __name__ == "__main__":
    main()
