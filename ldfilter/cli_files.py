"""Which file is read and which is written, and what must not happen to either."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from ldfilter.cli_options import Options
from ldfilter.errors import ConfigError, SinkError

# Names of the standard streams. Opened by name, the output's would be our standard error.
INPUT_NAMES = ("-", "pipe:", "pipe:0", "/dev/stdin", "/dev/fd/0")
OUTPUT_NAMES = ("-", "pipe:", "pipe:1", "/dev/stdout", "/dev/fd/1")


def choose_files(options: Options, *, stdout_is_terminal: bool) -> tuple[str, str]:
    """INPUT and OUTPUT, where "-" is a standard stream.

    Raises:
        ConfigError: one is missing, or video would come from or go to a terminal.
    """
    names = [*([] if options.input is None else [options.input]), *options.files]
    source = names[0] if names else "-"
    output = names[1] if len(names) > 1 else "-"
    if source in INPUT_NAMES:
        source = "-"
        if os.isatty(0):
            raise ConfigError(
                "no INPUT: give a file, a URL or sample:bunny, or pipe a video into standard "
                "input; --help shows how."
            )
    if output in OUTPUT_NAMES:
        output = "-"
        if stdout_is_terminal:
            raise ConfigError(
                "no OUTPUT: video is never written to a terminal; give a file, or pipe standard "
                "output on."
            )
    return source, output


def may_overwrite(
    options: Options, source: str, output: str, *, ask: Callable[[str], str] = input
) -> bool:
    """Whether an existing OUTPUT may be replaced; asked of a person when one is there.

    Raises:
        SinkError: OUTPUT is INPUT, or exists and is to stay, or its folder is missing.
    """
    if output == "-" or "://" in output:
        return options.overwrite
    path = Path(output)
    if not path.exists():
        if not path.parent.is_dir():
            raise SinkError(f"cannot write {output}: there is no folder {path.parent}.")
        return options.overwrite
    if _same_file(source, path):
        raise SinkError(f"the output {output} is the input; give it another name.")
    if options.overwrite or not path.is_file():  # a device or a named pipe is not replaced
        return True
    if not options.keep_existing and source != "-" and os.isatty(0) and os.isatty(2):
        print(f"ldfilter: {output} exists. Overwrite it? [y/N] ", end="", file=sys.stderr)
        sys.stderr.flush()
        try:
            answer = ask("")
        except EOFError:  # Ctrl-D
            answer = ""
            print(file=sys.stderr)
        if answer.strip().lower() in ("y", "yes"):
            return True
    raise SinkError(f"{output} exists and was not touched; -y overwrites it.")


def _same_file(source: str, output: Path) -> bool:
    try:
        given = os.fstat(0) if source == "-" else os.stat(source)
        there = output.stat()
    except OSError:
        return False
    return stat.S_ISREG(given.st_mode) and os.path.samestat(given, there)
