"""How near a style look comes to its style, how much of the content stays, and whether it flickers.

python -m benchmarks.style
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks.material import clip, dream, dreamed, photo, table
from ldfilter.dreaming.objectives import Dream
from ldfilter.dreaming.terms import ContentTerm, Seen, StyleTerm, Survey, gram
from ldfilter.image import cover
from ldfilter.looks import load_preset
from ldfilter.measure import warping_error
from ldfilter.motion import load_flow
from ldfilter.pipeline import build
from ldfilter.source.synthetic import SyntheticSource

STYLES = ("style:night", "style:ember", "style:moss")
FRAMES = (76, 83)  # of bikes.mp4; a style dreamed frame by frame takes a minute each


class _Unweighted(Dream):
    """The losses of a style look as they are, without weights and without tiles."""

    @torch.no_grad()
    def losses(self, image: Tensor, content: Tensor) -> dict[type, float]:
        """By kind of term, for a whole picture."""
        grams = {name: gram(maps) for name, maps in self.whole(image).items()}
        whole = Survey(grams, share=1.0)
        seen = Seen(self.features(image), self.content(content), whole, began=grams)
        return {type(term): float(term(seen)) for term in self.terms}


def measured(style: str) -> _Unweighted:
    """What a style look minimises."""
    stages = build(load_preset("style", objective__style__images=(style,)))
    objective = stages.dreamer.plan.objective  # type: ignore[attr-defined]
    return _Unweighted(objective.features.backbone, objective.terms)


def still_rows() -> Iterator[list[object]]:
    """Per style and photo: the fall of the style loss, and the content loss beside that of another
    photo."""
    for style in STYLES:
        judge = measured(style)
        for name, other in (("astronaut", "coffee"), ("coffee", "astronaut")):
            content = photo(name, 360)
            unrelated = cover(photo(other, 360), (360, content.shape[3]))
            still = SyntheticSource(lambda _, content=content: content, frames=1)  # type: ignore[misc]
            (frame,) = dream(still, "style", objective__style__images=(style,))
            before, after, else_ = (
                judge.losses(image, content) for image in (content, dreamed(frame), unrelated)
            )
            yield [
                style,
                name,
                before[StyleTerm] / after[StyleTerm],
                after[ContentTerm] / else_[ContentTerm],
            ]


def flicker_rows() -> Iterator[list[object]]:
    """Warping error of the style look over that of the same look frame by frame."""
    content = clip("bikes", *FRAMES)
    images = [frame.image for frame in content]
    errors = []
    for name, overrides in (("frame by frame", {"temporal__long": 0.0}), ("style", {})):
        frames = list(dream(content, "style", **overrides))
        result = [dreamed(frame) for frame in frames]
        error = warping_error(result, images, flow=load_flow("farneback")).dreamed
        strength = sum(float((a - b).abs().mean()) for a, b in zip(result, images, strict=True))
        errors.append(error)
        yield [name, strength / len(images), error, error / errors[0]]


def main() -> None:
    still = (
        "style",
        "photo",
        "style loss before / after, must 10",
        "content / another photo's, 0.5",
    )
    table(still, still_rows())
    table(("look", "strength", "warping error", "over frame by frame, must 0.4"), flicker_rows())


if __name__ == "__main__":
    main()
