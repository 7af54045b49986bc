"""Write a file through a sink, read it back with PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from ldfilter.sink import open_sink
from tests.sink.fakes import FakeSource, make_frame


def write(path: Path, info: Any = None, frames: Any = 12, **settings: Any) -> Any:
    """Write frames, or so many of them, and give the sink."""
    many = [make_frame(n) for n in range(frames)] if isinstance(frames, int) else frames
    with open_sink(str(path), like=FakeSource(info), **settings) as sink:
        for frame in many:
            sink.write(frame)
    return sink


def read(path: Path) -> tuple[Any, list[Any], list[Fraction]]:
    """(stream, frames, times in seconds), while the container is open only for reading them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        context = stream.codec_context
        facts = {
            "codec": stream.codec.name,
            "pix_fmt": context.pix_fmt,
            "size": (context.height, context.width),
            "tags": (
                context.color_range,
                context.color_primaries,
                context.color_trc,
                context.colorspace,
            ),
            "aspect": Fraction(stream.sample_aspect_ratio or 0),
            "rate": Fraction(stream.average_rate or 0),
            "metadata": dict(container.metadata),
            "chapters": container.chapters(),
        }
        return facts, frames, [Fraction(f.pts) * Fraction(f.time_base) for f in frames]
