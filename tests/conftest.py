"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.clips import write_clip


@pytest.fixture(autouse=True, scope="session")
def _few_threads() -> None:
    """Tiny tensors run faster on one thread, and tests may share the machine."""
    torch.set_num_threads(1)


@pytest.fixture
def clip(tmp_path: Path) -> Callable[..., Path]:
    """`clip("a.mkv", frames=3)` writes a clip of `tests.clips.Clip` and gives its path."""

    def write(name: str = "clip.mp4", **settings: Any) -> Path:
        return write_clip(tmp_path / name, **settings)

    return write
