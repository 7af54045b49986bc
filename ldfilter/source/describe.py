"""Lines about an input for `--info`."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av.video.reformatter as names

from ldfilter.frame import PacketFeed, StreamInfo
from ldfilter.source.probe import codec_name

RANGES = {1: "limited range", 2: "full range"}


def describe(source_info: StreamInfo, packets: PacketFeed | None) -> list[str]:
    """What the input is: container, codec, size, rate, aspect, colour, streams, chapters."""
    info = source_info
    height, width = info.size
    lines = [
        f"{info.name}: {info.format}",
        f"video: {info.codec}, {width}x{height}, {info.pix_fmt}, {_rate(info)}{_length(info)}",
    ]
    if info.sample_aspect_ratio:
        lines.append(f"pixel aspect: {_ratio(info.sample_aspect_ratio)}")
    lines.append(f"colour: {_colour(info)}")
    lines += [_stream(stream) for stream in (packets.streams if packets else ())]
    if info.chapters:
        lines.append(f"chapters: {len(info.chapters)}")
    lines += [f"{key}: {value}" for key, value in sorted(info.metadata.items())]
    return lines


def _rate(info: StreamInfo) -> str:
    if info.still:
        return "a photo"
    return f"{float(info.rate):.6g} frames per second" if info.rate else "unknown frame rate"


def _length(info: StreamInfo) -> str:
    if info.still:
        return ""
    frames = f", about {info.frames} frames" if info.frames else ""
    return f"{frames}, {float(info.duration):.2f} s" if info.duration is not None else frames


def _ratio(ratio: Fraction) -> str:
    return f"{ratio.numerator}:{ratio.denominator}"


def _colour(info: StreamInfo) -> str:
    tags = (
        (names.ColorPrimaries, info.color_primaries, "primaries"),
        (names.ColorTrc, info.color_trc, "transfer"),
        (names.Colorspace, info.colorspace, "matrix"),
    )
    parts = [RANGES.get(info.color_range, "range not given")]
    return ", ".join(parts + [_tag(kind, value, what) for kind, value, what in tags])


def _tag(kind: Any, value: int, what: str) -> str:
    if value == 2:
        return f"{what} not given"
    try:
        return f"{what} {kind(value).name}"
    except ValueError:
        return f"{what} {value}"


def _stream(stream: Any) -> str:
    context = stream.codec_context
    parts = [codec_name(stream)]
    if stream.type == "audio":
        parts += [f"{context.sample_rate} Hz", f"{context.layout.name}"]
    if stream.metadata.get("language"):
        parts.append(stream.metadata["language"])
    if stream.metadata.get("title"):
        parts.append(stream.metadata["title"])
    return f"{stream.type}: {', '.join(parts)}"
