"""What can be known of a container before the first frame is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from av.stream import Disposition

from ldfilter.errors import SourceError
from ldfilter.frame import StreamInfo
from ldfilter.source.clock import Cut
from ldfilter.source.opening import PIPES
from ldfilter.source.picture import turning_filters

HDR_TRANSFERS = {16: "PQ (HDR10)", 18: "HLG"}
HEADER_DURATIONS = ("matroska", "mov", "flv")
"""Containers whose header says how long they are; elsewhere the length is measured or guessed."""

_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails


def main_video(container: Any, name: str) -> Any:
    """The video stream to dream: FFmpeg's choice, but never a cover picture.

    Raises:
        SourceError: there is none, or FFmpeg has no decoder for it.
    """
    videos = [s for s in container.streams.video if not s.disposition & _PICTURES]
    if not videos:
        kinds = sorted({s.type for s in container.streams} - {"video"})
        found = f"it holds only {' and '.join(kinds)}" if kinds else "it holds no streams"
        if container.streams.video:
            found += " and a cover picture"
        raise SourceError(f"cannot read {name}: there is no video stream; {found}.")
    best = container.streams.best("video")
    stream = best if any(best is s or best.index == s.index for s in videos) else videos[0]
    if stream.codec_context is None:
        raise SourceError(f"cannot read {name}: FFmpeg here has no decoder for its video.")
    return stream


def refuse_hdr(name: str, trc: int) -> None:
    """HDR needs tone mapping first: dreamed as it is, it comes out washed out.

    Raises:
        SourceError: `trc` is PQ or HLG.
    """
    if trc in HDR_TRANSFERS:
        file = "in.mp4" if name == "-" else f"'{name}'"
        raise SourceError(
            f"{name} is HDR video ({HDR_TRANSFERS[trc]}), which must be tone-mapped first: "
            f"ffmpeg -i {file} -vf zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,"
            "tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p -c:a copy sdr.mp4"
        )


def stream_info(
    name: str, container: Any, stream: Any, *, first: Any, picture: Any, cut: Cut, still: bool
) -> StreamInfo:
    """Everything about the video. `first`: the first frame as decoded; `picture`: upright."""
    rate = _rate(stream)
    begin = (first.pts or 0) * Fraction(stream.time_base)
    duration = _trimmed(_duration(container, stream), begin=begin, cut=cut)
    count = stream.frames if not cut.trimmed and cut.end is None else 0
    if not count and duration is not None and rate:
        count = max(1, round(duration * rate))
    return StreamInfo(
        name=name,
        format=container.format.name,
        codec=codec_name(stream),
        size=(picture.height, picture.width),
        pix_fmt=picture.format.name,
        time_base=Fraction(stream.time_base),
        rate=rate,
        sample_aspect_ratio=_aspect(stream, first),
        color_range=int(first.color_range),
        color_primaries=int(first.color_primaries),
        color_trc=int(first.color_trc),
        colorspace=int(first.colorspace),
        frames=1 if still else count or None,
        duration=duration,
        still=still,
        metadata=dict(container.metadata),
        chapters=tuple(_chapters(container.chapters(), begin=begin, cut=cut)),
    )


def codec_name(stream: Any) -> str:
    """FFmpeg's name of the format, such as "av1", not of the decoder, such as "libdav1d"."""
    context = stream.codec_context
    return "unknown" if context is None else str(context.codec.canonical_name)


def is_image(container: Any) -> bool:
    """The container is a photo, or pictures one after the other."""
    brand = container.metadata.get("major_brand", "")
    return container.format.name in PIPES or brand in ("avif", "heic", "mif1")


def promised_end(container: Any, stream: Any) -> Fraction | None:
    """When the input should end by its header, in seconds; None where no header says so."""
    names = container.format.name.split(",")
    if "avi" in names:  # FFmpeg shortens an avi's duration to what the file holds
        return stream.frames / _rate(stream) if stream.frames and _rate(stream) else None
    if not container.duration or not any(name in HEADER_DURATIONS for name in names):
        return None
    return Fraction(container.duration + max(container.start_time or 0, 0), 1_000_000)


def _rate(stream: Any) -> Fraction:
    rate = stream.average_rate or stream.guessed_rate
    return Fraction(rate) if rate else Fraction(0)


def _aspect(stream: Any, first: Any) -> Fraction:
    """Of the upright picture; a quarter turn swaps its sides."""
    given = stream.sample_aspect_ratio
    ratio = Fraction(given) if given else Fraction(0)
    turned = any(name == "transpose" for name, _ in turning_filters(first))
    return 1 / ratio if ratio and turned else ratio


def _duration(container: Any, stream: Any) -> Fraction | None:
    if stream.duration and stream.time_base:
        return Fraction(stream.duration * Fraction(stream.time_base))
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", stream.metadata.get("DURATION", ""))
    if tag:  # Matroska's statistics, which tell the video from longer sound
        return 3600 * int(tag[1]) + 60 * int(tag[2]) + Fraction(tag[3])
    return Fraction(container.duration, 1_000_000) if container.duration else None


def _trimmed(duration: Fraction | None, *, begin: Fraction, cut: Cut) -> Fraction | None:
    """What a trim leaves; `cut` is on the input's clock, whose first frame is at `begin`."""
    start = cut.start - begin if cut.start is not None else Fraction(0)
    end = cut.end - begin if cut.end is not None else None
    if duration is None:
        return end - start if end is not None else None
    return max(Fraction(0), min(duration, duration if end is None else end) - start)


def _chapters(chapters: Iterable[Any], *, begin: Fraction, cut: Cut) -> Iterator[dict[str, Any]]:
    """The chapters on the output's clock; those outside the trim are left out."""
    shift = cut.start if cut.trimmed and cut.start is not None else Fraction(0)
    for chapter in chapters:
        tick = Fraction(chapter["time_base"])
        start, end = chapter["start"] * tick, chapter["end"] * tick
        if cut.end is not None:
            end = min(end, cut.end)
        start = max(start, shift)
        if start < end:
            times = {"start": round((start - shift) / tick), "end": round((end - shift) / tick)}
            yield {**chapter, **times}
