"""Pictures with known answers, as arrays and as frames. Sizes are (h, w)."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]

SIZE = (48, 64)
BARS: Rgb = np.array(
    [
        [191, 191, 191],
        [191, 191, 0],
        [0, 191, 191],
        [0, 191, 0],
        [191, 0, 191],
        [191, 0, 0],
        [0, 0, 191],
        [16, 16, 16],
    ],
    dtype=np.uint8,
)
"""RGB of the eight colour bars, left to right."""


def pattern(number: int, size: tuple[int, int] = SIZE) -> Rgb:
    """(h, w, 3) uint8: smooth colour that drifts with `number`, and the number along the top."""
    h, w = size
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    waves = (x / w + number / 64, y / h, (x + y) / (w + h))
    image = np.stack([128 + 80 * np.sin(2 * np.pi * wave) for wave in waves], axis=2)
    edge = w // 8
    for bit in range(8):
        image[: h // 4, bit * edge : (bit + 1) * edge] = 230 if number >> bit & 1 else 25
    return np.asarray(image.round(), dtype=np.uint8)


def read_number(image: Any) -> int:
    """The number that `pattern` wrote: of (h, w, 3) uint8 or a (1, 3, h, w) float tensor."""
    array = np.asarray(image)
    if array.ndim == 4:
        array = array[0].transpose(1, 2, 0) * 255
    h, w = array.shape[:2]
    edge = w // 8
    band = array[h // 16 : h // 4 - h // 16].mean(axis=(0, 2))
    return sum(1 << bit for bit in range(8) if band[bit * edge + edge // 2] > 128)


def bars(number: int = 0, size: tuple[int, int] = SIZE) -> Rgb:
    """(h, w, 3) uint8: the eight colours of `BARS` as vertical bars, the same for any `number`."""
    h, w = size
    columns = BARS[np.minimum(np.arange(w) * 8 // w, 7)]
    return np.broadcast_to(columns, (h, w, 3)).copy()


def still_noise(number: int, size: tuple[int, int] = SIZE, sigma: float = 3.0) -> Rgb:
    """(h, w, 3) uint8: the same picture each time, with fresh noise of `sigma` / 255."""
    noise = np.random.default_rng(number).normal(0, sigma, (*size, 3))
    return np.clip(pattern(0, size) + noise, 0, 255).round().astype(np.uint8)


def split_fields(rgb: Rgb) -> Rgb:
    """The odd lines below the number moved by 6 px, as if the second field came later."""
    result = rgb.copy()
    below = rgb.shape[0] // 4
    result[below + 1 :: 2] = np.roll(rgb[below + 1 :: 2], 6, axis=1)
    return result


LUMA = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""(Kr, Kb) by FFmpeg's matrix number, ITU-T H.273."""


def to_frame(
    rgb: Rgb, pix_fmt: str = "yuv420p", *, matrix: int = 2, color_range: int = 0
) -> av.VideoFrame:
    """An RGB array as a frame, converted by the equations of H.273 with rounding, not by FFmpeg.

    Unspecified: bt601 below 720 lines, bt709 from there; limited range, full for yuvj.
    RGB, grey and semi-planar formats are left to FFmpeg.
    """
    if not pix_fmt.startswith("yuv"):
        return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pix_fmt)
    frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], pix_fmt)
    if matrix == 2:
        matrix = 1 if rgb.shape[0] >= 720 else 5
    full = color_range == 2 or pix_fmt.startswith("yuvj")
    bits = frame.format.components[0].bits
    for number, (plane, samples) in enumerate(zip(frame.planes, _yuv(rgb, matrix), strict=True)):
        _fill(plane, _quantised(samples, bits, full=full, chroma=number > 0), deep=bits > 8)
    return frame


def _yuv(rgb: Rgb, matrix: int) -> list[NDArray[np.float64]]:
    """Y in [0, 1], Cb and Cr in [-0.5, 0.5], each (h, w)."""
    kr, kb = LUMA[matrix]
    red, green, blue = np.moveaxis(rgb / 255.0, 2, 0)
    y = kr * red + (1 - kr - kb) * green + kb * blue
    return [y, (blue - y) / (2 - 2 * kb), (red - y) / (2 - 2 * kr)]


def _quantised(
    samples: NDArray[np.float64], bits: int, *, full: bool, chroma: bool
) -> NDArray[np.int64]:
    step = 1 << (bits - 8)
    if full:
        numbers = samples * ((256 * step) - 1) + 128 * step * chroma
    else:
        numbers = samples * (224 if chroma else 219) * step + (128 if chroma else 16) * step
    return np.clip(np.floor(numbers + 0.5), 0, 256 * step - 1).astype(np.int64)


def _fill(plane: Any, numbers: NDArray[np.int64], *, deep: bool) -> None:
    """Write samples into a plane, averaged where the plane is smaller."""
    fy, fx = -(-numbers.shape[0] // plane.height), -(-numbers.shape[1] // plane.width)
    whole = np.pad(
        numbers,
        ((0, plane.height * fy - numbers.shape[0]), (0, plane.width * fx - numbers.shape[1])),
        mode="edge",
    )
    blocks = whole.reshape(plane.height, fy, plane.width, fx)
    means = (blocks.sum(axis=(1, 3)) + fx * fy // 2) // (fx * fy)
    kind = np.dtype("<u2" if deep else "u1")
    rows = np.zeros((plane.height, plane.line_size // kind.itemsize), kind)
    rows[:, : plane.width] = means
    plane.update(rows.tobytes())


def planes_bytes(frame: av.VideoFrame) -> bytes:
    """The samples of every plane without row padding, plane after plane."""
    depth = 2 if frame.format.components[0].bits > 8 else 1
    rows = []
    for plane in frame.planes:
        data = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
        rows.append(data[:, : plane.width * depth].tobytes())
    return b"".join(rows)
