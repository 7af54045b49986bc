"""What a flow estimator is, and the table of those there are.

To add one: a class or function in a file of its own and a line in `FLOWS`; the contract tests
pick it up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from ldfilter.errors import ConfigError, suggestion


class Flow(Protocol):
    """Estimates where the pixels of one picture are in another.

    Convention: `flow(current, reference)(u)` is in px, (x, y), and `warp(reference, flow)` looks
    like `current`.
    """

    channels: int
    """1: it wants grey pictures, 3: RGB."""

    def __call__(self, current: Tensor, reference: Tensor) -> Tensor:
        """Flow (1, 2, h, w) float32 for two uint8 pictures (1, channels, h, w), any size."""


def load_flow(name: str, *, weights: str = "", device: str | torch.device = "cpu") -> Flow:
    """The estimator of that name.

    Args:
        weights: folder with downloaded weights, "" = torch's hub folder, "random" = untrained;
            only for estimators that are networks.
        device: where a network runs.

    Raises:
        ConfigError: no such estimator, or the installed OpenCV lacks it.
        ModelError: its weights are missing or damaged.
    """
    if name not in FLOWS:
        raise ConfigError(
            f"no flow is called {name!r}; choose from {', '.join(FLOWS)}.{suggestion(name, FLOWS)}"
        )
    return FLOWS[name](weights, torch.device(device))


def _dis(weights: str, device: torch.device) -> Flow:
    from ldfilter.motion.opencv import dis

    return dis()


def _farneback(weights: str, device: torch.device) -> Flow:
    from ldfilter.motion.opencv import farneback

    return farneback()


def _deepflow(weights: str, device: torch.device) -> Flow:
    from ldfilter.motion.opencv import deepflow

    return deepflow()


def _raft(weights: str, device: torch.device) -> Flow:
    from ldfilter.motion.raft import Raft

    return Raft("large", weights=weights, device=device)


def _raft_small(weights: str, device: torch.device) -> Flow:
    from ldfilter.motion.raft import Raft

    return Raft("small", weights=weights, device=device)


FLOWS: dict[str, Callable[[str, torch.device], Flow]] = {
    "dis": _dis,
    "farneback": _farneback,
    "deepflow": _deepflow,
    "raft": _raft,
    "raft-small": _raft_small,
}
