"""`ldfilter --sheet INPUT OUTPUT`: every look on the user's own clip, in one picture."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace

from ldfilter.cli_files import may_overwrite
from ldfilter.cli_media import open_input
from ldfilter.cli_options import Options, make_config
from ldfilter.config import Config, apply
from ldfilter.errors import ConfigError, Stopped
from ldfilter.looks import list_presets

WORK_HEIGHT = 270
"""At which looks are shown unless another size is asked for, px."""


def make_sheet(options: Options, *, stop: threading.Event) -> None:
    """Dream the sheet and write it.

    Raises:
        LdfilterError: of its own kind; nothing is written then.
    """
    from ldfilter.sheet import check_name, dream_cells, lay_out, save_sheet

    names = [*([] if options.input is None else [options.input]), *options.files]
    if len(names) != 2:
        raise ConfigError("a sheet needs an INPUT and an OUTPUT: ldfilter --sheet in.mp4 out.png")
    check_name(names[1])
    looks = _looks(options)
    may_overwrite(options, *names)
    cells = []
    try:
        with open_input(names[0], options, config=looks[0][1], stop=stop) as source:
            for cell in dream_cells(source, looks, stop=stop):
                cells.append(cell)
                if not options.quiet:
                    print(f"ldfilter: {len(cells)}/{len(looks)} {cell.label}", file=sys.stderr)
            if not options.quiet:
                for sentence in source.warnings:
                    print(f"ldfilter: warning: {sentence}", file=sys.stderr)
    except Stopped as error:
        raise Stopped("stopped; no sheet was written.") from error
    save_sheet(lay_out(cells), names[1])


def _looks(options: Options) -> list[tuple[str, Config]]:
    """Names and configs of what is to be shown: what -p names, else all but `paper/`."""
    named = [name.strip() for name in (options.preset or "").split(",") if name.strip()]
    names = named or [name for name in list_presets() if "/" not in name]
    configs = [make_config(replace(options, preset=name)) for name in names]
    return [
        (name, apply(config, {"output.work_height": config.output.work_height or WORK_HEIGHT}))
        for name, config in zip(names, configs, strict=True)
    ]
