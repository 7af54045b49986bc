"""What each kind of output file is made of: container, encoder, and where names lead.

To add a container means one line in `CONTAINERS`; to add a default of an encoder, one in
`ENCODERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

import av

from ldfilter.errors import SinkError, suggestion


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """What the user asked of the output; None leaves it to the output's name and the source.

    Attributes:
        format: FFmpeg's name of a container, e.g. "matroska", "mpegts", "yuv4mpegpipe".
        codec: FFmpeg's name of a video encoder, e.g. "libx265".
        crf: constant rate factor, of the encoders that have one; smaller is better.
        pix_fmt: FFmpeg's name of a pixel format, e.g. "yuv420p".
        options: further options of the encoder, e.g. {"preset": "slow"}.
    """

    format: str | None = None
    codec: str | None = None
    crf: float | None = None
    pix_fmt: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A kind of output.

    Attributes:
        muxer: FFmpeg's name.
        codec: the video encoder unless the user names one.
        extensions: of file names, without the dot.
        audio: encoder for sound that cannot be copied; "" = holds no sound.
        text: codec that text subtitles become; "" = holds no text.
        options: of the muxer.
        tick: the container's clock where it cannot take the source's; 0 = it can, and
            "rate" = one tick is one frame.
    """

    muxer: str
    codec: str
    extensions: tuple[str, ...] = ()
    audio: str = ""
    text: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    tick: Fraction | str = Fraction(0)


FRAGMENTED = {"movflags": "+hybrid_fragmented+delay_moov", "flush_packets": "1"}
"""An mp4 that plays when the process was killed, and is an ordinary one when finished.

delay_moov: the edit list is written when the first times are known; without it the film starts
two frames late. Fragments end at key frames: cut elsewhere (frag_duration), the finished file
loses its last frame when B-frames cross the cut (FFmpeg 8.1).
"""
CLUSTERED = {"cluster_time_limit": "500", "flush_packets": "1"}
AT_ONCE = {"cluster_time_limit": "0", "flush_packets": "1"}

CONTAINERS = {
    c.muxer: c
    for c in (
        Container(
            muxer="mp4",
            codec="libx264",
            extensions=("mp4", "m4v"),
            audio="aac",
            text="mov_text",
            options=FRAGMENTED,
        ),
        Container(
            muxer="mov",
            codec="libx264",
            extensions=("mov", "qt"),
            audio="aac",
            text="mov_text",
            options=FRAGMENTED,
        ),
        Container(
            muxer="matroska",
            codec="libx264",
            extensions=("mkv",),
            audio="aac",
            text="subrip",
            options=CLUSTERED,
        ),
        Container(
            muxer="webm",
            codec="libvpx-vp9",
            extensions=("webm",),
            audio="libopus",
            text="webvtt",
            options=CLUSTERED,
        ),
        Container(
            muxer="mpegts",
            codec="libx264",
            extensions=("ts", "mts", "m2ts"),
            audio="aac",
            options={"flush_packets": "1"},
        ),
        Container(muxer="nut", codec="rawvideo", extensions=("nut",), audio="aac"),
        Container(muxer="flv", codec="libx264", extensions=("flv",), audio="aac"),
        Container(muxer="avi", codec="libx264", extensions=("avi",), audio="aac", tick="rate"),
        Container(muxer="gif", codec="gif", extensions=("gif",), tick=Fraction(1, 100)),
        Container(muxer="image2", codec="png", extensions=("png", "jpg", "jpeg"), tick="rate"),
        Container(muxer="yuv4mpegpipe", codec="rawvideo", extensions=("y4m",)),
        Container(muxer="rawvideo", codec="rawvideo", extensions=("yuv",)),
    )
}

ALIASES = {"mkv": "matroska", "ts": "mpegts", "y4m": "yuv4mpegpipe", "m4v": "mp4"}
SCHEMES = {
    "rtmp": "flv",
    "rtmps": "flv",
    "udp": "mpegts",
    "tcp": "mpegts",
    "rtsp": "rtsp",
    "rtsps": "rtsp",
}
"""Container by URL scheme; of any other scheme the URL's extension decides."""
IMAGE_CODECS = {"png": "png", "jpg": "mjpeg", "jpeg": "mjpeg"}

ENCODERS: dict[str, dict[str, str]] = {
    # A dream takes seconds a frame: what x264 holds back would be minutes lost in a crash.
    "libx264": {
        "crf": "16",
        "preset": "fast",
        "rc-lookahead": "5",
        "x264-params": "sync-lookahead=0",
    },
    "libx265": {"crf": "18", "preset": "medium", "x265-params": "log-level=error:open-gop=0"},
    "libvpx-vp9": {"crf": "24", "b": "0", "cpu-used": "4", "row-mt": "1"},
    "libsvtav1": {"crf": "24", "preset": "8"},
    "ffv1": {"level": "3", "slices": "4"},
    "mjpeg": {"qmin": "2", "qmax": "2", "huffman": "optimal"},
}
"""Options unless the user gives others. Empirical: no visible loss against the dream."""

RATE_CONTROL = frozenset({"b", "qp", "cq", "global_quality", "x264opts"})
"""Options of the user that replace the default crf."""

EVEN_ONLY = frozenset(
    {"libx264", "libx264rgb", "libx265", "libsvtav1", "h264_nvenc", "hevc_nvenc", "av1_nvenc"}
)
"""Encoders that refuse sizes that do not divide by their chroma's; measured with FFmpeg 8.1."""
WHOLE_FRAMES = frozenset(
    {"mpeg4", "mpeg1video", "mpeg2video", "msmpeg4", "msmpeg4v2", "h263", "h263p", "wmv1", "wmv2"}
)
"""Encoders that count frames and cannot take a fine clock."""


def container_for(name: str, *, wanted: str | None, y4m_pipe: bool) -> Container:
    """The container of an output.

    Args:
        name: path, URL, or "-".
        wanted: FFmpeg's name as the user gave it; None = by the name.
        y4m_pipe: standard output becomes y4m instead of Matroska with FFV1.

    Raises:
        SinkError: unknown container or extension.
    """
    if wanted is not None:
        return _named(wanted)
    if name == "-":
        if y4m_pipe:
            return CONTAINERS["yuv4mpegpipe"]
        return replace(CONTAINERS["matroska"], codec="ffv1", options=AT_ONCE)
    scheme, separator, _ = name.partition("://")
    if separator and scheme.lower() in SCHEMES:
        return _named(SCHEMES[scheme.lower()])
    if scheme.lower() == "srt" and separator:
        raise SinkError(
            "SRT is not in PyAV's FFmpeg; write to standard output with -f mpegts and let "
            f"ffmpeg send it: ... - -f mpegts | ffmpeg -i - -c copy -f mpegts {name}."
        )
    extension = extension_of(name)
    for container in CONTAINERS.values():
        if extension in container.extensions:
            return container
    known = [e for c in CONTAINERS.values() for e in c.extensions]
    said = f"the extension {'.' + extension!r}" if extension else "no extension"
    raise SinkError(
        f"{name} has {said}, so its format is unclear.{suggestion(extension, known)} "
        f"Use one of {', '.join(known)}, or name the format with -f."
    )


def extension_of(name: str) -> str:
    """The lower-case extension of a path or URL, without the dot; "" without one."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    if "://" in name:
        last = last.partition("?")[0]
    stem, dot, extension = last.rpartition(".")
    return extension.lower() if dot and stem else ""


def _named(wanted: str) -> Container:
    """A container of the table, or any other muxer of FFmpeg with the encoder it prefers."""
    name = ALIASES.get(wanted, wanted)
    if name in CONTAINERS:
        return CONTAINERS[name]
    try:
        muxer = av.ContainerFormat(name, "w")
    except ValueError as error:
        known = [*CONTAINERS, *ALIASES]
        raise SinkError(
            f"there is no output format {wanted!r}.{suggestion(wanted, known)} "
            f"The common ones are {', '.join(CONTAINERS)}."
        ) from error
    codec = {"rtsp": "libx264", "null": "rawvideo", "image2pipe": "png"}.get(muxer.name, "libx264")
    return Container(muxer=muxer.name, codec=codec)
