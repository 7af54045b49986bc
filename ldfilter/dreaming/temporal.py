"""The quadratic terms that hold a frame to its past, collapsed into one target and one weight map.

The masks of the long-term loss are 0 or 1 and exclude each other (LucidDream, section 2): a pixel
belongs to the nearest offset that is consistent there. So all offsets together are one image and
one mask, built once before the iterations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ldfilter.config import TemporalConfig
from ldfilter.frame import Motion
from ldfilter.history import History
from ldfilter.image import resize
from ldfilter.warp import inside, warp

KAPPA = 27.0
"""Maps the published ratios beta/alpha, gamma/alpha and delta/alpha to q, the weight of a pull
beside one update. LucidDream gives neither its pixel scale nor its learning rate, and taken
literally in [0, 1] units its temporal gradient is a million times smaller than the objective's.
1/D is folded in, so that a look does not depend on the picture's size. Empirical: beta = 300 and
alpha = 10000 give q = 0.8, which holds a dream over hundreds of frames (q = 0.16 drifts)."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Where the past pulls a frame: q (x - t)^2 / 2 per pixel.

    Attributes:
        image: t, (1, 3, h, w).
        weight: q, (1, 1, h, w).
    """

    image: Tensor
    weight: Tensor

    def resized(self, size: tuple[int, int], *, of: Tensor, to: Tensor) -> Target:
        """For an octave: t antialiased, q by area and never made binary again.

        Only what t differs by from `of`, the image it pulls, is resized and laid on `to`, that
        image at `size`: a pull onto a copy resized by another kernel would blur on every frame.
        """
        image = to + resize(self.image - of, size)
        return Target(image, resize(self.weight, size, mode="area"))

    def faded(self, image: Tensor, keep: Tensor) -> Target:
        """The same with only a part `keep` (1, 1, h, w) of what differs from `image`, p[i]."""
        return Target(torch.lerp(image, self.image, keep), self.weight)


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """The past brought onto a frame.

    Attributes:
        start: (1, 3, h, w), the image a frame starts from.
        target: the pull of the past.
        unclaimed: (1, 1, h, w) bool, pixels that nothing of the past belongs to.
    """

    start: Tensor
    target: Target
    unclaimed: Tensor

    def faded(self, image: Tensor, keep: Tensor) -> Past:
        """The same with only a part `keep` (1, 1, h, w) of what differs from `image`, p[i]."""
        start = torch.lerp(image, self.start, keep)
        return Past(start, self.target.faded(image, keep), self.unclaimed)

    def leaving(self, image: Tensor, keep: float) -> Past:
        """The same while the dream changes to another: a part `keep` of it is left, and nothing
        pulls back to it."""
        if keep == 1:
            return self
        weight = self.target.weight
        faded = self.faded(image, torch.full_like(weight, keep))
        return replace(faded, target=Target(faded.target.image, torch.zeros_like(weight)))


class Memory:
    """What the dreaming stage remembers: the last 32 dreams and the last picture."""

    def __init__(self, depth: int = 32) -> None:
        self.dreams = History(depth)
        self.pictures = History(1)

    def push(self, image: Tensor, residual: Tensor, *, carry: str) -> None:
        """Remember frame i: d[i], or x[i] when whole images are carried; and p[i]."""
        self.dreams.push(residual if carry == "residual" else image + residual)
        self.pictures.push(image)

    def forget(self) -> None:
        """Forget all but the latest frame."""
        self.dreams.clear(keep=1)

    def clear(self) -> None:
        """Forget everything."""
        self.dreams.clear()
        self.pictures.clear()


def recall(image: Tensor, motion: Motion, memory: Memory, config: TemporalConfig) -> Past:
    """The past of a frame that has one.

    Args:
        image: p[i], (1, 3, h, w).
        motion: of the frame, on the device of `image`.
        memory: of the frames before it.
    """
    by = motion.claimed_by
    by = by * (by <= len(memory.dreams))  # what was forgotten claims nothing
    claimed = by > 0
    claims = _brought(image, motion.flow, by, memory, config.carry)
    terms = [(claims, config.long * claimed)]
    if config.short:
        near = claims
        if config.long:
            near = neighbour(image, motion, memory, config.carry)
        terms.append((near, config.short * motion.reliable))
    start = {"content": image, "claimed": claims}.get(config.start, image)
    if not motion.cut and (config.trail or config.start == "warped"):
        dragged = _dragged(image, motion, memory, config.carry)
        trail = config.trail
        if config.trail_normalized:
            trail /= max(float(motion.reliable.sum()), 1.0)
        # What comes from outside has no past to be held to, or its dream would be undone.
        terms.append((dragged, trail * inside(motion.previous)))
        start = dragged if config.start == "warped" else start
    if not motion.cut and config.blend:
        start = torch.lerp(image, _previous(image, motion, memory, config), config.blend)
    return Past(start, _collapse(terms, scale=KAPPA / config.alpha), ~claimed)


def neighbour(image: Tensor, motion: Motion, memory: Memory, carry: str) -> Tensor:
    """The result of the frame before on this one, content where the flow is not to be trusted."""
    return _brought(image, motion.previous, motion.reliable.to(torch.uint8), memory, carry)


def _collapse(terms: list[tuple[Tensor, Tensor]], *, scale: float) -> Target:
    """Terms (t, weight) as one: weights add up, the target is the weighted mean."""
    total = torch.stack([weight.to(terms[0][0]) for _, weight in terms]).sum(dim=0)
    mean = sum((image * weight for image, weight in terms), torch.zeros_like(terms[0][0]))
    # Content where nothing pulls: an octave's resizing must not bleed anything else from there.
    return Target(torch.where(total > 0, mean / total, terms[0][0]), scale * total)


def _brought(image: Tensor, flow: Tensor, by: Tensor, memory: Memory, carry: str) -> Tensor:
    """Every pixel as the frame `by` offsets back dreamed it; content where `by` is 0."""
    past = torch.zeros_like(image)
    for offset in torch.unique(by).tolist():
        if offset:
            past += warp(memory.dreams[offset], flow, where=by == offset)
    brought = image + past if carry == "residual" else torch.where(by > 0, past, image)
    return brought.clamp_(0, 1)


def _previous(image: Tensor, motion: Motion, memory: Memory, config: TemporalConfig) -> Tensor:
    """The previous result on this frame, along the flow or as it was.

    Carrying residuals, the dream is added to the new content (Video DeepDream); carrying images,
    the old picture comes with it (Painted video). What comes from outside the picture is content.
    """
    flow = motion.previous if config.blend_warped else torch.zeros_like(motion.previous)
    return _brought(image, flow, inside(flow).to(torch.uint8), memory, config.carry)


def _dragged(image: Tensor, motion: Motion, memory: Memory, carry: str) -> Tensor:
    """The previous dream along the flow, also over what it uncovers: w[i-1, i] of the trail.

    What comes from outside the picture is content. Differs from LucidDream where residuals are
    carried: only uncovered pixels take the old picture with them, everywhere else the dream lies
    on the new content, so that changes of the input show.
    """
    warped = warp(memory.dreams[1], motion.previous)
    if carry == "residual":
        old = warp(memory.pictures[1], motion.previous)
        warped = warped + torch.where(motion.reliable, image, old)
    return torch.where(inside(motion.previous), warped, image).clamp_(0, 1)
