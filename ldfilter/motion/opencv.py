"""The flow estimators of OpenCV. The only file that imports cv2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from ldfilter.errors import ConfigError

_SMALLEST = 16  # px; DIS refuses pictures below 12


class OpenCVFlow:
    """A dense flow of OpenCV on grey pictures. Keeps buffers: use it from one thread at a time."""

    channels = 1

    def __init__(self, calc: Callable[[Any, Any], Any]) -> None:
        self._calc = calc
        # The dreaming has the cores; two thread pools on the same cores wait for each other.
        cv2.setNumThreads(1)

    def __call__(self, current: Tensor, reference: Tensor) -> Tensor:
        height, width = current.shape[2:]
        field = self._calc(_grey(current), _grey(reference))
        tensor = torch.from_numpy(np.ascontiguousarray(field[:height, :width], dtype=np.float32))
        return tensor.permute(2, 0, 1).unsqueeze(0).contiguous()


def dis() -> OpenCVFlow:
    """Dense inverse search (Kroeger et al. 2016): the default.

    The "ultrafast" preset, but down to half of the picture's size instead of a quarter, and with
    three steps of variational refinement. Measured at 320x136: 7 ms, as reliable as "medium" at
    12 ms (on bikes.mp4, frames 76 to 96, 0.64 of the picture; without refinement 0.53), and
    0.04 px off on textures that move by fractions of a pixel. "Ultrafast" and "fast" as they come
    are 0.06 and 0.11 px off, in the direction of the motion: a dream creeps over a slow pan.
    """
    algorithm = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    algorithm.setFinestScale(1)
    algorithm.setVariationalRefinementIterations(3)
    return _dense(algorithm)


def farneback() -> OpenCVFlow:
    """Polynomial expansion (Farneback 2003) with the parameters of Video DeepDream."""

    def calc(current: Any, reference: Any) -> Any:
        flow: Any = None
        return cv2.calcOpticalFlowFarneback(
            current,
            reference,
            flow,
            pyr_scale=0.5,
            levels=3,
            winsize=15,
            iterations=3,
            poly_n=5,
            poly_sigma=1.2,
            flags=0,
        )

    return OpenCVFlow(calc)


def deepflow() -> OpenCVFlow:
    """DeepFlow without the deep matching, as OpenCV contrib has it; LucidDream used DeepFlow2.

    Raises:
        ConfigError: the installed OpenCV is not a contrib build.
    """
    if not hasattr(cv2, "optflow"):
        raise ConfigError(
            "flow 'deepflow' is part of OpenCV contrib, which is not installed: "
            "pip install opencv-contrib-python-headless, or choose 'dis'."
        )
    algorithm = cv2.optflow.createOptFlow_DeepFlow()
    return _dense(algorithm)


def _dense(algorithm: Any) -> OpenCVFlow:
    return OpenCVFlow(lambda current, reference: algorithm.calc(current, reference, None))


def _grey(picture: Tensor) -> Any:
    """(1, 1, h, w) uint8 as the contiguous array OpenCV wants, at least 16 px on each side."""
    array = np.ascontiguousarray(picture[0, 0].numpy())
    down, right = (max(_SMALLEST - length, 0) for length in array.shape)
    if not (down or right):
        return array
    return cv2.copyMakeBorder(array, 0, down, 0, right, cv2.BORDER_REPLICATE)
