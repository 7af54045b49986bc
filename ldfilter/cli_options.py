"""The options of the command line: what exists, what it means, and the config it makes.

Imports neither torch nor any media library, so that `--help` is instant.
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn

from ldfilter import config as configuration
from ldfilter import looks
from ldfilter.config import Config
from ldfilter.errors import ConfigError

DESCRIPTION = """\
Dreams video: frame in, frame out, steady in time. INPUT and OUTPUT are a file, a URL, "-" for
standard input and output, or (INPUT only) sample:bunny, sample:bikes, sample:carphone.
A photo is a video of one frame."""

EPILOG = """\
examples:
  ldfilter in.mp4 out.mp4 --preset long-term --class starfish
  ldfilter sample:bunny out.mkv -t 2 --class "tabby cat" --work-height 270
  ffmpeg -i in.mp4 -f yuv4mpegpipe - | ldfilter --preset trail | ffmpeg -i - -y out.mp4
  ldfilter photo.jpg dreamed.png

exit codes:
  0 done, or the reader of our output left   1 failed   2 wrong usage
  130 stopped by Ctrl-C, 143 by SIGTERM: what was dreamed is finished and playable"""

# Named options that set one key of the config. `--set` takes every key there is.
CONFIG_KEYS = {
    "classes": "objective.classes",
    "layers": "objective.layers",
    "guides": "objective.guided.images",
    "styles": "objective.style.images",
    "backbone": "network.backbone",
    "student": "network.student",
    "weights": "network.weights",
    "device": "network.device",
    "flow": "motion.flow",
    "schedule": "schedule.changes",
    "seed": "seed",
    "effort": "effort",
    "work_height": "output.work_height",
    "strength": "output.strength",
    "matte": "output.matte",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for, parsed. `config_values` are the named options by config key."""

    files: tuple[str, ...] = ()
    input: str | None = None
    preset: str | None = None
    set: tuple[str, ...] = ()
    config_values: tuple[tuple[str, Any], ...] = ()
    start: Fraction | None = None
    to: Fraction | None = None
    length: Fraction | None = None
    audio: bool = True
    subtitles: bool = True
    overwrite: bool = False
    keep_existing: bool = False
    format: str | None = None
    codec: str | None = None
    crf: float | None = None
    pix_fmt: str | None = None
    enc: tuple[str, ...] = ()
    strict: bool = False
    compare: bool = False
    progress: str = "auto"
    quiet: bool = False
    verbose: bool = False
    dry_run: bool = False
    help: bool = False
    version: bool = False
    sheet: bool = False
    list_presets: bool = False
    list_classes: str | None = None
    list_backbones: bool = False
    list_layers: str | None = None
    info: str | None = None

    @property
    def look(self) -> str:
        """The preset to take: where none is named, the one that a style or a guide needs."""
        named = dict(self.config_values)
        if "objective.style.images" in named:
            return self.preset or "style"
        if "objective.guided.images" in named:
            return self.preset or "guided"
        return self.preset or looks.DEFAULT_PRESET

    @property
    def end(self) -> Fraction | None:
        """Where to stop, in seconds of the input's clock."""
        if self.length is not None:
            return (self.start or Fraction(0)) + self.length
        return self.to


class Parser(argparse.ArgumentParser):
    """argparse without abbreviations, whose errors are our own."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message.removeprefix('argument ')}; --help lists the options.")


def parse_options(argv: Sequence[str]) -> Options:
    """The options in `argv` (without the program's name).

    Raises:
        ConfigError: an option that does not exist, or a value that does not fit.
    """
    parser = make_parser()
    before, after = _split(argv)
    _refuse_unknown(parser, before)
    # Positionals are whatever no option took, so they may stand between options.
    parsed, files = parser.parse_known_args(before)
    values = vars(parsed)
    named = [(CONFIG_KEYS[k], values.pop(k)) for k in CONFIG_KEYS if k in values]
    tuples: dict[str, Any] = {k: tuple(v) for k, v in values.items() if isinstance(v, list)}
    options = Options(
        files=(*files, *after),
        config_values=tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in named),
        **(values | tuples),
    )
    _check(options)
    return options


def make_config(options: Options) -> Config:
    """Defaults < preset < `--set` < named options; names are checked, torch is not needed.

    Raises:
        ConfigError: a preset, key, class or value that does not exist or does not fit.
    """
    from ldfilter.changes import plan_states
    from ldfilter.classes import parse_classes
    from ldfilter.layers import parse_layers

    config = looks.load_preset(options.look)
    for text in options.set:
        config = configuration.apply(config, dict([configuration.parse_assignment(text)]))
    named = dict(options.config_values)
    if named.keys() & {"objective.layers", "objective.guided.images"}:
        named = {"objective.classes": ()} | named
    config = configuration.apply(config, named)
    for objective in (config.objective, *(state.objective for state in plan_states(config))):
        parse_classes(objective.classes)
        parse_layers(objective.layers)
    return config


def parse_time(text: str) -> Fraction:
    """Seconds from "90", "1.5", "1:30" or "0:01:30.5"."""
    from ldfilter.changes import parse_clock

    try:
        return parse_clock(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error


def parse_pairs(texts: Sequence[str]) -> dict[str, str]:
    """`--enc KEY=VALUE` options as a table."""
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigError(f"--enc takes KEY=VALUE, not {text!r}.")
        pairs[key] = value
    return pairs


def make_parser() -> Parser:
    """The parser; options that were not given leave no trace, so defaults live in `Options`."""
    parser = Parser(
        prog="ldfilter",
        usage="ldfilter [INPUT] [OUTPUT] [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        add_help=False,
    )
    _add_look(parser)
    _add_media(parser)
    _add_behaviour(parser)
    _add_answers(parser)
    return parser


def _add_look(parser: Parser) -> None:
    group = parser.add_argument_group("the dream")
    group.add_argument(
        "-p", "--preset", metavar="X", help="a look of --list-presets, or a file X.toml"
    )
    group.add_argument(
        "--class", dest="classes", action="append", metavar="NAME[:WEIGHT]",
        help="what to dream of; may be repeated (default: starfish)",
    )  # fmt: skip
    group.add_argument(
        "--layer", dest="layers", action="append", metavar="NAME[:WEIGHT]",
        help="a layer to excite in place of a class, NAME[3,17] for two of its channels",
    )  # fmt: skip
    group.add_argument(
        "--guide", dest="guides", action="append", metavar="FILE[:WEIGHT]",
        help="an image whose patterns are dreamed in place of a class",
    )  # fmt: skip
    group.add_argument(
        "--style", dest="styles", action="append", metavar="FILE[:WEIGHT]",
        help="a picture whose style -p style paints in; or style:ember, style:moss, style:night",
    )  # fmt: skip
    group.add_argument(
        "--schedule", action="append", metavar="CHANGES",
        help='classes, weights or strength over time: "0s: jellyfish, 4s: snail", or at every '
        'shot: "shot: jellyfish, shot: snail"',
    )  # fmt: skip
    group.add_argument("--backbone", metavar="NAME", help="the network; see --list-backbones")
    group.add_argument(
        "--student", metavar="FILE", help="what ldfilter-distill made; dreams in real time"
    )
    group.add_argument("--weights", metavar="DIR", help="where downloaded weight files lie")
    group.add_argument("--flow", metavar="NAME", help="dis, farneback, deepflow, raft...")
    group.add_argument("--device", metavar="NAME", help="auto, cpu, cuda or mps")
    group.add_argument("--seed", type=int, metavar="N", help="another seed, another dream")
    group.add_argument("--effort", type=float, metavar="X", help="more or less work (default 1)")
    group.add_argument(
        "--work-height", type=int, metavar="N",
        help="dream at this height and add the upsampled dream: much faster",
    )  # fmt: skip
    group.add_argument(
        "--strength", type=float, metavar="X",
        help="gain on the dream as it is written (default 1; 0 gives the source)",
    )  # fmt: skip
    group.add_argument(
        "--matte", metavar="FILE",
        help="dream only where this picture or video is white; alpha = the input's own alpha",
    )  # fmt: skip
    group.add_argument(
        "--set", action="append", metavar="SECTION.KEY=VALUE", help="any setting of --dry-run"
    )


def _add_media(parser: Parser) -> None:
    group = parser.add_argument_group("input and output")
    group.add_argument("-i", dest="input", metavar="INPUT", help="the input, as in ffmpeg")
    group.add_argument("-ss", dest="start", type=parse_time, metavar="TIME", help="start here")
    group.add_argument("-to", dest="to", type=parse_time, metavar="TIME", help="stop here")
    group.add_argument("-t", dest="length", type=parse_time, metavar="TIME", help="stop after this")
    group.add_argument("-an", dest="audio", action="store_false", help="no sound")
    group.add_argument("-sn", dest="subtitles", action="store_false", help="no subtitles")
    group.add_argument("-y", dest="overwrite", action="store_true", help="overwrite the output")
    group.add_argument("-n", dest="keep_existing", action="store_true", help="never overwrite")
    group.add_argument("-f", dest="format", metavar="FORMAT", help="container of the output")
    group.add_argument("-c:v", dest="codec", metavar="CODEC", help="video encoder, e.g. libx265")
    group.add_argument("-crf", type=float, metavar="N", help="quality; lower is better")
    group.add_argument("-pix_fmt", metavar="FORMAT", help="pixel format of the output")
    group.add_argument("--enc", action="append", metavar="KEY=VALUE", help="an encoder option")
    group.add_argument("--compare", action="store_true", help="source and dream side by side")
    group.add_argument(
        "--sheet", action="store_true",
        help="OUTPUT is a picture of INPUT in every look, or in those of -p A,B,...",
    )  # fmt: skip
    group.add_argument(
        "--strict", action="store_true", help="damaged input or a lost stream is an error"
    )


def _add_behaviour(parser: Parser) -> None:
    group = parser.add_argument_group("messages, all on standard error")
    group.add_argument(
        "--progress", choices=("auto", "bar", "lines", "json", "none"),
        help="how to show progress (default: a bar on a terminal, else lines)",
    )  # fmt: skip
    group.add_argument("-q", dest="quiet", action="store_true", help="errors only")
    group.add_argument(
        "-v", dest="verbose", action="store_true", help="versions, what is kept, tracebacks"
    )


def _add_answers(parser: Parser) -> None:
    group = parser.add_argument_group("questions, answered on standard output")
    group.add_argument("-h", "--help", action="store_true", help="this text")
    group.add_argument("--version", action="store_true", help="the version")
    group.add_argument("--list-presets", action="store_true", help="the looks")
    group.add_argument(
        "--list-classes", nargs="?", const="", metavar="PATTERN", help="what can be dreamed of"
    )
    group.add_argument("--list-backbones", action="store_true", help="the networks")
    group.add_argument("--list-layers", metavar="BACKBONE", help="the layers of a network")
    group.add_argument("--info", metavar="FILE", help="what will be kept of a file and what lost")
    group.add_argument("--dry-run", action="store_true", help="the effective settings, as a preset")


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """What stands before and after the first "--"."""
    arguments = list(argv)
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _refuse_unknown(parser: Parser, arguments: Sequence[str]) -> None:
    """argparse would take "-pix" for "-pix_fmt" and "-pixfmt" for a preset called "ixfmt"."""
    known = list(parser._option_string_actions)
    for argument in arguments:
        name = argument.partition("=")[0]
        looks_like_option = re.match(r"-(?!$|\.?\d)", argument)
        if looks_like_option and name not in known:
            near = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
            near += [k for k in known if k.startswith(name) and k not in near]
            hint = f" Did you mean {' or '.join(near[:3])}?" if near else ""
            raise ConfigError(
                f"there is no option {name}.{hint} "
                "--help lists them; a file name that starts with a dash goes after --."
            )


def _check(options: Options) -> None:
    """Options that contradict each other."""
    if len(options.files) + (options.input is not None) > 2:
        extra = " ".join(options.files)
        raise ConfigError(f"give one INPUT and one OUTPUT; there are more file names in: {extra}")
    if options.overwrite and options.keep_existing:
        raise ConfigError("-y overwrites and -n never does; give one of them.")
    if options.sheet:
        _check_sheet(options)
    if options.quiet and options.verbose:
        raise ConfigError("-q says less and -v says more; give one of them.")
    if options.to is not None and options.length is not None:
        raise ConfigError("-t and -to both say where to stop; give one of them.")
    if options.end is not None and options.end <= (options.start or 0):
        raise ConfigError(
            f"nothing lies between the start at {float(options.start or 0):g} s "
            f"and the end at {float(options.end):g} s."
        )
    parse_pairs(options.enc)


def _check_sheet(options: Options) -> None:
    """A sheet is a picture: it is not encoded, nor compared with anything."""
    given = {
        "-f": options.format,
        "-c:v": options.codec,
        "-crf": options.crf is not None,
        "-pix_fmt": options.pix_fmt,
        "--enc": options.enc,
        "--compare": options.compare,
        "--strict": options.strict,
    }
    for name, value in given.items():
        if value:
            raise ConfigError(f"{name} says how a video is written, and --sheet writes a picture.")
