"""Teaches a feed-forward network a look, so that it runs in real time."""

from ldfilter.distill.card import make_card
from ldfilter.distill.material import Material, gather
from ldfilter.distill.training import Lesson, Trainer

__all__ = ["Lesson", "Material", "Trainer", "gather", "make_card"]
