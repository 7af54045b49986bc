"""What the dream is drawn towards, as losses: lower is better, the sign is turned once, in here.

An objective takes tiles (B, 3, h, w) in [0, 1] and gives one loss per tile, (B,), so that no tile
depends on which others share its batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from ldfilter.dreaming.backbones import Backbone


class Objective(Protocol):
    """Tiles (B, 3, h, w) to losses (B,)."""

    def __call__(self, tiles: Tensor) -> Tensor: ...


def squared(logits: Tensor, index: int) -> Tensor:
    """-F_c^2 (LucidDream, section 2). Where the logit is negative it falls further."""
    return -logits[:, index].square()


def signed_square(logits: Tensor, index: int) -> Tensor:
    """-F_c |F_c|. Differs from LucidDream's square only where the logit is negative: it rises."""
    return -logits[:, index] * logits[:, index].abs()


def logit(logits: Tensor, index: int) -> Tensor:
    """-F_c."""
    return -logits[:, index]


def log_probability(logits: Tensor, index: int) -> Tensor:
    """-log p_c: also pushes down the classes that compete with c."""
    return -logits.log_softmax(dim=1)[:, index]


FORMS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "squared": squared,
    "signed-square": signed_square,
    "logit": logit,
    "log-probability": log_probability,
}


class ClassObjective(nn.Module):
    """A weighted sum over classes and forms of the class loss.

    Args:
        backbone: gives the logits.
        classes: (ImageNet index, weight) pairs.
        forms: names of `FORMS` with weights.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: Sequence[tuple[int, float]],
        forms: Mapping[str, float],
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classes = tuple(classes)
        self.forms = dict(forms)

    def forward(self, tiles: Tensor) -> Tensor:
        logits = self.backbone(tiles)
        losses = [
            class_weight * form_weight * FORMS[form](logits, index)
            for index, class_weight in self.classes
            for form, form_weight in self.forms.items()
        ]
        return torch.stack(losses).sum(dim=0)

    def extra_repr(self) -> str:
        return f"classes={self.classes}, forms={self.forms}"


def gradient(objective: Objective, tiles: Tensor) -> Tensor:
    """The gradient of each tile's own loss with respect to the tile, (B, 3, h, w)."""
    with torch.enable_grad():
        tiles = tiles.detach().requires_grad_()
        (grad,) = torch.autograd.grad(objective(tiles).sum(), tiles)
    return grad
