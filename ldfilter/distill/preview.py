"""A picture of how far a student is."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ldfilter.distill.material import Material
from ldfilter.distill.training import Trainer
from ldfilter.dreaming.student import Student, StudentDreamer
from ldfilter.image import to_uint8


def save_preview(path: Path, trainer: Trainer, material: Material) -> None:
    """The first frames of what is kept for judging, as the student dreams them now."""
    dreamer = StudentDreamer(Student(trainer.network, "", {}), device=trainer.device)
    pictures = []
    for shot in material.unseen:
        image = shot[0].image + dreamer.dream(shot[0])
        pictures.append(Image.fromarray(to_uint8(image)[0].numpy()))
    if not pictures:
        return
    size = (sum(picture.width for picture in pictures), max(picture.height for picture in pictures))
    sheet = Image.new("RGB", size)
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width
    sheet.save(path)
