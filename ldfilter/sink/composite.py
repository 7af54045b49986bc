"""Adds the dream to the decoded planes.

The residual is resized to the picture, converted linearly into its matrix, range, bit depth and
chroma grid, added, rounded and clipped. No residual, no change: the planes are bit-exact.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import av.filter
import numpy as np
import torch
import torch.nn.functional as F
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray
from torch import Tensor

from ldfilter.frame import Frame
from ldfilter.sink.colors import FULL, LIMITED, RGB, SWSCALE, Colors, rgb_to_yuv
from ldfilter.sink.planes import LAYOUTS, Layout, plain, rows, samples

LEFT, CENTER = "left", "center"

QUALITY = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)


class Compositor:
    """Makes the picture that is written from a frame; one per output.

    Args:
        pix_fmt: format of the result, a key of `LAYOUTS`.
        source, target: colour tags of the decoded pictures and of the result.
        size: (h, w) of the result, before `compare` doubles the width.
        strength: gain on the residual.
        siting: where chroma samples lie, "left" (MPEG-2, H.264) or "center" (JPEG).
        compare: source and dream side by side.
    """

    def __init__(
        self,
        *,
        pix_fmt: str,
        source: Colors,
        target: Colors,
        size: tuple[int, int],
        strength: float = 1.0,
        siting: str = LEFT,
        compare: bool = False,
    ) -> None:
        self._pix_fmt, self._layout = pix_fmt, LAYOUTS[pix_fmt]
        self._source, self._target = source, target
        self._size, self._strength = size, strength
        self._siting, self._compare = siting, compare
        self._reformatter = VideoReformatter()

    def __call__(self, frame: Frame) -> Any:
        """The composited `av.VideoFrame`, without a time; the frame's picture stays as it is."""
        height, width = self._size
        picture = self._converted(frame.picture)
        across = width * 2 if self._compare else width
        canvas = av.VideoFrame(across, height, self._pix_fmt)
        tag(canvas, self._target)
        _copy(picture, canvas, self._layout, width=width)
        if self._compare:
            _copy(picture, canvas, self._layout, width=width, column=width)
        if frame.residual is not None and self._strength != 0:
            deltas = self._deltas(frame.residual)
            _add(canvas, self._layout, deltas, column=width if self._compare else 0)
        return canvas

    def to_encoder(self, picture: Any, pix_fmt: str) -> Any:
        """A composited picture in a format that only the encoder knows, e.g. p010le."""
        result = convert(
            picture,
            pix_fmt,
            size=(picture.height, picture.width),
            source=self._target,
            target=self._target,
            reformatter=self._reformatter,
        )
        tag(result, self._target)
        return result

    def _converted(self, picture: Any) -> Any:
        """The picture in the result's format, size and colours; itself where it has them."""
        height, width = self._size
        if any(plane.line_size < 0 for plane in picture.planes):
            picture = stored_top_down(picture)
        same_format = plain(picture.format.name) == self._pix_fmt
        same_colors = self._layout.rgb or _code(self._source) == _code(self._target)
        if same_format and same_colors and (picture.height, picture.width) == self._size:
            return picture
        return convert(
            picture,
            self._pix_fmt,
            size=(height, width),
            source=self._source,
            target=self._target,
            reformatter=self._reformatter,
        )

    def _deltas(self, residual: Tensor) -> list[NDArray[np.float32]]:
        """What to add to each channel, float32 (rows, columns) in units of one code value."""
        layout, size = self._layout, self._size
        luma, chroma = scales(layout, self._target)
        gains = np.array([luma, chroma, chroma][: len(layout.channels)], dtype=np.float32)
        matrix = np.eye(3, dtype=np.float32)
        if not layout.rgb:
            matrix = rgb_to_yuv(self._target.effective_matrix(size[0]))[: len(gains)]
        mix = torch.from_numpy(self._strength * gains[:, None] * matrix).to(residual.device)
        h, w = residual.shape[-2:]
        mixed = (mix @ residual.detach().float().reshape(3, h * w)).reshape(1, -1, h, w)
        if layout.shrink == (1, 1) or len(gains) == 1:
            return [d.cpu().numpy() for d in resize(mixed, size)[0]]
        small = resize_chroma(mixed[:, 1:], size, shrink=layout.shrink, siting=self._siting)
        full = resize(mixed[:, :1], size)
        return [d.cpu().numpy() for d in (full[0, 0], small[0, 0], small[0, 1])]


def scales(layout: Layout, colors: Colors) -> tuple[float, float]:
    """Code values per unit of luma (or R, G, B) and of chroma."""
    if layout.rgb or is_full(colors, layout):
        return float(2**layout.depth - 1), float(2**layout.depth - 1)
    return float(219 << (layout.depth - 8)), float(224 << (layout.depth - 8))


def is_full(colors: Colors, layout: Layout) -> bool:
    """Whether the codes use the full range; without a tag, grey does and YUV does not."""
    if layout.rgb or colors.range == FULL:
        return True
    return len(layout.channels) == 1 and colors.range != LIMITED


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(1, c, h, w) to (1, c, *size), bicubic (Keys, a = -0.5), pixel areas aligned."""
    if tuple(x.shape[-2:]) == size:
        return x
    return F.interpolate(x, size=size, mode="bicubic", antialias=True, align_corners=False)


def resize_chroma(
    x: Tensor, size: tuple[int, int], *, shrink: tuple[int, int], siting: str
) -> Tensor:
    """(1, c, h, w) that covers a picture of `size` to its chroma grid, rounded up.

    Left siting puts a chroma sample over the first of its two luma columns, half a luma pixel to
    the left of the pair's middle: the input is shifted right by that much, linearly.
    """
    (height, width), (h, w) = size, x.shape[-2:]
    wanted = -(-height // shrink[0]), -(-width // shrink[1])
    x = F.pad(x, (1, 2, 0, 2), mode="replicate")
    if siting == LEFT and shrink[1] == 2:
        shift = 0.5 * w / width
        x = torch.lerp(x[..., 1:], x[..., :-1], shift)
    else:
        x = x[..., 1:]
    factor = height / (shrink[0] * h), width / (shrink[1] * w)
    out = F.interpolate(
        x, scale_factor=factor, mode="bicubic", antialias=True, recompute_scale_factor=False
    )
    return out[..., : wanted[0], : wanted[1]]


def stored_top_down(picture: Any) -> Any:
    """A copy whose rows lie in memory from top to bottom; a flip may have left them reversed."""
    graph = av.filter.Graph()
    graph.link_nodes(
        graph.add_buffer(
            width=picture.width,
            height=picture.height,
            format=picture.format,
            time_base=Fraction(1, 1),
        ),
        graph.add("copy"),
        graph.add("buffersink"),
    ).configure()
    graph.vpush(picture)
    return graph.vpull()


def convert(
    picture: Any,
    pix_fmt: str,
    *,
    size: tuple[int, int],
    source: Colors,
    target: Colors,
    reformatter: VideoReformatter,
) -> Any:
    """The picture in another pixel format by swscale, with matrix and range given in full."""
    matrix = SWSCALE[source.effective_matrix(size[0])]
    other = matrix if target.matrix == RGB else SWSCALE[target.effective_matrix(size[0])]
    if source.matrix == RGB:
        matrix = other
    return reformatter.reformat(
        picture,
        width=size[1],
        height=size[0],
        format=pix_fmt,
        src_colorspace=matrix,
        dst_colorspace=other,
        src_color_range=_range(source, picture.format.name),
        dst_color_range=_range(target, pix_fmt),
        interpolation=QUALITY,
        threads=1,
    )


def _range(colors: Colors, pix_fmt: str) -> int:
    layout = LAYOUTS.get(plain(pix_fmt))
    full = is_full(colors, layout) if layout else colors.range == FULL
    return FULL if full else LIMITED


def _code(colors: Colors) -> tuple[bool, int]:
    """What decides how a YUV code is read."""
    return colors.range == FULL, colors.matrix


def tag(picture: Any, colors: Colors) -> None:
    """Write the colour tags on a picture that is ours."""
    picture.color_range = colors.range
    picture.colorspace = colors.matrix
    picture.color_primaries = colors.primaries
    picture.color_trc = colors.trc


def _copy(picture: Any, canvas: Any, layout: Layout, *, width: int, column: int = 0) -> None:
    """Copy all planes, alpha too, to the canvas from a luma column on."""
    for number, (old, new) in enumerate(zip(picture.planes, canvas.planes, strict=True)):
        start, count = layout.span(number, column), layout.span(number, width)
        target = rows(new, layout.dtype)[:, start : start + count]
        np.copyto(target, rows(old, layout.dtype)[:, :count])


def _add(
    canvas: Any, layout: Layout, deltas: list[NDArray[np.float32]], *, column: int = 0
) -> None:
    """Add, round and clip in place, from a luma column on."""
    top = float(2**layout.depth - 1)
    for number, (channel, delta) in enumerate(zip(layout.channels, deltas, strict=True)):
        start = column // (layout.shrink[1] if number else 1)
        view = samples(canvas.planes[channel.plane], layout, channel, start + delta.shape[1])
        part = view[:, start:]
        total = np.add(part, delta, dtype=np.float32)
        np.rint(total, out=total)
        np.clip(total, 0, top, out=total)
        np.copyto(part, total, casting="unsafe")
