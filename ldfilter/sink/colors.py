"""What the numbers in a picture's planes mean: range and matrix, as FFmpeg's integers.

Convention: RGB in [0, 1]; Y in [0, 1]; Cb and Cr in [-0.5, 0.5].
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ldfilter.frame import StreamInfo

LIMITED, FULL = 1, 2
UNSPECIFIED = 2
"""AVCOL_PRI_, AVCOL_TRC_ and AVCOL_SPC_UNSPECIFIED; for a range that is 0."""
RGB, BT709, BT470BG, SMPTE170M = 0, 1, 5, 6
SRGB_TRC = 13

LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
"""(Kr, Kb) by AVCOL_SPC_ number, ITU-T H.273 table 4. Constant-luminance 10 is treated as 9."""

SWSCALE = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""SWS_CS_ number by AVCOL_SPC_ number."""


@dataclass(frozen=True, slots=True)
class Colors:
    """Colour tags of a stream. 0 is an unspecified range, 2 an unspecified anything else."""

    range: int = 0
    primaries: int = UNSPECIFIED
    trc: int = UNSPECIFIED
    matrix: int = UNSPECIFIED

    @classmethod
    def of(cls, info: StreamInfo) -> Colors:
        """The tags of a source; the yuvj formats say "full range" by their name."""
        full = info.pix_fmt.startswith("yuvj")
        return cls(
            range=FULL if full else info.color_range,
            primaries=info.color_primaries,
            trc=info.color_trc,
            matrix=info.colorspace,
        )

    def effective_matrix(self, height: int) -> int:
        """The matrix to compute with: the tag, or what players assume without one.

        bt709 from 720 lines up, else bt601. Tags outside LUMA_WEIGHTS are treated alike.
        """
        if self.matrix in LUMA_WEIGHTS:
            return self.matrix
        return BT709 if height >= 720 else SMPTE170M

    def for_format(self, *, from_rgb: bool, to_rgb: bool, height: int) -> Colors:
        """The tags after a change between RGB and YUV planes, else the same tags.

        A matrix that we chose is written down; primaries and transfer stay as they were.
        """
        if to_rgb:
            return replace(self, range=FULL, matrix=RGB)
        if from_rgb:
            chosen = BT709 if height >= 720 else SMPTE170M
            return replace(self, range=LIMITED, matrix=chosen)
        return self


def rgb_to_yuv(matrix: int) -> NDArray[np.float32]:
    """(3, 3): rows Y, Cb, Cr of an AVCOL_SPC_ number of LUMA_WEIGHTS; columns R, G, B."""
    kr, kb = LUMA_WEIGHTS[matrix]
    luma = np.array([kr, 1 - kr - kb, kb])
    red, blue = np.eye(3)[0], np.eye(3)[2]
    rows = [luma, (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))]
    return np.array(rows, dtype=np.float32)
