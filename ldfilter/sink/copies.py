"""Sound and text: copied where the container takes it, else transcoded, else dropped.

An allow-list, because some pairs end the process or lose the stream in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av

from ldfilter.errors import SinkError
from ldfilter.frame import PacketFeed
from ldfilter.sink.formats import Container
from ldfilter.sink.text import TEXT_CODECS, TextWriter

COPIED: dict[str, frozenset[str]] = {
    codec: frozenset(muxers.split())
    for codec, muxers in {
        "aac": "mp4 mov matroska mpegts nut flv avi",
        "mp3": "mp4 mov matroska mpegts nut flv avi",
        "opus": "mp4 matroska webm mpegts nut",
        "vorbis": "matroska webm nut avi",
        "flac": "mp4 matroska nut avi",
        "pcm_s16le": "mov matroska nut avi",
        "pcm_s24le": "mov matroska nut avi",
        "pcm_s32le": "mov matroska nut avi",
        "pcm_f32le": "mov matroska nut avi",
        "pcm_s16be": "mov matroska nut",
        "pcm_u8": "mov matroska nut avi",
        "ac3": "mp4 mov matroska mpegts nut avi",
        "eac3": "mp4 mov matroska mpegts",
        "mp2": "matroska mpegts nut avi",
        "alac": "mp4 mov matroska",
        "wavpack": "matroska",
        "subrip": "matroska",
        "ass": "matroska nut",
        "webvtt": "matroska webm",
        "mov_text": "mp4 mov",
        "dvd_subtitle": "matroska",
        "dvb_subtitle": "matroska",
        "hdmv_pgs_subtitle": "matroska",
    }.items()
}
"""Containers that each codec was seen to survive in, with PyAV 18 (FFmpeg 8.1)."""

LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
"""What each number of channels is transcoded to; both AAC and Opus know all of them."""


BIBLIOGRAPHIC = dict(nld="dut", deu="ger", ell="gre", isl="ice", zho="chi", sqi="alb")
"""Languages that FFmpeg's QuickTime writer knows by their older codes only."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of one stream: "copied", "transcoded to X", or "dropped"."""

    stream: Any
    codec: str
    action: str
    encoder: str = ""
    why: str = ""

    def __str__(self) -> str:
        language = self.stream.metadata.get("language", "").replace("und", "")
        label = f"{self.stream.type} {self.stream.index} ({self.codec}"
        label += f", {language})" if language else ")"
        verdict = f"transcoded to {self.encoder}" if self.action == "transcoded" else self.action
        return f"{label}: {verdict}" + (f": {self.why}" if self.why else "")


def plan(streams: Iterable[Any], container: Container) -> list[Plan]:
    """What becomes of each stream in a container."""
    return [_plan_one(stream, container) for stream in streams]


def _plan_one(stream: Any, container: Container) -> Plan:
    codec = codec_of(stream)
    if container.muxer in COPIED.get(codec, ()):
        return Plan(stream, codec, "copied")
    channels = getattr(stream.codec_context, "channels", 0) or 0
    if stream.type == "audio" and channels > len(LAYOUTS):
        why = f"{channels} channels are more than the {len(LAYOUTS)} that can be encoded"
        return Plan(stream, codec, "dropped", why=why)
    if stream.type == "audio" and container.audio and stream.codec_context is not None:
        encoder = container.audio.removeprefix("lib")
        return Plan(stream, codec, "transcoded", encoder, f"{container.muxer} does not take it")
    if codec in TEXT_CODECS and container.text:
        return Plan(stream, codec, "transcoded", container.text, "without its styles")
    kind = {"audio": "sound", "subtitle": "such text"}.get(stream.type, f"{stream.type} streams")
    return Plan(stream, codec, "dropped", why=f"{container.muxer} holds no {kind}")


def codec_of(stream: Any) -> str:
    """FFmpeg's name of a stream's codec, the same for every decoder of it."""
    context = stream.codec_context
    if context is None:
        return "unknown"
    return str(getattr(context.codec, "canonical_name", None) or context.name)


class Copies:
    """The streams that by-pass the dream, written in step with the video.

    Args:
        output: the `av` output container, before its header is written.
        feed: packets of the source; None = there are none.
        container: what `output` is.
        strict: anything not copied is an error.
        warnings: where sentences about lost things go.

    Raises:
        SinkError: with strict, a stream that cannot be copied.
    """

    def __init__(
        self,
        output: Any,
        *,
        feed: PacketFeed | None,
        container: Container,
        strict: bool,
        warnings: list[str],
    ) -> None:
        self._warnings = warnings
        self._output, self._feed = output, feed
        self._writers: dict[int, _Writer] = {}
        plans = plan(feed.streams if feed else (), container)
        if strict:
            refuse_losses(plans)
        for item in plans:
            if item.action != "copied":
                self._warnings.append(f"{item}.")
            if item.action != "dropped":
                self._writers[item.stream.index] = self._writer(item)

    def _writer(self, item: Plan) -> _Writer:
        if item.action == "copied":
            return _Copy(self._output, item.stream)
        if item.stream.type == "audio":
            return _Audio(self._output, item)
        return _Text(self._output, item)

    def until(self, time: Fraction | None) -> None:
        """Write all packets that start before `time` seconds; None = all there are.

        What the container does not keep is taken as well: a pipe's packets would pile up.
        """
        if self._feed is None or (time is None and not self._writers):
            return
        for packet in self._feed.until(time):
            writer = self._writers.get(packet.stream_index)
            if writer is None or packet.size == 0:
                continue
            self._output.mux(list(writer.packets(packet)))

    def finish(self) -> None:
        """Write what encoders still hold."""
        for writer in self._writers.values():
            self._output.mux(list(writer.rest()))
            if writer.damaged == 1:
                self._warnings.append(f"1 packet of {writer.label} was damaged and is missing.")
            elif writer.damaged:
                self._warnings.append(
                    f"{writer.damaged} packets of {writer.label} were damaged and are missing."
                )


def refuse_losses(plans: Sequence[Plan]) -> None:
    """Raise SinkError, for --strict, when any stream is not copied as it is."""
    lost = [str(item) for item in plans if item.action != "copied"]
    if lost:
        raise SinkError(
            f"--strict keeps every stream as it is, but {'; '.join(lost)}; write mkv, or leave "
            "sound out with -an and text with -sn."
        )


class _Writer:
    """Turns packets of one input stream into packets of one output stream."""

    damaged = 0
    label = ""

    def packets(self, packet: Any) -> Iterator[Any]:
        """Packets to write now."""
        raise TypeError(f"{type(self).__name__} writes nothing")

    def rest(self) -> Iterator[Any]:
        """Packets still held at the end."""
        return iter(())


class _Copy(_Writer):
    def __init__(self, output: Any, template: Any) -> None:
        self._stream = output.add_stream_from_template(template)
        _label(self._stream, template)

    def packets(self, packet: Any) -> Iterator[Any]:
        packet.stream = self._stream
        yield packet


class _Audio(_Writer):
    def __init__(self, output: Any, item: Plan) -> None:
        encoder = {"opus": "libopus"}.get(item.encoder, item.encoder)
        context = item.stream.codec_context
        self.label = f"{item.stream.type} {item.stream.index}"
        self._input = item.stream
        rates = sorted(av.Codec(encoder, "w").audio_rates or [48000])
        rate = next((r for r in rates if r >= (context.sample_rate or 48000)), rates[-1])
        self._stream = output.add_stream(encoder, rate=rate)
        channels = context.channels or 2
        self._stream.codec_context.layout = LAYOUTS[channels - 1]
        self._stream.codec_context.bit_rate = 96_000 * channels
        _label(self._stream, item.stream)
        encoding = self._stream.codec_context
        encoding.open()
        self._resampler = av.AudioResampler(
            format=encoding.format,
            layout=encoding.layout,
            rate=rate,
            frame_size=encoding.frame_size,
        )

    def packets(self, packet: Any) -> Iterator[Any]:
        try:
            frames = self._input.codec_context.decode(packet)
        except av.FFmpegError:
            self.damaged += 1
            return
        yield from self._encoded(frames)

    def rest(self) -> Iterator[Any]:
        yield from self._encoded([*self._input.codec_context.decode(None), None])
        yield from self._stream.encode(None)

    def _encoded(self, frames: Iterable[Any]) -> Iterator[Any]:
        for frame in frames:
            for piece in self._resampler.resample(frame):
                yield from self._stream.encode(piece)


class _Text(_Writer):
    def __init__(self, output: Any, item: Plan) -> None:
        self._writer = TextWriter(output, source=item.codec, target=item.encoder)
        self.label = f"subtitle {item.stream.index}"
        _label(self._writer.stream, item.stream)

    def packets(self, packet: Any) -> Iterator[Any]:
        return self._writer.packets(packet)


def _label(stream: Any, template: Any) -> None:
    """Carry language, title and disposition over."""
    kept = ("language", "title", "handler_name")
    labels = {k: v for k, v in template.metadata.items() if k in kept}
    if stream.container.format.name == "mov" and "language" in labels:
        labels["language"] = BIBLIOGRAPHIC.get(labels["language"], labels["language"])
    stream.metadata.update(labels)
    stream.disposition = int(template.disposition)
