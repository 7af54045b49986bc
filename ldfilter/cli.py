"""The command `ldfilter`: reads the options, runs the pipeline, and turns errors to exit codes.

Imports torch only once there is something to dream.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import traceback
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from ldfilter.cli_answers import answer
from ldfilter.cli_files import choose_files, may_overwrite
from ldfilter.cli_options import Options, make_config, parse_options
from ldfilter.cli_process import Interrupts, true_stdout
from ldfilter.cli_report import Report
from ldfilter.cli_sheet import make_sheet
from ldfilter.config import Config
from ldfilter.errors import LdfilterError, ReaderLeft, SourceError, Stopped, first_line

if TYPE_CHECKING:
    from ldfilter.frame import Sink, Source
    from ldfilter.pipeline import Stages


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command with `argv` (default: the process's own arguments).

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage, 130 or 143 stopped by a signal.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    with (
        warnings.catch_warnings(),
        true_stdout(restore=argv is not None) as stdout,
        Interrupts() as interrupts,
    ):
        try:
            _perform(arguments, stdout=stdout, interrupts=interrupts)
        except Exception as error:
            if "-v" in arguments:
                traceback.print_exc()
            return _explain(error, interrupts)
    return 0


def _explain(error: Exception, interrupts: Interrupts) -> int:
    """Says in one line what happened, and gives the exit code."""
    code = error.exit_code if isinstance(error, LdfilterError) else 1
    if interrupts.signal and isinstance(error, ReaderLeft | Stopped):
        # Ctrl-C goes to a whole pipeline: a reader that left has stopped for the same reason.
        print(f"ldfilter: {error}", file=sys.stderr)
        return interrupts.exit_code
    print(f"ldfilter: {_sentence(error)}", file=sys.stderr)
    return code


def _sentence(error: Exception) -> str:
    if isinstance(error, LdfilterError):
        return str(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return (
            "out of memory; dream at a smaller size (--work-height 360) or with fewer tiles at a "
            "time (--set dream.chunk=2)."
        )
    return (
        f"unexpected {type(error).__name__}: {first_line(error)} "
        "(run again with -v for the traceback, and please report it)"
    )


def _perform(arguments: list[str], *, stdout: BinaryIO, interrupts: Interrupts) -> None:
    options = parse_options(arguments)
    if not options.verbose:
        warnings.simplefilter("ignore")  # of the libraries; our own go through Report
    if answer(options, stdout):
        return
    if options.sheet:
        interrupts.writing = True  # the first Ctrl-C stops the dream, not the process
        make_sheet(options, stop=interrupts.stop)
        return
    config = make_config(options)
    names = choose_files(options, stdout_is_terminal=stdout.isatty())
    overwrite = may_overwrite(options, *names)
    _run(options, config, names=names, overwrite=overwrite, stdout=stdout, interrupts=interrupts)


def _run(
    options: Options,
    config: Config,
    *,
    names: tuple[str, str],
    overwrite: bool,
    stdout: BinaryIO,
    interrupts: Interrupts,
) -> None:
    """Dreams INPUT into OUTPUT. What can be refused is, before the network is loaded."""
    from ldfilter.cli_media import describe_run, make_encoding, open_input
    from ldfilter.pipeline import build
    from ldfilter.sink import open_sink

    name, output = names
    report = Report(options)
    encoding = make_encoding(options)
    try:
        with (
            report,
            open_input(name, options, config=config, stop=interrupts.stop) as source,
            open_sink(
                output,
                like=source,
                encoding=encoding,
                overwrite=overwrite,
                strict=options.strict,
                strength=config.output.strength,
                compare=options.compare,
                stdout=stdout if output == "-" else None,
            ) as sink,
        ):
            stages = build(config, stop=interrupts.stop)
            report.start(config, source, stages)
            if options.verbose:
                report.say(*describe_run(source, output, encoding))
            report.warn(source.warnings, sink.warnings)
            interrupts.writing = True
            _dream(source, stages, sink, report=report, stop=interrupts.stop)
        report.warn(source.warnings, sink.warnings)
    except Stopped as error:
        raise Stopped(_stopped_text(output, report.frames)) from error
    if options.strict and source.damaged:
        raise SourceError(
            f"{name} is damaged and was dreamed as far as it goes; --strict makes that an error."
        )


def _dream(
    source: Source, stages: Stages, sink: Sink, *, report: Report, stop: threading.Event
) -> None:
    """Every frame from `source` to `sink`.

    Raises:
        Stopped: `stop` was set; the sink then ends the sound where the pictures end.
    """
    from ldfilter.pipeline import process, strength

    with contextlib.closing(process(source, stages, watch=report.step)) as frames:
        for frame in frames:
            sink.write(frame)
            end = (frame.pts + frame.duration) * frame.time_base
            report.count(time=end, strength=strength(frame))
            report.warn(source.warnings, sink.warnings)
    report.warn(source.warnings)
    if stop.is_set():
        raise Stopped("stopped while reading.")


def _stopped_text(output: str, frames: int) -> str:
    if not frames:
        return "stopped before the first frame was dreamed; nothing was written."
    what = "the stream" if output == "-" else output
    return f"stopped after {frames} frame{'s'[: frames > 1]}; {what} is finished and plays."
