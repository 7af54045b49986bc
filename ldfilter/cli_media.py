"""The source and the encoding that the options of the command line ask for."""

from __future__ import annotations

import platform
import threading
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from ldfilter.cli_options import Options, parse_pairs
from ldfilter.config import Config
from ldfilter.errors import ConfigError
from ldfilter.version import __version__

if TYPE_CHECKING:
    from ldfilter.frame import Source
    from ldfilter.sink import Encoding


def open_input(name: str, options: Options, *, config: Config, stop: threading.Event) -> Source:
    """The source called `name`, trimmed as asked. The first call imports torch.

    Raises:
        ConfigError: it is a pipe, and the look needs a file.
    """
    from ldfilter.passes import check_source
    from ldfilter.source import open_source

    source = open_source(
        name,
        work_height=config.output.work_height,
        start=options.start,
        end=options.end,
        audio=options.audio,
        subtitles=options.subtitles,
        stop=stop,
    )
    try:
        check_source(source, passes=config.passes.count)
    except ConfigError:
        source.close()
        raise
    return source


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


def describe_run(source: Source, output: str, encoding: Encoding) -> list[str]:
    """What `-v` shows before the dream: versions, the input, and what is kept of it."""
    from ldfilter.sink import keep_plan
    from ldfilter.source import describe

    packages = ("torch", "torchvision", "timm", "av", "opencv-contrib-python-headless", "numpy")
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    height, width = source.work_size
    return [
        f"ldfilter {__version__}, Python {platform.python_version()}, {versions}",
        *describe(source.info, source.packets),
        *keep_plan(output, like=source, encoding=encoding),
        f"dreaming at {width}x{height}",
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # installed another way, or under another name
        return "?"
