"""Adding a dream to decoded planes: exact where nothing is added, right where something is."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import av.filter
import numpy as np
import pytest
import torch
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from ldfilter.sink.arrays import overlay
from ldfilter.sink.colors import LUMA_WEIGHTS, Colors, rgb_to_yuv
from ldfilter.sink.composite import CENTER, LEFT, Compositor, resize_chroma
from ldfilter.sink.planes import LAYOUTS
from tests.pictures import bars, planes_bytes, to_frame
from tests.sink.fakes import SIZE, make_frame, make_picture

FORMATS = (
    *("yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuva420p", "nv12", "gray"),
    *("yuv420p10le", "yuv422p10le", "yuv444p12le", "yuv420p16le", "yuva444p10le", "gray10le"),
    *("rgb24", "bgr24", "rgba", "bgr0", "rgb48le", "gbrp", "gbrp10le", "gbrap"),
)
ODD = (33, 51)
LEVELS = 2
"""Largest error of a colour in 1/255: rounding of planes, and of the judge's RGB."""


def compositor(pix_fmt: str, **changes: Any) -> Compositor:
    settings: dict[str, Any] = {
        "pix_fmt": pix_fmt,
        "source": Colors(),
        "target": Colors(),
        "size": SIZE,
    }
    return Compositor(**(settings | changes))


def to_rgb(picture: Any, *, matrix: int, color_range: int) -> NDArray[np.int64]:
    """(h, w, 3) by swscale, which does not share a line with what is tested."""
    swscale = {1: 1, 5: 5, 6: 5, 9: 9}[matrix]
    flags = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    rgb = picture.reformat(
        format="rgb24",
        src_colorspace=swscale,
        src_color_range=color_range,
        dst_color_range=2,
        interpolation=flags,
    )
    return rgb.to_ndarray().astype(np.int64)


@pytest.mark.parametrize("size", [SIZE, ODD])
@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_no_dream_leaves_every_sample_as_it_was(pix_fmt: str, size: tuple[int, int]) -> None:
    picture = make_picture(pix_fmt, size=size, low=0)
    before = planes_bytes(picture)
    zero = torch.zeros(1, 3, *size)
    dream = torch.full((1, 3, *size), 0.3)
    for residual, strength in ((None, 1.0), (zero, 1.0), (dream, 0.0)):
        frame = make_frame(picture=picture, residual=residual, size=size)
        result = compositor(pix_fmt, size=size, strength=strength)(frame)
        assert planes_bytes(result) == before
    assert planes_bytes(picture) == before


@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_a_dream_changes_the_copy_and_never_the_picture(pix_fmt: str) -> None:
    picture = make_picture(pix_fmt)
    before = planes_bytes(picture)
    result = compositor(pix_fmt)(make_frame(picture=picture, residual=(0.1, 0.1, 0.1)))
    assert planes_bytes(result) != before
    assert planes_bytes(picture) == before


@pytest.mark.parametrize("color_range", [1, 2])
@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv444p10le"])
def test_constant_dream_on_colour_bars_gives_the_right_rgb(
    pix_fmt: str, matrix: int, color_range: int
) -> None:
    dream = (26 / 255, -15 / 255, 41 / 255)
    tags = Colors(range=color_range, matrix=matrix)
    picture = to_frame(bars(), pix_fmt, matrix=matrix, color_range=color_range)
    made = compositor(pix_fmt, source=tags, target=tags)(
        make_frame(picture=picture, residual=dream)
    )
    before = to_rgb(picture, matrix=matrix, color_range=color_range)
    wanted = np.clip(before + np.array([26, -15, 41]), 0, 255)
    error = np.abs(to_rgb(made, matrix=matrix, color_range=color_range) - wanted)
    inner = error[:, np.arange(SIZE[1]) % 8 == 4]  # away from edges, where chroma is shared
    assert inner.max() <= LEVELS


@pytest.mark.parametrize("pix_fmt", ["rgb24", "bgra", "gbrp", "0rgb"])
def test_rgb_formats_get_picture_plus_strength_times_dream(pix_fmt: str) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    picture = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pix_fmt)
    dream = 0.4 * torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    made = compositor(pix_fmt, strength=0.5)(make_frame(picture=picture, residual=dream))
    wanted = np.clip(np.rint(rgb + 127.5 * dream[0].permute(1, 2, 0).numpy()), 0, 255)
    assert np.abs(made.reformat(format="rgb24").to_ndarray() - wanted).max() <= 1
    assert (
        np.abs(overlay(make_frame(picture=rgb, residual=dream), strength=0.5) - wanted).max() <= 1
    )


def test_ten_bits_stay_ten_bits() -> None:
    picture = make_picture("yuv420p10le")
    grey = 3 / 876  # three code values of ten-bit limited luma: less than one of eight bits
    made = compositor("yuv420p10le")(make_frame(picture=picture, residual=(grey, grey, grey)))
    assert made.format.name == "yuv420p10le"
    old, new = (np.frombuffer(p.planes[0], "<u2") for p in (picture, made))
    assert set(np.unique(new.astype(int) - old)) == {3}


def test_alpha_is_copied() -> None:
    picture = make_picture("yuva420p")
    made = compositor("yuva420p")(make_frame(picture=picture, residual=(0.3, 0.3, 0.3)))
    assert bytes(made.planes[3]) == bytes(picture.planes[3])


def test_sums_are_clipped_to_the_codes_there_are() -> None:
    picture = make_picture("yuv444p")
    for value, end in ((3.0, 255), (-3.0, 0)):
        made = compositor("yuv444p")(make_frame(picture=picture, residual=(value,) * 3))
        assert set(np.unique(np.frombuffer(made.planes[0], np.uint8))) == {end}


def test_grey_gets_the_luma_of_the_dream() -> None:
    picture = make_picture("gray")
    made = compositor("gray")(make_frame(picture=picture, residual=(0.0, 0.2, 0.0)))
    difference = np.frombuffer(made.planes[0], np.uint8).astype(int) - np.frombuffer(
        picture.planes[0], np.uint8
    )
    assert np.unique(difference).tolist() == [round(0.587 * 0.2 * 255)]


def test_semi_planar_equals_planar() -> None:
    planar = to_frame(bars(), "yuv420p")
    packed = planar.reformat(format="nv12")
    dream = torch.rand(1, 3, *SIZE) - 0.5
    a = compositor("yuv420p")(make_frame(picture=planar, residual=dream))
    b = compositor("nv12")(make_frame(picture=packed, residual=dream))
    assert planes_bytes(b.reformat(format="yuv420p")) == planes_bytes(a)


@pytest.mark.parametrize("siting", [LEFT, CENTER])
@pytest.mark.parametrize("work", [(48, 64), (24, 32), (32, 48)])
def test_chroma_is_sampled_where_it_lies(work: tuple[int, int], siting: str) -> None:
    """A ramp is linear under any good resampling: its value tells the place that was sampled."""
    size = (48, 64)
    x = (torch.arange(work[1]) + 0.5) * size[1] / work[1]
    y = (torch.arange(work[0]) + 0.5) * size[0] / work[0]
    ramp = torch.stack([x.expand(work), y[:, None].expand(work)])[None]
    out = resize_chroma(ramp, size, shrink=(2, 2), siting=siting)[0, :, 4:-4, 4:-4]
    columns = torch.arange(4.0, 28) * 2 + (0.5 if siting == LEFT else 1.0)
    rows = torch.arange(4.0, 20) * 2 + 1.0
    near = 0.05  # px; where it shrinks by a fraction the kernel is not quite linear
    assert torch.allclose(out[0], columns.expand_as(out[0]), atol=near)
    assert torch.allclose(out[1], rows[:, None].expand_as(out[1]), atol=near)


@pytest.mark.parametrize("size", [(33, 51), (48, 51), (33, 64), (7, 5)])
def test_chroma_of_odd_sizes_keeps_its_grid(size: tuple[int, int]) -> None:
    x = torch.arange(size[1]) + 0.5
    ramp = x.expand(1, 1, *size)
    out = resize_chroma(ramp, size, shrink=(2, 2), siting=CENTER)
    assert out.shape[-2:] == (-(-size[0] // 2), -(-size[1] // 2))
    inner = out[0, 0, 0, 2:-2]
    assert torch.allclose(inner, torch.arange(2.0, 2 + len(inner)) * 2 + 1, atol=1e-3)


def test_a_small_dream_is_enlarged_without_a_shift() -> None:
    picture = make_picture("rgb24")
    ramp = ((torch.arange(32) + 0.5) * 2 / 64).expand(1, 3, 24, 32) * 0.2
    made = compositor("rgb24")(make_frame(picture=picture, residual=ramp))
    wanted = (np.arange(64) + 0.5) / 64 * 0.2 * 255
    change = made.to_ndarray().astype(float) - picture.to_ndarray()
    assert np.abs(change[:, 4:-4, 0] - wanted[4:-4]).max() <= 0.51


def test_without_a_matrix_height_decides() -> None:
    assert Colors().effective_matrix(719) == 6
    assert Colors().effective_matrix(720) == 1
    assert Colors(matrix=9).effective_matrix(100) == 9


@pytest.mark.parametrize("matrix", LUMA_WEIGHTS)
def test_matrices_keep_grey_grey(matrix: int) -> None:
    assert np.allclose(rgb_to_yuv(matrix) @ np.ones(3), [1, 0, 0], atol=1e-6)
    top = np.abs(rgb_to_yuv(matrix)[1:]).clip(0).sum(axis=1)
    assert np.allclose(top, 1, atol=1e-6)  # Cb and Cr reach -0.5 and 0.5, no further


def test_tags_are_written_back_as_they_were() -> None:
    tags = Colors(range=1, primaries=1, trc=1, matrix=1)
    made = compositor("yuv420p", source=tags, target=tags)(make_frame())
    assert (made.color_range, made.color_primaries) == (1, 1)
    assert (made.color_trc, made.colorspace) == (1, 1)
    bare = compositor("yuv420p")(make_frame(residual=(0.1, 0.1, 0.1)))
    assert (bare.color_range, bare.colorspace) == (0, 2)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "nv12", "rgb24", "gray10le"])
def test_compare_puts_the_source_left_and_the_dream_right(pix_fmt: str) -> None:
    frame = make_frame(picture=make_picture(pix_fmt), residual=(0.1, 0.0, -0.1))
    alone = compositor(pix_fmt)(frame)
    both = compositor(pix_fmt, compare=True)(frame)
    assert (both.height, both.width) == (SIZE[0], 2 * SIZE[1])
    kind = LAYOUTS[pix_fmt].dtype
    for wide, left, right in zip(both.planes, frame.picture.planes, alone.planes, strict=True):
        line = np.frombuffer(wide, kind).reshape(wide.height, -1)
        half = LAYOUTS[pix_fmt].span(wide_index(both, wide), SIZE[1])
        for part, plane in ((line[:, :half], left), (line[:, half : 2 * half], right)):
            whole = np.frombuffer(plane, kind).reshape(plane.height, -1)[:, :half]
            assert np.array_equal(part, whole)


def wide_index(picture: Any, plane: Any) -> int:
    return next(n for n, p in enumerate(picture.planes) if p.buffer_ptr == plane.buffer_ptr)


def test_another_pixel_format_is_converted_before_the_dream_is_added() -> None:
    """Chroma of the dream keeps the resolution of the output, not of the source."""
    tags = Colors(range=1, matrix=6)
    picture = to_frame(bars(), "yuv420p", matrix=6, color_range=1)
    made = compositor("rgb24", source=tags, target=Colors(range=2, matrix=0))(
        make_frame(picture=picture, residual=(0.1, 0.0, 0.0))
    )
    plain = compositor("rgb24", source=tags, target=Colors(range=2, matrix=0))(
        make_frame(picture=picture)
    )
    change = made.to_ndarray().astype(int) - plain.to_ndarray()
    assert np.unique(change[..., 1:]).tolist() == [0]
    assert set(np.unique(change[..., 0])) <= {25, 26}
    inner = np.abs(plain.to_ndarray().astype(int) - bars())[:, np.arange(SIZE[1]) % 8 == 4]
    assert inner.max() <= LEVELS


@pytest.mark.parametrize("matrix", [1, 6])
def test_rgb_becomes_yuv_in_the_target_matrix(matrix: int) -> None:
    target = Colors(range=1, matrix=matrix)
    picture = av.VideoFrame.from_ndarray(bars(), format="rgb24")
    for source in (Colors(), Colors(range=2, matrix=0)):
        made = compositor("yuv444p", source=source, target=target)(make_frame(picture=picture))
        assert np.abs(to_rgb(made, matrix=matrix, color_range=1) - bars()).max() <= LEVELS


def test_limited_becomes_full_for_jpeg() -> None:
    source, target = Colors(range=1, matrix=1), Colors(range=2, matrix=5)
    picture = to_frame(bars(), "yuv444p", matrix=1, color_range=1)
    made = compositor("yuv444p", source=source, target=target)(make_frame(picture=picture))
    assert np.abs(to_rgb(made, matrix=5, color_range=2) - bars()).max() <= LEVELS


def test_pictures_stored_bottom_up_come_out_the_same_way_up() -> None:
    picture = make_picture("yuv420p")
    graph = av.filter.Graph()
    graph.link_nodes(
        graph.add_buffer(
            width=SIZE[1], height=SIZE[0], format=picture.format, time_base=Fraction(1)
        ),
        graph.add("vflip"),
        graph.add("buffersink"),
    ).configure()
    graph.vpush(picture)
    flipped: Any = graph.vpull()
    assert flipped.planes[0].line_size < 0
    made = compositor("yuv420p")(make_frame(picture=flipped))
    first = np.frombuffer(made.planes[0], np.uint8).reshape(SIZE[0], -1)[0, : SIZE[1]]
    last = np.frombuffer(picture.planes[0], np.uint8).reshape(SIZE[0], -1)[-1, : SIZE[1]]
    assert np.array_equal(first, last)
