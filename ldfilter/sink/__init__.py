"""The last stage: dreamed frames become a file, a stream, or pictures.

`open_sink` chooses by name; `keep_plan` says beforehand what will be kept.
"""

from __future__ import annotations

import sys
from typing import BinaryIO

from ldfilter.errors import SinkError
from ldfilter.frame import Sink, Source
from ldfilter.sink.container import ContainerSink
from ldfilter.sink.copies import plan
from ldfilter.sink.formats import Encoding
from ldfilter.sink.outlet import Outlet, check_path, is_url
from ldfilter.sink.target import Target, make_compositor, resolve
from ldfilter.sink.y4m import Y4mSink

__all__ = ["Encoding", "keep_plan", "open_sink"]


def open_sink(
    name: str,
    *,
    like: Source,
    encoding: Encoding | None = None,
    overwrite: bool = False,
    strict: bool = False,
    strength: float = 1.0,
    compare: bool = False,
    stdout: BinaryIO | None = None,
) -> Sink:
    """A sink for the dreamed frames of a source. A context manager.

    Nothing of an existing file is touched before the first frame is written.

    Args:
        name: a path, a URL, a numbered row of pictures such as "out%04d.png", or "-".
        like: where the frames come from: its size, clock, colours, sound and text are kept.
        encoding: what the user asked of the output; None = all by name and source.
        overwrite: an existing file may be replaced.
        strict: sound or text that cannot be copied as it is becomes an error.
        strength: gain on the dream; 0 gives the source, bit-exact before encoding.
        compare: source and dream side by side, twice as wide.
        stdout: where "-" writes; None = the process's standard output.

    Raises:
        SinkError: the output cannot be written, or not in this way.
    """
    info = like.info
    to_pipe = name == "-"
    if not to_pipe and not is_url(name):
        check_path(name, info=info, overwrite=overwrite)
    target = resolve(name, info=info, encoding=encoding or Encoding(), compare=compare)
    _check_pictures(target, single=info.still or info.frames == 1)
    compositor = make_compositor(target, size=info.size, strength=strength, compare=compare)
    file = (stdout or sys.stdout.buffer) if to_pipe else None
    if target.container.muxer == "yuv4mpegpipe":
        outlet = Outlet(name, file=file)
        return Y4mSink(target, outlet=outlet, compositor=compositor, like=like, strict=strict)
    return ContainerSink(target, like=like, compositor=compositor, strict=strict, file=file)


def keep_plan(name: str, *, like: Source, encoding: Encoding | None = None) -> list[str]:
    """What an output keeps of a source, one sentence a line: picture, sound, text.

    Raises:
        SinkError: no such output is possible.
    """
    info = like.info
    target = resolve(name, info=info, encoding=encoding or Encoding())
    height, width = target.size
    lines = [
        f"container: {target.container.muxer}",
        f"video ({info.codec}, {info.pix_fmt}): dreamed, {target.encoder}, {target.pix_fmt}, "
        f"{width}x{height}",
    ]
    lines += [
        str(item) for item in plan(like.packets.streams if like.packets else (), target.container)
    ]
    return lines + [f"note: {note}" for note in target.notes]


def _check_pictures(target: Target, *, single: bool) -> None:
    """One picture file holds one frame."""
    if target.container.muxer == "image2" and not single and "%" not in target.name:
        stem, _, extension = target.name.rpartition(".")
        raise SinkError(
            f"{target.name} is one picture and the source is a video; write "
            f"{stem}%04d.{extension} for a row of pictures, or an mp4."
        )
