"""Where to compute, and random numbers that do not depend on it."""

from __future__ import annotations

import threading

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


def pick_dtype(device: torch.device) -> torch.dtype:
    """The fastest type for a feed-forward network: half where the device computes in it."""
    if device.type == "cpu":
        # The others are emulated, and slower than single precision.
        return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
    return torch.float16


def step_aside() -> None:
    """Give torch's operators a quarter of their cores in the calling thread, at least one.

    For a thread that works beside the network: two teams of all cores wait for each other.
    Measured on two cores, 640x272: 1.9 s per frame in place of 2.15.
    """
    cores = torch.get_num_threads()
    torch.set_num_threads(max(1, cores // 4))
    # That also became the default of every thread to come. Setting it back in a thread that ends
    # leaves this one as it is.
    restoring = threading.Thread(target=torch.set_num_threads, args=(cores,))
    restoring.start()
    restoring.join()


def seeded_generator(seed: int, index: int) -> torch.Generator:
    """The CPU generator of frame `index`: the same in one run, after a resume, on any worker."""
    # Odd multiplier of splitmix64: neighbouring (seed, index) pairs never share a state.
    return torch.Generator().manual_seed((seed * 0x9E3779B97F4A7C15 + index) % 2**63)
