"""A contact sheet: one clip in many looks, each with its name, time per frame and strength."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont

from ldfilter.config import Config
from ldfilter.errors import SinkError
from ldfilter.frame import Frame
from ldfilter.image import to_uint8
from ldfilter.pipeline import build, process, strength

FRAMES = 5
"""How many frames of the clip every look dreams; the last one is shown."""
CELL = 480  # width of a picture on the sheet, px
LABEL = 28  # height of the line under it, px
GAP = 8  # px
PAPER, INK = (18, 18, 22), (235, 235, 235)


@dataclass(frozen=True, slots=True)
class Cell:
    """One look on the sheet.

    Attributes:
        seconds: per frame: the median of those after the first one, of that one if it is alone; of
            a look of several passes, the mean.
        strength: of the frame shown.
    """

    name: str
    picture: Image.Image
    seconds: float
    strength: float

    @property
    def label(self) -> str:
        """What stands under the picture."""
        return f"{self.name}   {self.seconds:.1f} s per frame   strength {self.strength:.3f}"


def dream_cell(
    name: str, config: Config, frames: Iterable[Frame], *, stop: threading.Event | None = None
) -> Cell:
    """One look.

    Args:
        frames: of the clip; the first `FRAMES` are used.
        stop: once set, Stopped is raised before the next network call.
    """
    content = (replace(frame, motion=None) for frame in islice(frames, FRAMES))
    seconds: list[float] = []
    dreamed = []
    start = time.perf_counter()
    for frame in process(content, build(config, stop=stop)):
        seconds.append(time.perf_counter() - start)
        dreamed.append(frame)
        start = time.perf_counter()
    shown = dreamed[-1]
    residual = torch.zeros(()) if shown.residual is None else shown.residual
    image = shown.image + config.output.strength * residual
    picture = Image.fromarray(to_uint8(image)[0].numpy())
    if config.passes.count > 1:  # all frames come at once
        each = sum(seconds) / len(seconds)
    else:
        each = statistics.median(seconds[1:] or seconds)
    return Cell(name, picture, each, strength(shown))


def lay_out(cells: Sequence[Cell]) -> Image.Image:
    """All cells in rows, nearly square."""
    first = cells[0].picture
    height = round(first.height * CELL / first.width)
    columns = max(1, round(math.sqrt(len(cells) * (height + LABEL) / CELL)))
    rows = math.ceil(len(cells) / columns)
    size = (columns * (CELL + GAP) + GAP, rows * (height + LABEL + GAP) + GAP)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=16)
    for index, cell in enumerate(cells):
        left = GAP + index % columns * (CELL + GAP)
        top = GAP + index // columns * (height + LABEL + GAP)
        sheet.paste(cell.picture.resize((CELL, height), Image.Resampling.LANCZOS), (left, top))
        draw.text((left + 2, top + height + 4), cell.label, fill=INK, font=font)
    return sheet


def check_name(path: str) -> None:
    """Raises SinkError where `path` is not the name of a picture that can be written."""
    known = Image.registered_extensions()
    if known.get(Path(path).suffix.lower()) not in Image.SAVE:
        raise SinkError(f"a sheet is a picture; name it something like sheet.png, not {path}.")


def save_sheet(sheet: Image.Image, path: str) -> None:
    """Write the sheet as the picture that the name asks for.

    Raises:
        SinkError: the file cannot be written.
    """
    try:
        sheet.save(path)
    except OSError as error:
        raise SinkError(f"cannot write {path}: {error.strerror or error}.") from error
