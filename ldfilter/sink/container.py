"""Writes what FFmpeg's muxers write: files, URLs, and standard output."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import av
from av.codec.context import Flags

from ldfilter.errors import SinkError, suggestion
from ldfilter.frame import Frame, Source
from ldfilter.sink.composite import Compositor, tag
from ldfilter.sink.copies import Copies
from ldfilter.sink.outlet import Pipe, failure, is_url
from ldfilter.sink.palette import Palette
from ldfilter.sink.target import Target

FRAGMENTS = ("mp4", "mov")
"""Their fragments end at key frames; one a second bounds what a killed process loses."""
NO_REORDERING = ("avi",)
"""Files without a place for the time of a picture that is coded out of order."""
NOT_KEPT = ("encoder", "major_brand", "minor_version", "compatible_brands", "rotate", "DURATION")
"""Metadata that describes the input file, not the film."""


class ContainerSink:
    """An encoded video with the source's sound and text, written as frames come.

    Encoders are opened at once, so that a wrong option costs nothing; the file is created, and an
    old one replaced, when the first frame is written.
    """

    def __init__(
        self,
        target: Target,
        *,
        like: Source,
        compositor: Compositor,
        strict: bool = False,
        file: BinaryIO | None = None,
    ) -> None:
        self._target, self._compositor = target, compositor
        self._pipe = Pipe(file) if file is not None else None
        self._new = self._pipe is None and not is_url(target.name)
        self._new = self._new and not os.path.lexists(target.name)
        self._palette = Palette(target.size) if target.pix_fmt == "pal8" else None
        self._count, self._last = 0, -(2**63)
        self._failed = self._closed = self._said_moved = False
        self.warnings: list[str] = list(target.notes)
        self._output = self._open()
        self._video = self._add_video(like)
        self._copies = self._add_copies(like, strict=strict)
        self._describe(like)

    def __enter__(self) -> ContainerSink:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close(complete=kind is None)

    def write(self, frame: Frame) -> None:
        """Write one frame, and the sound and text that belong before its end.

        Raises:
            ReaderLeft: the reader closed the pipe.
            SinkError: the disk is full or the output failed.
        """
        if self._closed or self._failed:
            raise SinkError(f"{self._target.name} is closed already; open a new sink.")
        picture = self._stamped(self._compositor(frame), frame)
        with self._writing():
            if self._count == 0:
                self._output.start_encoding()
            self._count += 1
            self._output.mux(self._video.encode(picture))
            self._copies.until((frame.pts + frame.duration) * frame.time_base)

    def close(self, *, complete: bool = True) -> None:
        """Finish the file so that it plays; safe to call twice.

        Args:
            complete: False ends the sound with the last picture, as after Ctrl-C; else all that
                is left of it follows.
        """
        if self._closed:
            return
        self._closed = True
        if self._failed or self._count == 0:
            self._abandon()
            return
        with self._writing():
            self._output.mux(self._video.encode(None))
            if complete:
                self._copies.until(None)
            self._copies.finish()
            self._output.close()

    def _abandon(self) -> None:
        """Close after an error or without a frame; leave no broken file that we created."""
        with suppress(Exception):
            self._output.close()
        if self._count == 0:
            self.warnings.append(f"no frame came, so {self._target.name} was not written.")
        if self._new and self._count == 0:
            with suppress(OSError):
                os.unlink(self._target.name)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Errors of the output become ours, once; after one, `close` writes nothing more."""
        try:
            yield
            if self._pipe is not None and self._pipe.error is not None:
                raise self._pipe.error
        except (OSError, ValueError, av.FFmpegError) as error:
            self._failed = True
            raise failure(self._target.name, error) from error

    def _open(self) -> Any:
        target = self._target
        options = dict(target.container.options)
        if target.container.muxer == "image2":
            options |= {"start_number": "1"} if "%" in target.name else {"update": "1"}
        place: Any = self._pipe
        if place is None:
            place = target.name if is_url(target.name) else f"file:{target.name}"
        return av.open(place, "w", format=target.container.muxer, container_options=options)

    def _add_video(self, like: Source) -> Any:
        """The video stream with its encoder open.

        Raises:
            SinkError: the container does not hold the codec, or the encoder refuses.
        """
        target = self._target
        try:
            stream = self._output.add_stream(target.encoder, rate=target.rate)
        except ValueError as error:
            raise SinkError(
                f"{target.container.muxer} cannot hold {target.encoder}; its usual encoder is "
                f"{target.container.codec}."
            ) from error
        context = stream.codec_context
        context.height, context.width = target.size
        context.pix_fmt = target.pix_fmt
        context.time_base = stream.time_base = target.time_base
        context.flags |= Flags.frame_duration
        if target.container.muxer in FRAGMENTS:
            context.gop_size = max(1, round(target.rate))
        if target.container.muxer in NO_REORDERING:
            context.max_b_frames = 0
        if like.info.sample_aspect_ratio:
            context.sample_aspect_ratio = like.info.sample_aspect_ratio
        tag(context, target.colors)
        context.options = dict(target.options)
        self._start_encoder(context)
        return stream

    def _start_encoder(self, context: Any) -> None:
        target = self._target
        said = ", ".join(f"{k}={v}" for k, v in target.options.items()) or "no options"
        try:
            context.open()
        except (av.FFmpegError, ValueError) as error:
            raise SinkError(
                f"{target.encoder} refused {target.size[1]}x{target.size[0]} {target.pix_fmt} "
                f"with {said}: {getattr(error, 'strerror', None) or error}; check the options, "
                "or choose another encoder with -c:v."
            ) from error
        unknown = sorted(set(context.options) & set(target.options))
        if unknown:
            offered = getattr(context, "supported_options", None)
            known = [o.name for o in (*offered.private, *offered.generic)] if offered else []
            raise SinkError(
                f"{target.encoder} has no option {unknown[0]!r}."
                f"{suggestion(unknown[0], known)} Encoder options are given as --enc KEY=VALUE."
            )

    def _add_copies(self, like: Source, *, strict: bool) -> Copies:
        with self._writing():
            return Copies(
                self._output,
                feed=like.packets,
                container=self._target.container,
                strict=strict,
                warnings=self.warnings,
            )

    def _describe(self, like: Source) -> None:
        """Carry the film's metadata and chapters over."""
        kept = {k: v for k, v in like.info.metadata.items() if k not in NOT_KEPT}
        self._output.metadata.update(kept)
        if like.info.chapters:
            self._output.set_chapters(list(like.info.chapters))

    def _stamped(self, picture: Any, frame: Frame) -> Any:
        """The picture in the encoder's format with its time on the encoder's clock."""
        target = self._target
        if self._palette is not None:
            picture = self._palette(picture)
        elif target.canvas != target.pix_fmt:
            picture = self._compositor.to_encoder(picture, target.pix_fmt)
        ratio = frame.time_base / target.time_base
        pts = round(frame.pts * ratio)
        if pts <= self._last:
            pts = self._last + 1
            self._warn_once(
                f"frame {frame.index} and perhaps others start no later than the one before on "
                f"{target.container.muxer}'s clock; they were moved by a tick."
            )
        self._last = pts
        picture.pts, picture.time_base = pts, target.time_base
        picture.duration = max(1, round(frame.duration * ratio))
        return picture

    def _warn_once(self, sentence: str) -> None:
        if not self._said_moved:
            self._said_moved = True
            self.warnings.append(sentence)
