"""`ldfilter --sheet INPUT OUTPUT`: every look on the user's own clip, in one picture."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from ldfilter.cli_files import may_overwrite
from ldfilter.cli_media import open_input
from ldfilter.cli_options import Options, make_config
from ldfilter.config import Config, apply
from ldfilter.errors import ConfigError, LdfilterError, Stopped
from ldfilter.looks import list_presets, load_preset

if TYPE_CHECKING:
    from ldfilter.frame import Frame
    from ldfilter.sheet import Cell

WORK_HEIGHT = 270
"""At which looks are shown unless another size is asked for, px."""


def make_sheet(options: Options, *, stop: threading.Event) -> None:
    """Dream the sheet and write it.

    Raises:
        LdfilterError: of its own kind, and nothing is written then; or looks that could not be
            dreamed are missing on the sheet.
    """
    from ldfilter.sheet import check_name, lay_out, save_sheet

    names = [*([] if options.input is None else [options.input]), *options.files]
    if len(names) != 2:
        raise ConfigError("a sheet needs an INPUT and an OUTPUT: ldfilter --sheet in.mp4 out.png")
    check_name(names[1])
    looks = sheet_looks(options)
    _check_pipe(names[0], looks)
    may_overwrite(options, *names)
    try:
        cells, missing = _dream(names[0], looks, options, stop)
    except Stopped as error:
        raise Stopped("stopped; no sheet was written.") from error
    if not cells:
        raise LdfilterError("none of the looks could be dreamed; no sheet was written.")
    save_sheet(lay_out(cells), names[1])
    if missing:
        raise LdfilterError(f"{names[1]} is written, but lacks {', '.join(missing)}.")


def _check_pipe(name: str, looks: list[tuple[str, Config]]) -> None:
    """A clip is read anew for every size at which it is dreamed, and a pipe is read only once."""
    from ldfilter.source import is_pipe

    heights = sorted({config.output.work_height for _, config in looks})
    if len(heights) > 1 and is_pipe(name):
        raise ConfigError(
            f"{name} is a pipe, and the looks are dreamed at the heights "
            f"{', '.join(map(str, heights))}, each from the start; name a file, or give all looks "
            "one height with --work-height."
        )


def sheet_looks(options: Options) -> list[tuple[str, Config]]:
    """Names and configs of what is to be shown: what -p names, else all plain ones of one pass."""
    named = [name.strip() for name in (options.preset or "").split(",") if name.strip()]
    configs = [
        (name, make_config(replace(options, preset=name))) for name in named or _quick_looks()
    ]
    return [
        (name, apply(config, {"output.work_height": config.output.work_height or WORK_HEIGHT}))
        for name, config in configs
    ]


def _quick_looks() -> list[str]:
    plain = (name for name in list_presets() if "/" not in name)
    return [name for name in plain if load_preset(name).passes.count == 1]


def _dream(
    name: str, looks: list[tuple[str, Config]], options: Options, stop: threading.Event
) -> tuple[list[Cell], list[str]]:
    """The cells, and the names of looks that could not be dreamed."""
    from ldfilter.sheet import FRAMES, dream_cell

    said: set[str] = set()

    def say(text: str) -> None:
        if text not in said and not options.quiet:
            print(f"ldfilter: {text}", file=sys.stderr)
        said.add(text)

    @cache
    def clip(work_height: int) -> list[Frame]:
        config = apply(Config(), {"output.work_height": work_height})
        with open_input(name, options, config=config, stop=stop) as source:
            frames = list(islice(source, FRAMES))
            for sentence in source.warnings:
                say(f"warning: {sentence}")
        return frames

    cells: list[Cell] = []
    missing: list[str] = []
    for look, config in looks:
        frames = clip(config.output.work_height)
        try:
            cells.append(dream_cell(look, config, frames, stop=stop))
        except Stopped:
            raise
        except LdfilterError as error:
            print(f"ldfilter: {look} is left out: {error}", file=sys.stderr)
            missing.append(look)
        else:
            say(f"{len(cells) + len(missing)}/{len(looks)} {cells[-1].label}")
    return cells, missing
