"""Decides what is written: container, encoder, pixel format, colours and clock of an output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import av
from av.codec.codec import find_best_pix_fmt_of_list

from ldfilter.errors import SinkError, suggestion
from ldfilter.frame import StreamInfo
from ldfilter.sink.colors import BT470BG, FULL, Colors
from ldfilter.sink.composite import CENTER, LEFT, Compositor
from ldfilter.sink.formats import (
    ENCODERS,
    EVEN_ONLY,
    IMAGE_CODECS,
    RATE_CONTROL,
    WHOLE_FRAMES,
    Container,
    Encoding,
    container_for,
    extension_of,
)
from ldfilter.sink.planes import LAYOUTS, plain

DEPTHS = ("", "9le", "10le", "12le", "14le", "16le")
Y4M_FORMATS = (
    *(f"yuv{shrink}p{depth}" for shrink in ("420", "422", "444") for depth in DEPTHS),
    *("yuv411p", "gray", "gray9le", "gray10le", "gray12le", "gray16le"),
)

POOR = frozenset({"pal8", "monob", "monow", "rgb8", "bgr8", "rgb4_byte", "bgr4_byte"})
"""Formats that cannot show a dream."""

KEEP_ASPECT = frozenset({"mp4", "mov", "yuv4mpegpipe", "image2", "gif"})
ASPECT_ENCODERS = frozenset({"libx264", "libx265", "h264_nvenc", "hevc_nvenc", "mpeg4"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an output will be.

    Attributes:
        name: path, URL or "-".
        container: the kind of output.
        encoder: FFmpeg's name of the video encoder.
        pix_fmt: what the encoder is given.
        canvas: the format the dream is added in, a key of LAYOUTS.
        size: (h, w) as written; twice the width with compare.
        source, colors: colour tags of the pictures and of the output.
        siting: of chroma, "left" or "center".
        time_base: the encoder's clock.
        rate: frames per second, never 0.
        options: of the encoder.
        notes: sentences about what is not as in the source.
    """

    name: str
    container: Container
    encoder: str
    pix_fmt: str
    canvas: str
    size: tuple[int, int]
    source: Colors
    colors: Colors
    siting: str
    time_base: Fraction
    rate: Fraction
    options: Mapping[str, str]
    notes: tuple[str, ...] = ()


def resolve(name: str, *, info: StreamInfo, encoding: Encoding, compare: bool = False) -> Target:
    """The target of an output for a source.

    Raises:
        SinkError: an unknown or unfit container, encoder or pixel format.
    """
    y4m = info.format == "yuv4mpegpipe"
    container = container_for(name, wanted=encoding.format, y4m_pipe=y4m)
    if container.muxer == "image2":
        codec = IMAGE_CODECS.get(extension_of(name), container.codec)
        container = replace(container, codec=codec)
    encoder = find_encoder(encoding.codec or container.codec)
    size = (info.size[0], info.size[1] * (2 if compare else 1))
    notes: list[str] = []
    pix_fmt = choose_format(
        encoder, info=info, size=size, encoding=encoding, container=container, compare=compare
    )
    source = Colors.of(info)
    if encoder == "gif":
        pix_fmt, canvas = "pal8", "rgb24"
    else:
        canvas = pix_fmt if pix_fmt in LAYOUTS else nearest(_composable(), pix_fmt)
        if plain(info.pix_fmt) != pix_fmt and encoding.pix_fmt is None:
            notes.append(f"the pixel format {info.pix_fmt} becomes {pix_fmt} for {encoder}.")
    colors = _colors(source, info=info, canvas=canvas, encoder=encoder)
    notes += _aspect_note(info, container=container, encoder=encoder)
    return Target(
        name=name,
        container=container,
        encoder=encoder,
        pix_fmt=pix_fmt,
        canvas=canvas,
        size=size,
        source=source,
        colors=colors,
        siting=siting(info),
        time_base=_clock(info, container=container, encoder=encoder),
        rate=_rate(info),
        options=_options(encoder, encoding),
        notes=tuple(notes),
    )


def make_compositor(
    target: Target, *, size: tuple[int, int], strength: float, compare: bool
) -> Compositor:
    """What makes the pictures of a target from frames of (h, w)."""
    return Compositor(
        pix_fmt=target.canvas,
        source=target.source,
        target=target.colors,
        size=size,
        strength=strength,
        siting=target.siting,
        compare=compare,
    )


def find_encoder(name: str) -> str:
    """FFmpeg's own name of a video encoder: "h264" gives "libx264"."""
    if name == "copy":
        raise SinkError("the video cannot be copied, since every frame changes; drop -c:v copy.")
    try:
        codec = av.Codec(name, "w")
    except ValueError as error:
        known = [*ENCODERS, "h264_nvenc", "hevc_nvenc", "prores_ks", "dnxhd", "h264", "hevc"]
        raise SinkError(
            f"there is no video encoder {name!r}.{suggestion(name, known)} "
            f"Common ones are {', '.join(ENCODERS)}."
        ) from error
    if codec.type != "video":
        raise SinkError(f"{name} encodes {codec.type}, not video; choose a video encoder.")
    return codec.name


def choose_format(
    encoder: str,
    *,
    info: StreamInfo,
    size: tuple[int, int],
    encoding: Encoding,
    container: Container,
    compare: bool,
) -> str:
    """The pixel format of the output: the user's, the source's, or the nearest.

    Raises:
        SinkError: the user's does not exist or does not fit the encoder or the size.
    """
    offered = [f.name for f in av.Codec(encoder, "w").video_formats or []]
    if container.muxer == "yuv4mpegpipe":
        offered = list(Y4M_FORMATS)
    wanted = encoding.pix_fmt
    if wanted is not None:
        _check_wanted(wanted, offered, encoder=encoder, size=size)
        return plain(wanted)
    own = plain(info.pix_fmt)
    halves = compare and size[1] // 2 % shrink_of(own)[1] != 0
    fitting = [f for f in offered if fits(encoder, f, size) and f not in POOR]
    if halves:
        fitting = [f for f in fitting if shrink_of(f) == (1, 1)] or fitting
    if not fitting and not offered and not halves and own not in POOR:
        return own
    return own if own in fitting else nearest(fitting or _composable(), own)


def _check_wanted(wanted: str, offered: list[str], *, encoder: str, size: tuple[int, int]) -> None:
    try:
        av.VideoFormat(wanted)
    except ValueError as error:
        known = offered or list(LAYOUTS)
        raise SinkError(
            f"there is no pixel format {wanted!r}.{suggestion(wanted, known)}"
        ) from error
    if offered and wanted not in offered:
        raise SinkError(f"{encoder} cannot encode {wanted}; choose from {', '.join(offered)}.")
    if not fits(encoder, wanted, size):
        raise SinkError(
            f"{encoder} cannot encode {size[1]}x{size[0]} as {wanted}, which needs even sizes; "
            "use -pix_fmt yuv444p, or -c:v libvpx-vp9 or ffv1."
        )


def fits(encoder: str, pix_fmt: str, size: tuple[int, int]) -> bool:
    """Whether an encoder takes a picture of (h, w) in this format."""
    if encoder not in EVEN_ONLY:
        return True
    vertical, horizontal = shrink_of(pix_fmt)
    return size[0] % vertical == 0 and size[1] % horizontal == 0


def shrink_of(pix_fmt: str) -> tuple[int, int]:
    """(vertical, horizontal) factor by which the chroma of any of FFmpeg's formats is smaller."""
    probe = av.VideoFormat(pix_fmt, 64, 64)
    widths = [(64 // c.height, 64 // c.width) for c in probe.components if c.is_chroma]
    return max(widths, default=(1, 1))


def nearest(offered: list[str], pix_fmt: str) -> str:
    """The format that loses least, without the yuvj names; grey prefers YUV to RGB."""
    if pix_fmt.startswith("gray"):
        offered = [f for f in offered if not av.VideoFormat(f).is_rgb] or offered
    alpha = any(c.is_alpha for c in av.VideoFormat(pix_fmt).components)
    best, _ = find_best_pix_fmt_of_list(offered, pix_fmt, alpha)
    return plain(best.name) if best is not None else plain(offered[0])


def _composable() -> list[str]:
    return [name for name in LAYOUTS if _exists(name)]


def _exists(pix_fmt: str) -> bool:
    try:
        av.VideoFormat(pix_fmt)
    except ValueError:
        return False
    return True


def _colors(source: Colors, *, info: StreamInfo, canvas: str, encoder: str) -> Colors:
    """The output's tags: the source's, unless RGB and YUV or limited and full change places."""
    own = av.VideoFormat(info.pix_fmt)
    from_rgb = own.is_rgb or info.pix_fmt == "pal8"
    colors = source
    if from_rgb != LAYOUTS[canvas].rgb:
        colors = source.for_format(
            from_rgb=from_rgb, to_rgb=LAYOUTS[canvas].rgb, height=info.size[0]
        )
    if canvas.startswith("gray") and colors.range == 0:
        colors = replace(colors, range=FULL)  # players take untagged grey video for limited
    if encoder == "mjpeg":
        colors = replace(colors, range=FULL, matrix=BT470BG)
    return colors


def siting(info: StreamInfo) -> str:
    """Where the source's chroma lies: in the middle for JPEG, MPEG-1 and y4m, else left."""
    centered = info.codec in ("mjpeg", "mpeg1video", "webp", "h263", "mpeg4")
    return CENTER if centered or info.format == "yuv4mpegpipe" else LEFT


def _clock(info: StreamInfo, *, container: Container, encoder: str) -> Fraction:
    if container.tick == "rate" or encoder in WHOLE_FRAMES:
        return 1 / _rate(info)
    return Fraction(container.tick) or info.time_base


def _rate(info: StreamInfo) -> Fraction:
    """Frames per second for encoders and muxers that must know; 25 when nobody does."""
    rate = Fraction(info.rate.numerator, info.rate.denominator) if info.rate else Fraction(25)
    return rate.limit_denominator(100_000)


def _options(encoder: str, encoding: Encoding) -> dict[str, str]:
    options = dict(ENCODERS.get(encoder, {}))
    if RATE_CONTROL & set(encoding.options):
        options.pop("crf", None)
    if encoding.crf is not None:
        options["crf"] = f"{encoding.crf:g}"
    wanted = dict(encoding.options)
    if encoder == "libx265" and "x265-params" in wanted:
        wanted["x265-params"] = f"{options['x265-params']}:{wanted['x265-params']}"
    return options | wanted


def _aspect_note(info: StreamInfo, *, container: Container, encoder: str) -> list[str]:
    aspect = info.sample_aspect_ratio
    if not aspect or aspect == 1 or container.muxer in KEEP_ASPECT or encoder in ASPECT_ENCODERS:
        return []
    return [
        f"{container.muxer} with {encoder} cannot carry the pixel shape "
        f"{aspect.numerator}:{aspect.denominator}; players will show the picture "
        f"{'narrower' if aspect > 1 else 'wider'} than it is. mp4 and mov keep it."
    ]
