"""Where to compute, and random numbers that do not depend on it."""

from __future__ import annotations

import torch

from ldfilter.errors import ConfigError


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`; "auto" takes CUDA, then MPS, then the CPU.

    Raises:
        ConfigError: the device asked for is not there.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, found in there.items() if found)
    if not there.get(name, False):
        found = ", ".join(kind for kind, ok in there.items() if ok)
        raise ConfigError(
            f"device {name!r} is not available here; found: {found}. Use one of them."
        )
    return torch.device(name)


def seeded_generator(seed: int, index: int) -> torch.Generator:
    """The CPU generator of frame `index`: the same in one run, after a resume, on any worker."""
    # Odd multiplier of splitmix64: neighbouring (seed, index) pairs never share a state.
    return torch.Generator().manual_seed((seed * 0x9E3779B97F4A7C15 + index) % 2**63)
