"""Streams and chapters that a clip of `tests.clips` carries beside its pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.pictures import bars, to_frame

SRT = """1
00:00:00,000 --> 00:00:00,200
first line

2
00:00:00,240 --> 00:00:00,400
second line

"""


def start_of(packet: Any) -> Fraction:
    """When a packet starts, in seconds."""
    return Fraction(packet.pts * packet.time_base)


def chapter(number: int, start: float, end: float, title: str) -> Any:
    """A chapter as PyAV wants it; start and end in seconds."""
    return {
        "id": number,
        "start": round(start * 1000),
        "end": round(end * 1000),
        "time_base": Fraction(1, 1000),
        "metadata": {"title": title},
    }


def tone(output: Any, clip: Any) -> list[Any]:
    """Packets of a 440 Hz tone that starts with the first frame."""
    stream = output.add_stream(clip.audio, rate=48000, layout="mono")
    stream.metadata["language"] = "nld"
    context = stream.codec_context
    context.open()
    resampler = av.AudioResampler(
        format=context.format, layout="mono", rate=48000, frame_size=context.frame_size or 1024
    )
    begin = clip.times[0] * clip.tick
    end = (clip.times[-1] + 1) * clip.tick
    seconds = float(end - begin) if clip.seconds is None else clip.seconds
    wave = np.sin(np.arange(int(48000 * seconds)) * 2 * np.pi * 440 / 48000) * 9000
    frame = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48000, int(begin * 48000), Fraction(1, 48000)
    ready = [*resampler.resample(frame), *resampler.resample(None)]
    return [packet for part in [*ready, None] for packet in stream.encode(part)]


def subtitles(output: Any, path: Path) -> list[Any]:
    """Packets of `SRT`."""
    source = path.with_suffix(".source.srt")
    source.write_text(SRT, encoding="utf-8")
    with av.open(str(source)) as container:
        stream = output.add_stream_from_template(container.streams[0])
        stream.metadata["language"] = "fra"
        packets = [packet for packet in container.demux() if packet.size]
    for packet in packets:
        packet.stream = stream
    return packets


def cover_stream(output: Any, clip: Any) -> Any:
    """A stream for an attached picture twice as large as the video."""
    stream = output.add_stream("png")
    stream.height, stream.width = clip.size[0] * 2, clip.size[1] * 2
    stream.pix_fmt = "rgb24"
    stream.disposition = av.stream.Disposition.attached_pic
    return stream


def mux_cover(output: Any, stream: Any) -> None:
    """Write the attached picture; the header must have been written."""
    frame = to_frame(bars(0, (stream.height, stream.width)), "rgb24")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    output.mux(stream.encode(frame))
    output.mux(stream.encode(None))
