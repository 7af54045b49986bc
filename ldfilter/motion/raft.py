"""RAFT (Teed & Deng 2020), from torchvision. Good, and slow without a GPU."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models import optical_flow

from ldfilter.weights import RANDOM, WeightFile

_SMALLEST = 128  # px, the least torchvision's RAFT accepts
_STRIDE = 8


class Raft:
    """Flow by torchvision's RAFT, "large" (20 MB of weights) or "small" (4 MB)."""

    channels = 3

    def __init__(self, size: str, *, weights: str = "", device: torch.device) -> None:
        self._device = device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network: Any = getattr(optical_flow, f"raft_{size}")(weights=None)
        if weights != RANDOM:
            network.load_state_dict(_weight_file(size).load(weights, instead="--flow dis"))
        self._network = network.eval().requires_grad_(False).to(device)

    @torch.inference_mode()
    def __call__(self, current: Tensor, reference: Tensor) -> Tensor:
        height, width = current.shape[2:]
        pair = [_prepared(picture.to(self._device)) for picture in (current, reference)]
        flow: Tensor = self._network(*pair)[-1]
        return flow[:, :, :height, :width].float().cpu().clone()


def _prepared(picture: Tensor) -> Tensor:
    """uint8 to [-1, 1], padded right and down to a size RAFT takes."""
    height, width = picture.shape[2:]
    down, right = (
        max(_SMALLEST, -(-length // _STRIDE) * _STRIDE) - length for length in (height, width)
    )
    return F.pad(picture.float() / 127.5 - 1, (0, right, 0, down), mode="replicate")


def _weight_file(size: str) -> WeightFile:
    """The published weights; their name ends in the first digits of their digest."""
    published = getattr(optical_flow, f"Raft_{size.capitalize()}_Weights").DEFAULT
    name = published.url.rsplit("/", 1)[1]
    return WeightFile(
        name,
        sha256=name.removesuffix(".pth").rsplit("-", 1)[1],
        megabytes=round(published.meta["_file_size"]),
        url=published.url,
    )
