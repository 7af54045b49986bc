"""What the dreaming stage remembers: a ring buffer of the last dreamed frames."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor


class History:
    """The last `depth` tensors, newest first by offset: `history[1]` is the latest.

    Kept in half precision, which is exact to 2e-4 for residuals of usual size; memory is bounded
    by `depth` tensors (32 residuals of 1080p take 400 MB).
    """

    def __init__(self, depth: int = 32) -> None:
        self._entries: deque[Tensor] = deque(maxlen=depth)

    def push(self, tensor: Tensor) -> None:
        """Remember a copy of `tensor`; it becomes offset 1, the oldest is freed when full."""
        self._entries.append(tensor.detach().to(torch.float16, copy=True))

    def __getitem__(self, offset: int) -> Tensor:
        """The tensor pushed `offset` pushes ago (1 = the latest), as float32.

        Raises:
            KeyError: nothing is remembered that far back; `offset in history` tells.
        """
        if offset not in self:
            raise KeyError(f"offset {offset}: the history holds offsets 1 to {len(self)}")
        return self._entries[-offset].float()

    def __contains__(self, offset: object) -> bool:
        return isinstance(offset, int) and 1 <= offset <= len(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def offsets(self) -> range:
        """The offsets that can be asked for, nearest first."""
        return range(1, len(self._entries) + 1)

    def clear(self, *, keep: int = 0) -> None:
        """Forget everything but the latest `keep` tensors."""
        while len(self._entries) > keep:
            self._entries.popleft()
