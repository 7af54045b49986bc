"""How a gradient becomes an update of the tiles. Every statistic is per tile, so that the size of
the batch does not change the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ldfilter.dreaming.objectives import Loss, gradient
from ldfilter.image import blur, collapse, laplacian_pyramid, resize

EPSILON = 1e-12
LEVEL_WEIGHTS = (0.7, 1.0, 1.2)
"""Of the gradient's Laplacian pyramid, from the second finest level on; the finest is given with
every update. Empirical: equal weights spend the strength on grain; these draw shapes, and
independent networks see the class sooner."""
SIDE_GRID = 16  # px: few distinct sizes, so that the convolutions of each are prepared once


def raw(grad: Tensor, fine: float) -> Tensor:
    """The gradient as it is (LucidDream)."""
    return grad


def smooth(grad: Tensor, fine: float) -> Tensor:
    """The gradient, blurred by a pixel: the cheapest cure for noise."""
    return blur(grad, sigma=1.0)


def equalize(grad: Tensor, fine: float) -> Tensor:
    """Every level of the Laplacian pyramid brought to mean 0 and a deviation of its own, per tile.

    Small networks have noisy pixel gradients; energy at every scale is what makes the class
    visible. Without its mean an update cannot make a still shot brighter with every frame.

    Args:
        fine: weight of the finest level. Warping keeps what is coarse and loses the finest detail,
            so later frames need more of it than the first.
    """
    weights = (fine, *LEVEL_WEIGHTS)
    levels = laplacian_pyramid(grad, len(weights))
    return collapse(
        [_standardized(level).mul_(w) for level, w in zip(levels, weights, strict=True)]
    )


def tinted(grad: Tensor, chroma: float) -> Tensor:
    """`grad` with a part `chroma` of its colour, or the dream is drawn in rainbows."""
    grad = grad.contiguous()  # networks give it channels-last, which is slow here
    if chroma == 1:
        return grad
    return torch.lerp(grad.mean(dim=1, keepdim=True).expand_as(grad), grad, chroma)


def _standardized(level: Tensor) -> Tensor:
    # Several times as fast as torch.std_mean.
    level = level - level.mean(dim=(1, 2, 3), keepdim=True)
    return level.div_(level.square().mean(dim=(1, 2, 3), keepdim=True).sqrt_().add_(EPSILON))


GRADIENTS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "raw": raw,
    "blur": smooth,
    "laplacian": equalize,
}


class Optimizer(Protocol):
    """Gradients (B, 3, h, w) to updates of the same shape, to be subtracted."""

    def __call__(self, grad: Tensor) -> Tensor: ...


class Normalized:
    """Gradient descent whose mean absolute update is `step`, per tile."""

    def __init__(self, step: float) -> None:
        self.step = step

    def __call__(self, grad: Tensor) -> Tensor:
        return self.step * unit(grad)


class Adam:
    """Adam (Kingma & Ba, 2014, algorithm 1) for one batch of tiles; made anew for every origin, so
    that a pixel outside the tiles never moves by momentum."""

    def __init__(self, step: float, *, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self.step = step
        self.betas = betas
        self.count = 0
        self.first = torch.zeros(())
        self.second = torch.zeros(())

    def __call__(self, grad: Tensor) -> Tensor:
        self.count += 1
        b1, b2 = self.betas
        self.first = b1 * self.first.to(grad) + (1 - b1) * grad
        self.second = b2 * self.second.to(grad) + (1 - b2) * grad.square()
        mean = self.first / (1 - b1**self.count)
        variance = self.second / (1 - b2**self.count)
        return self.step * mean / (variance.sqrt() + 1e-8)


OPTIMIZERS: dict[str, Callable[[float], Optimizer]] = {"adam": Adam, "normalized": Normalized}


def unit(grad: Tensor) -> Tensor:
    """`grad` with mean absolute value 1, per tile."""
    return grad / (grad.abs().mean(dim=(1, 2, 3), keepdim=True) + EPSILON)


@dataclass(frozen=True, slots=True, eq=False)
class Pull:
    """The temporal terms of a batch of tiles, collapsed into one: q (x - t)^2 / 2.

    Attributes:
        target: t, (B, 3, h, w).
        weight: q, (B, 1, h, w), in units of an update; 0 = no force.
    """

    target: Tensor
    weight: Tensor

    def attract(self, tiles: Tensor) -> Tensor:
        """The exact proximal step, stable for any weight."""
        return (tiles + self.weight * self.target) / (1 + self.weight)

    def gradient(self, tiles: Tensor, *, step: float) -> Tensor:
        """The gradient beside an objective's of mean 1: plain descent by `step` moves q (x - t)."""
        return self.weight / max(step, EPSILON) * (tiles - self.target)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How tiles are optimised; the same for all tiles of a frame.

    Attributes:
        treat: the gradient's treatment, given `fine`.
        optimizer: makes a fresh optimiser for a step size.
        chroma: what is left of a gradient's colour.
        proximal: the temporal terms act after the update, not through the optimiser.
        check: called before every network call; raises to stop.
    """

    treat: Callable[[Tensor, float], Tensor]
    optimizer: Callable[[float], Optimizer]
    chroma: float
    proximal: bool
    check: Callable[[], None]


def draw_sides(updates: int, *, tile: int, jitter: float, generator: torch.Generator) -> list[int]:
    """For every update the side in px at which the network sees a tile, within `jitter` of it.

    A dream that survives small changes of scale pleases more than the network that dreamt it.
    """
    if not jitter:
        return [tile] * updates
    draws = (torch.rand(updates, generator=generator) * 2 - 1).tolist()
    return [round(tile * (1 + jitter * draw) / SIDE_GRID) * SIDE_GRID for draw in draws]


def optimize_tiles(
    tiles: Tensor,
    loss: Loss,
    recipe: Recipe,
    *,
    step: float,
    fine: float,
    sides: Sequence[int],
    mask: Tensor,
    pull: Pull | None = None,
) -> Tensor:
    """`tiles` (B, 3, h, w) in [0, 1] after one update per entry of `sides`.

    Args:
        step: mean size of an update.
        fine: weight of the finest detail in it, see `equalize`.
        mask: (B or 1, 1, h, w), multiplies every update.
        pull: the temporal terms, cut like the tiles.
    """
    optimizer = recipe.optimizer(step)
    for side in sides:
        recipe.check()
        grad = tinted(_gradient_at(loss, tiles, side), recipe.chroma)
        grad = recipe.treat(grad, fine)
        if pull is not None and not recipe.proximal:
            grad = unit(grad) + pull.gradient(tiles, step=step)
        tiles = (tiles - mask * optimizer(grad)).clamp_(0, 1)
        if pull is not None and recipe.proximal:
            tiles = pull.attract(tiles)
    return tiles


def _gradient_at(loss: Loss, tiles: Tensor, side: int) -> Tensor:
    return gradient(lambda t: loss(resize(t, (side, side))), tiles)
