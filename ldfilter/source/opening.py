"""Opens containers, and says in words why one cannot be opened."""

from __future__ import annotations

from typing import Any

import av

from ldfilter.errors import SourceError
from ldfilter.source.location import Location
from ldfilter.source.stdin import PipeReader

NETWORK_SECONDS = 10.0
"""Time-out for opening and for each read of a network address."""

IMAGE_FORMATS: tuple[str, ...] = (
    "png",
    "jpeg",
    "webp",
    "bmp",
    "tiff",
    "ppm",
    "pgm",
    "exr",
    "psd",
    "dds",
    "qoi",
)
IMAGE_FORMATS += ("jpegxl", "j2k", "sgi", "pcx", "hdr", "pam", "pbm", "pfm", "jpegls")
PIPES = tuple(f"{name}_pipe" for name in IMAGE_FORMATS)

# Uploaded playlists have opened local files, and a text file plays as terminal art; a list of
# what is welcome stops both (protocol_whitelist does not).
FORMATS = (
    *("mov", "mp4", "matroska", "webm", "mpegts", "avi", "flv", "live_flv", "nut", "ogg", "gif"),
    *("yuv4mpegpipe", "mpeg", "mpegvideo", "m4v", "h264", "hevc", "vvc", "av1", "obu", "ivf"),
    *("asf", "mxf", "gxf", "wtv", "dv", "rm", "mjpeg", "mjpeg_2000", "apng", "vc1", "dirac"),
    *("mp3", "aac", "ac3", "eac3", "flac", "wav", "w64", "caf", "aiff", "amr", "ape", "wv"),
    *("swf", "nsv", "vivo", "roq", "bink", "smk", "flic", "film_cpk", "fits", "ico", "evc"),
    *PIPES,
)
JPEG = b"\xff\xd8\xff"
"""How a JPEG begins. Where FFmpeg does not find its end in the first 2 kB, it takes the file for a
numbered sequence by its name, which is not welcome: a sequence may open other files."""
NETWORK_FORMATS = ("hls", "dash", "rtsp", "rtp", "sdp", "mpjpeg", "rtp_mpegts")
PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"v=0")

# PyAV 19 always replaces what is not UTF-8; before, a wrong byte in a title is an error.
_LENIENT: dict[str, Any] = (
    {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "replace"}
)


def open_container(location: Location) -> Any:
    """The opened `av` input container.

    Raises:
        SourceError: it is not a video, a playlist in disguise, damaged, or out of reach.
    """
    welcome = FORMATS + NETWORK_FORMATS if location.network else FORMATS
    timeout = NETWORK_SECONDS if location.network else None
    options = {"format_whitelist": ",".join(welcome)}

    def attempt(form: str | None) -> Any:
        return av.open(
            location.target, "r", format=form, options=options, timeout=timeout, **_LENIENT
        )

    try:
        try:
            return attempt(None)
        except av.FFmpegError:
            if not location.seekable or not location.head.startswith(JPEG):
                raise
            return attempt("jpeg_pipe")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise SourceError(f"cannot read {location.name}: {_reason(error, location)}") from error


def piped_mp4(location: Location) -> str:
    """Why an mp4 that came through a pipe could not be read; "" if it is anything else."""
    if isinstance(location.target, PipeReader) and location.head[4:8] == b"ftyp":
        return "an mp4 with its index at the end cannot be read from a pipe; name the file."
    return ""


def _reason(error: Exception, location: Location) -> str:
    head = location.head
    piped = isinstance(location.target, PipeReader)
    if piped and not head:
        return "nothing came through the pipe."
    if location.network:
        return f"nothing that plays came within {NETWORK_SECONDS:.0f} s ({_strerror(error)})."
    if head.lstrip(b"\xef\xbb\xbf \r\n").startswith(PLAYLISTS) or b"<MPD" in head:
        return "it is a playlist; name the video itself."
    if reason := piped_mp4(location):
        return reason
    if head[4:8] == b"ftyp":
        return "the index of this mp4 is missing; the file is incomplete."
    if head.startswith(b"YUV4MPEG2"):
        return f"its y4m header is not understood: {_text(head.splitlines()[0])}."
    if _text(head).isprintable():
        return "it is a text file, not a video."
    return "it is not a video, or it is damaged from the first byte."


def _text(data: bytes) -> str:
    """The bytes as text on one line; those that are none become "\\0", which is not printable.

    The last character may be cut in the middle, which is no sign of anything.
    """
    text = data.decode("utf-8", errors="replace")
    return " ".join(text.rstrip("\ufffd").replace("\ufffd", "\0").split())


def _strerror(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
