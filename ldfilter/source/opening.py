"""Opens containers, and says in words why one cannot be opened."""

from __future__ import annotations

import re
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
NETWORK_FORMATS = ("hls", "dash", "rtsp", "rtp", "sdp", "mpjpeg", "rtp_mpegts")
PLAYLISTS = ("hls", "concat", "dash", "sdp", "imf", "webm_dash_manifest")

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
    try:
        return av.open(location.target, "r", options=options, timeout=timeout, **_LENIENT)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise SourceError(f"cannot read {location.name}: {_reason(error, location)}") from error


def _reason(error: Exception, location: Location) -> str:
    text = str(error)
    piped = isinstance(location.target, PipeReader)
    if isinstance(location.target, PipeReader) and location.target.received == 0:
        return "nothing came through the pipe."
    refused = re.search(r"\[([\w,]+)\] Format not on whitelist", text)
    if refused and refused[1].split(",")[0] in PLAYLISTS:
        return "it is a playlist; name the video itself."
    if refused:
        return f"it is not a video (FFmpeg takes it for {refused[1]})."
    if "moov atom not found" in text and piped:
        return "an mp4 with its index at the end cannot be read from a pipe; name the file."
    if "moov atom not found" in text:
        return "the index of this mp4 is missing, so the file is incomplete or no mp4 at all."
    if isinstance(error, av.InvalidDataError):
        return "it is not a video, or it is damaged from the first byte."
    if location.network:
        return f"no answer that plays within {NETWORK_SECONDS:.0f} s ({_strerror(error)})."
    return f"{_strerror(error)}."


def _strerror(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
