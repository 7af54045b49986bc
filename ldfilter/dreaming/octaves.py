"""One picture dreamed at several sizes, on random tiles, a schedule at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ldfilter.config import Schedule
from ldfilter.dreaming.objectives import Objective
from ldfilter.dreaming.optimize import Pull, Recipe, draw_sides, optimize_tiles
from ldfilter.dreaming.temporal import Target
from ldfilter.dreaming.tiles import Origin, aim_origins, cut, draw_origins, octave_sizes, paste
from ldfilter.image import resize

CANDIDATES = 16
IDLE = 0.01
"""A tile whose mask is below this on average is left out: there is nothing in it to dream."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How any picture of a run is dreamed.

    Attributes:
        objective: what is wanted.
        tile: side of a tile, px.
        sampling: how origins are drawn, see `draw_origins`.
        jitter: largest relative change of scale between tile and network.
        feather: width in px of the soft border of a tile's update.
        chunk: tiles per network call.
        effort: multiplies the number of origins.
    """

    objective: Objective
    recipe: Recipe
    tile: int
    sampling: str
    jitter: float
    feather: int
    chunk: int
    effort: float


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """What one octave works on, all at its size.

    Attributes:
        image: x, (1, 3, h, w) in [0, 1].
        content: p, the source, (1, 3, h, w).
        mask: (1, 1, h, w), multiplies every update.
        target: where the past pulls; None = nowhere.
    """

    image: Tensor
    content: Tensor
    mask: Tensor
    target: Target | None

    def resized(self, size: tuple[int, int]) -> Canvas:
        """The canvas at another size (h, w)."""
        if tuple(self.image.shape[2:]) == size:
            return self
        image = resize(self.image, size, mode="bicubic").clamp_(0, 1)
        return Canvas(
            image=image,
            content=resize(self.content, size),
            mask=resize(self.mask, size, mode="area"),
            target=self.target and self.target.resized(size, of=self.image, to=image),
        )


def dream_octaves(
    canvas: Canvas, plan: Plan, schedule: Schedule, *, generator: torch.Generator
) -> Tensor:
    """The image of `canvas` after `schedule`, (1, 3, h, w) in [0, 1].

    What an octave changes is resized and added, so that a dream that lies on the image already
    keeps its detail through the small octaves.

    Args:
        generator: on the CPU.
    """
    image = canvas.image
    size = (image.shape[2], image.shape[3])
    for octave, times in octave_sizes(size, schedule.octaves, tile=plan.tile).items():
        small = replace(canvas, image=image).resized(octave)
        count = max(1, round(schedule.origins * times * plan.effort)) if schedule.origins else 0
        dreamed = small.image
        for number, origin in enumerate(_origins(count, small, plan, generator)):
            slower = 1 - (1 - schedule.settle) * number / max(1, count - 1)
            sides = draw_sides(
                schedule.updates, tile=plan.tile, jitter=plan.jitter, generator=generator
            )
            there = replace(small, image=dreamed)
            gentler = replace(schedule, step=schedule.step * slower)
            dreamed = _dream_origin(there, plan, gentler, origin, sides=sides)
        change = resize(dreamed - small.image, size, mode="bicubic")
        image = (image + change).clamp_(0, 1)
    return image


def _origins(count: int, canvas: Canvas, plan: Plan, generator: torch.Generator) -> list[Origin]:
    """Where the tiles start; where only a part is to be dreamed, the best of many draws."""
    size = (canvas.image.shape[2], canvas.image.shape[3])
    whole = bool(canvas.mask.min() > 0)
    draws = count if whole else max(count, CANDIDATES)
    origins = draw_origins(draws, size=size, sampling=plan.sampling, generator=generator)
    return origins if whole else aim_origins(count, origins, mask=canvas.mask, tile=plan.tile)


def _dream_origin(
    canvas: Canvas, plan: Plan, schedule: Schedule, origin: Origin, *, sides: list[int]
) -> Tensor:
    """The image of `canvas` with the tiles of one origin updated once per side."""
    tiles = cut(canvas.image, origin, plan.tile)
    content = cut(canvas.content, origin, plan.tile)
    masks = cut(canvas.mask, origin, plan.tile) * feathered(plan.tile, plan.feather).to(tiles)
    target = canvas.target
    busy = (masks.mean(dim=(1, 2, 3)) >= IDLE).nonzero().squeeze(1)
    if not len(busy):
        return canvas.image
    plan.recipe.check()
    survey = plan.objective.survey(canvas.image, tile=plan.tile)
    for first in range(0, len(busy), plan.chunk):
        chosen = busy[first : first + plan.chunk]
        pull = None
        if target is not None:
            pull = Pull(
                cut(target.image, origin, plan.tile)[chosen],
                cut(target.weight, origin, plan.tile)[chosen],
            )
        tiles[chosen] = optimize_tiles(
            tiles[chosen],
            plan.objective.at(tiles[chosen], content[chosen], survey),
            plan.recipe,
            step=schedule.step,
            fine=schedule.fine,
            sides=sides,
            mask=masks[chosen],
            pull=pull,
        )
    return paste(canvas.image, tiles, origin)


def feathered(tile: int, width: int) -> Tensor:
    """(1, 1, tile, tile): 1 inside, a smooth ramp to 0 over `width` px at the border.

    Tiles that stop dead leave seams where few origins are drawn.
    """
    if not width:
        return torch.ones(1, 1, tile, tile)
    place = torch.arange(tile) + 0.5
    ramp = (torch.minimum(place, tile - place) / width).clamp(max=1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return (ramp.unsqueeze(1) * ramp).view(1, 1, tile, tile)
