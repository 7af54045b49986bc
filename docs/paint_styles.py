"""Paints the pictures that ship as styles: strokes along swirls, lit from the upper left.

python docs/paint_styles.py FOLDER

Strokes are noise smeared along a vector field (line integral convolution, Cabral & Leedom 1993).
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

SIDE = 512

# Seed, size of a stroke, number of swirls, distance between bends of the field, and colours from
# the valleys of the field to its peaks.
PICTURES = {
    "night": (3, 6, 8, 96, "0a1234 14306e 265ca0 6096be ecc85a fcecaa"),
    "ember": (11, 7, 5, 96, "1c0a0c 6e1814 c43c18 f08c28 fadc8c 3c7878"),
    "moss": (23, 5, 10, 64, "121e14 285028 6e8c32 c8c86e f0ebc8 96503c"),
}


def noise(distance: int, seed: int) -> np.ndarray:
    """Smooth noise (SIDE, SIDE) with values `distance` px apart."""
    cells = SIDE // distance + 3
    values = np.random.default_rng(seed).standard_normal((cells, cells)).astype(np.float32)
    large = cv2.resize(values, (SIDE + 2 * distance,) * 2, interpolation=cv2.INTER_CUBIC)
    return large[distance : distance + SIDE, distance : distance + SIDE]


def hills(seed: int, distance: int, swirls: int) -> np.ndarray:
    """A height field; strokes go around its hills."""
    height = noise(distance, seed) + 0.4 * noise(distance // 2, seed + 1)
    random = np.random.default_rng(seed + 2)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    for _ in range(swirls):
        across, down = random.uniform(0, SIDE), random.uniform(0, SIDE)
        radius = random.uniform(40, 110)
        bump = np.exp(-((np.hypot(x - across, y - down) / radius) ** 2))
        height += random.choice([-1, 1]) * 3 * bump
    return height


def smear(image: np.ndarray, field: np.ndarray, length: int) -> np.ndarray:
    """`image` averaged along `field` (h, w, 2), `length` px to both sides; mean 0, deviation 1."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    total = image.copy()
    for direction in (1, -1):
        px, py = x.copy(), y.copy()
        for _ in range(length):
            step = cv2.remap(field, px, py, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            px += direction * step[..., 0]
            py += direction * step[..., 1]
            total += cv2.remap(image, px, py, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return (total - total.mean()) / total.std()


def paint(seed: int, stroke: int, swirls: int, distance: int, palette: str) -> np.ndarray:
    """A picture, uint8 RGB (SIDE, SIDE, 3)."""
    height = hills(seed, distance, swirls)
    down, across = np.gradient(height)
    field = np.stack([-down, across], axis=-1)
    field /= np.linalg.norm(field, axis=-1, keepdims=True) + 1e-6
    strokes = smear(noise(stroke, seed + 5), field, 28)
    hue = smear(noise(stroke + 1, seed + 6), field, 18)
    place = np.clip(0.75 * (height - height.min()) / np.ptp(height) + 0.12 * hue + 0.12, 0, 1)
    colours = np.array([list(bytes.fromhex(code)) for code in palette.split()]) / 255
    steps = np.arange(len(colours)) / (len(colours) - 1)
    picture = np.stack([np.interp(place, steps, channel) for channel in colours.T], axis=-1)
    slopes = np.gradient(cv2.GaussianBlur(strokes, (0, 0), 1.0))
    light = np.clip(-0.5 * (slopes[0] + slopes[1]), -1, 1)[..., None]
    picture = picture * (1 + 0.22 * np.clip(strokes, -2, 2)[..., None]) + 0.18 * light
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)


def main() -> None:
    folder = Path(sys.argv[1])
    for name, numbers in PICTURES.items():
        picture = cv2.cvtColor(paint(*numbers), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
