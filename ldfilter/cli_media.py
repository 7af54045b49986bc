"""The source and the encoding that the options of the command line ask for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ldfilter.cli_options import Options, parse_pairs
from ldfilter.config import Config

if TYPE_CHECKING:
    from ldfilter.frame import Source
    from ldfilter.sink import Encoding


def open_input(name: str, options: Options, *, config: Config, stop: threading.Event) -> Source:
    """The source called `name`, trimmed as asked. The first call imports torch."""
    from ldfilter.source import open_source

    return open_source(
        name,
        work_height=config.output.work_height,
        start=options.start,
        end=options.end,
        audio=options.audio,
        subtitles=options.subtitles,
        stop=stop,
    )


def make_encoding(options: Options) -> Encoding:
    """How the output is to be encoded; what was not asked for is left to the sink."""
    from ldfilter.sink import Encoding

    return Encoding(
        format=options.format,
        codec=options.codec,
        crf=options.crf,
        pix_fmt=options.pix_fmt,
        options=parse_pairs(options.enc),
    )
