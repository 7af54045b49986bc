"""Time: makes stamps rise, and knows which part of the input is kept."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

JUMP_SECONDS = 1
"""A step back by more than this is a new beginning (joined recordings), not a slip."""


class Timeline:
    """Makes the times of one stream rise, and counts how often it had to.

    A slip moves to one tick after its predecessor, so that what follows keeps its time. After a
    jump back by over a second everything that follows is moved along.
    """

    def __init__(self, tick: Fraction, *, strict: bool = True) -> None:
        """`tick`: the time base, seconds. `strict`: two equal times are a slip as well."""
        self._tick = tick
        self._step = 1 if strict else 0
        self._last: int | None = None
        self._next = 0
        self._offset = 0
        self.missing = 0
        self.backward = 0

    def place(self, time: int | None, duration: int) -> int:
        """The time to use, in ticks, for a stamp that may be missing or go back."""
        duration = max(duration, 1)
        if time is None:
            self.missing += 1
            time = self._next
        else:
            time += self._offset
        if self._last is not None and time < self._last + self._step:
            self.backward += 1
            if (self._last - time) * self._tick > JUMP_SECONDS:
                self._offset += self._next - time
                time = self._next
            else:
                time = self._last + self._step
        self._last, self._next = time, time + duration
        return time


@dataclass(slots=True)
class Cut:
    """The part of the input that is kept, in seconds of the input's clock.

    Attributes:
        trimmed: the output starts at 0; otherwise it keeps the input's clock.
        start: time of the first frame kept; None until that frame is known.
        end: nothing from here on is kept; None = all.
    """

    trimmed: bool = False
    start: Fraction | None = None
    end: Fraction | None = None

    @property
    def ready(self) -> bool:
        """Whether output times can be given already."""
        return not self.trimmed or self.start is not None

    @property
    def shift(self) -> Fraction:
        """What to subtract from input times, seconds."""
        return self.start if self.trimmed and self.start is not None else Fraction(0)
