"""Text subtitles from one codec to another, packet by packet; styles are dropped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import av

TEXT_CODECS = ("subrip", "ass", "webvtt", "mov_text", "text")

ASS_HEADER = (
    "[Script Info]\nScriptType: v4.00+\nPlayResX: 384\nPlayResY: 288\n\n"
    "[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, "
    "OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, "
    "Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\n"
    "Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\n\n"
    "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)
"""FFmpeg's text encoders want a description of the default style, in ASS."""


class TextWriter:
    """Adds a text stream of codec `target` to an output and makes its packets."""

    def __init__(self, output: Any, *, source: str, target: str) -> None:
        self._source, self._target = source, target
        self._end: int | None = None
        self.stream = output.add_stream(target)
        self.stream.codec_context.subtitle_header = ASS_HEADER.encode("ascii")

    def packets(self, packet: Any) -> Iterator[Any]:
        """The packet with its text in the other codec; nothing for an empty one.

        In mov_text a line stays until the next packet: an empty one ends it where it should.
        """
        text = read_text(bytes(packet), self._source)
        if not text:
            return
        if self._target == "mov_text" and self._end is not None and self._end < packet.pts:
            yield self._packet("", packet, start=self._end, duration=packet.pts - self._end)
        yield self._packet(text, packet, start=packet.pts, duration=packet.duration)
        self._end = packet.pts + packet.duration if packet.duration else None

    def _packet(self, text: str, like: Any, *, start: int, duration: int) -> Any:
        new = av.Packet(write_text(text, self._target))
        new.pts = new.dts = start
        new.duration, new.time_base = duration, like.time_base
        new.is_keyframe, new.stream = True, self.stream
        return new


def read_text(data: bytes, codec: str) -> str:
    """The plain text of a subtitle packet."""
    if codec == "mov_text":
        data = data[2 : 2 + int.from_bytes(data[:2], "big")]
    text = data.decode("utf-8", errors="replace").replace("\r\n", "\n")
    if codec == "ass":  # ReadOrder, Layer, Style, Name, MarginL, MarginR, MarginV, Effect, Text
        text = text.split(",", 8)[-1]
        text = re.sub(r"\{[^}]*\}", "", text).replace("\\N", "\n").replace("\\n", "\n")
        return text.replace("\\h", " ").strip()
    text = re.sub(r"</?[A-Za-z][^>]*>|\{\\[^}]*\}", "", text)
    return html.unescape(text).strip() if codec == "webvtt" else text.strip()


def write_text(text: str, codec: str) -> bytes:
    """The payload of a subtitle packet."""
    if codec == "mov_text":
        data = text.encode("utf-8")[:0xFFFF]
        return len(data).to_bytes(2, "big") + data
    return (html.escape(text, quote=False) if codec == "webvtt" else text).encode("utf-8")
