"""Questions that the command answers on standard output: --help, --list-..., --info, --dry-run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import BinaryIO

from ldfilter.cli_options import Options, make_config, make_parser
from ldfilter.cli_sheet import sheet_looks
from ldfilter.config import Config, to_mapping
from ldfilter.errors import LdfilterError, SinkError
from ldfilter.looks import list_presets, load_preset
from ldfilter.version import __version__


def answer(options: Options, stdout: BinaryIO) -> bool:
    """Writes the answer to the question among `options`; False when there is none."""
    lines = _lines(options)
    if lines is None:
        return False
    text = "".join(f"{line}\n" for line in lines)
    try:
        stdout.write(text.encode())
    except BrokenPipeError:
        pass  # `ldfilter --list-classes | head`: the reader has seen enough
    except OSError as error:
        raise SinkError(f"cannot write to standard output: {error.strerror}.") from error
    return True


def _lines(options: Options) -> Iterator[str] | None:
    if options.help:
        return iter([make_parser().format_help().rstrip()])
    if options.version:
        return iter([f"ldfilter {__version__}"])
    if options.list_presets:
        return _presets()
    if options.list_classes is not None:
        return _classes(options.list_classes)
    if options.list_backbones:
        return _backbones()
    if options.list_layers is not None:
        return _layers(options.list_layers)
    if options.info is not None:
        return _info(options, options.info)
    if options.dry_run:
        return _dry_run(options)
    return None


def _presets() -> Iterator[str]:
    for name in list_presets():
        yield f"{name:20} {load_preset(name).about}"


def _classes(pattern: str) -> Iterator[str]:
    from ldfilter.classes import list_classes

    found = list_classes(pattern)
    if not found:
        raise LdfilterError(
            f"no ImageNet class has {pattern!r} in its names or its description; without a "
            "pattern --list-classes shows all 1000."
        )
    for item in found:
        yield f"{item.index:3}  {item.wordnet_id}  {', '.join(item.names)}: {item.description}"


def _backbones() -> Iterator[str]:
    from ldfilter.dreaming.backbones import BACKBONES

    for name, backbone in BACKBONES.items():
        yield f"{name:20} {backbone.about}"


def _layers(name: str) -> Iterator[str]:
    from ldfilter.dreaming.backbones import load_backbone
    from ldfilter.dreaming.features import list_layers
    from ldfilter.weights import RANDOM

    for layer in list_layers(load_backbone(name, weights=RANDOM)):
        height, width = layer.size
        maps = f"{layer.channels} maps of {height}x{width}"
        yield f"{layer.path:36} {maps:22} {', '.join(layer.aliases)}".rstrip()


def _info(options: Options, name: str) -> Iterator[str]:
    from ldfilter.cli_media import make_encoding, open_input
    from ldfilter.sink import keep_plan
    from ldfilter.source import describe

    with open_input(name, options, config=Config(), stop=threading.Event()) as source:
        yield from describe(source.info, source.packets)
        yield from (f"warning: {sentence}" for sentence in source.warnings)
        usual = "out.png" if source.info.still else "out.mp4"
        output = options.files[0] if options.files else usual
        yield f"as {output}:"
        for line in keep_plan(output, like=source, encoding=make_encoding(options)):
            yield f"  {line}"


def _dry_run(options: Options) -> Iterator[str]:
    import tomli_w

    if not options.sheet:
        yield tomli_w.dumps(to_mapping(make_config(options))).rstrip()
        return
    for name, config in sheet_looks(options):
        yield f"# {name}\n{tomli_w.dumps(to_mapping(config))}"
