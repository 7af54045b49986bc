"""A dream that costs nothing, and frames with motion that is known."""

from __future__ import annotations

from fractions import Fraction

import torch

from ldfilter.config import Config, apply
from ldfilter.dreaming.dreamer import OptimizingDreamer
from ldfilter.dreaming.terms import Survey
from ldfilter.frame import Frame, Motion

TILE = 32
SIZE = (40, 56)


def texture_loss(tiles):
    """Wants more of the detail that is there, wherever the tile starts; pixels differ."""
    return -(tiles[..., 1:] - tiles[..., :-1]).square().mean(dim=(1, 2, 3))


class Anywhere:
    """An objective whose loss is the same everywhere."""

    def __init__(self, loss):
        self.loss = loss

    def survey(self, image, *, tile):
        return Survey({}, 1.0)

    def at(self, tiles, content, survey):
        return self.loss


class Only:
    """A repertoire of a single objective."""

    def __init__(self, objective):
        self.objective = objective

    def at(self, weights):
        return self.objective


def dreamer(config=None, loss=texture_loss, **overrides):
    """A dreamer on the CPU that descends `loss`."""
    settings = {key.replace("__", "."): value for key, value in overrides.items()}
    return OptimizingDreamer(
        apply(config or Config(), {"dream.jitter": 0.0, **settings}),
        repertoire=Only(Anywhere(loss)),
        tile=TILE,
        device=torch.device("cpu"),
    )


def moved(flow=None, *, by=None, reliable=None, cut=False, size=SIZE):
    """A Motion at `size`; without arguments nothing moved and offset 1 claims everything."""
    flow = torch.zeros(1, 2, *size) if flow is None else flow
    by = torch.ones(1, 1, *size, dtype=torch.uint8) if by is None else by
    reliable = by == 1 if reliable is None else reliable
    return Motion(previous=flow, reliable=reliable, flow=flow, claimed_by=by, cut=cut)


def frame(image, index=0, motion=None):
    """A frame at work size with nothing behind it; without motion it starts a shot."""
    return Frame(
        picture=None,
        image=image,
        index=index,
        pts=index,
        duration=1,
        time_base=Fraction(1, 25),
        starts_shot=motion is None,
        motion=motion,
    )


def picture(seed=0, size=SIZE):
    """A picture away from black and white, so that nothing is clipped."""
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed)) * 0.5 + 0.25
