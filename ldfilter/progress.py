"""How far a run has come, on standard error: a bar, lines, JSON or nothing.

Rich is imported only for the bar.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from ldfilter.passes import Step

Clock = Callable[[], float]

LINE_SECONDS = 5.0  # empirical: a log that is read while it grows, and still short next morning
JSON_SECONDS = 0.5  # as ffmpeg's -stats_period
RATE_FRAMES = 20  # frames over which fps is averaged: the first frame takes far longer
LONG_SECONDS = 600.0
SHORT_SECONDS = 300.0
# Common heights, down to the size that the networks see; below it nothing is gained.
WORK_HEIGHTS = (1440, 1080, 720, 540, 480, 432, 360, 320, 288, 256, 224)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where a run stands.

    Attributes:
        frame: frames written.
        total: how many there will be; None when unknown.
        fps: frames per second lately; 0 before the second frame.
        left: seconds to go; None when unknown.
        time: seconds of video written.
        speed: seconds of video per second of work.
        strength: of the last frame, mean |residual|.
        done: frames' worth of work done; more than `frame` while passes go over a shot.
        step: the last step of a look of several passes.
    """

    frame: int = 0
    total: int | None = None
    fps: float = 0.0
    left: float | None = None
    time: Fraction = Fraction(0)
    speed: float = 0.0
    strength: float = 0.0
    done: float = 0.0
    step: Step | None = None

    def __str__(self) -> str:
        of = f"/{self.total}" if self.total else ""
        if self.step is not None:
            shot = f"/{self.step.frames}" if self.step.frames else ""
            of += f", pass {self.step.number}/{self.step.passes} at {self.step.frame}{shot}"
        left = "" if self.left is None else f", {clock_text(self.left)} left"
        return f"frame {self.frame}{of}, {self.fps:.2f} fps{left}, strength {self.strength:.3f}"


class Meter:
    """Turns "one more frame" into a `Status`.

    Args:
        total: frames that there will be; None when unknown.
        clock: seconds, monotonic.
    """

    def __init__(self, *, total: int | None, clock: Clock) -> None:
        self._clock = clock
        self._start = clock()
        self._stamps: deque[float] = deque(maxlen=RATE_FRAMES + 1)
        self._steps = 0
        self._status = Status(total=total)

    def step(self, step: Step) -> Status:
        """Counts a frame that one of several passes has dreamed."""
        return self._worked(step=step)

    def count(self, *, time: Fraction, strength: float) -> Status:
        """Counts a frame that ends at `time` seconds of the output."""
        self._status = replace(
            self._status, frame=self._status.frame + 1, time=time, strength=strength
        )
        if self._status.step is None:
            return self._worked(step=None)
        return self._timed()

    def _worked(self, *, step: Step | None) -> Status:
        """A step of work is done: a frame, or a frame of one of several passes."""
        self._stamps.append(self._clock())
        self._steps += 1
        spent = self._stamps[-1] - self._stamps[0]
        passes = 1 if step is None else step.passes
        fps = (len(self._stamps) - 1) / passes / spent if spent > 0 else 0.0
        done, total = self._steps / passes, self._status.total
        left = max(total - done, 0) / fps if total and fps > 0 else None
        self._status = replace(self._status, fps=fps, left=left, done=done, step=step)
        return self._timed()

    def _timed(self) -> Status:
        elapsed = self._clock() - self._start
        speed = float(self._status.time) / elapsed if elapsed > 0 else 0.0
        self._status = replace(self._status, speed=speed)
        return self._status


class Display(Protocol):
    """Shows statuses; `note` puts a sentence among them without garbling anything."""

    def show(self, status: Status) -> None: ...

    def note(self, text: str) -> None: ...

    def close(self, *, done: bool) -> None:
        """The last status was shown; `done` when the run came to its end."""


class Silence:
    """Shows no progress; notes still appear."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, status: Status) -> None:
        pass

    def note(self, text: str) -> None:
        with contextlib.suppress(OSError):  # nobody may be listening; the dream goes on
            print(text, file=self._stream, flush=True)

    def close(self, *, done: bool) -> None:
        pass


class Lines(Silence):
    """A line after the first frame, every five seconds, and at the end."""

    def __init__(self, stream: TextIO, *, clock: Clock) -> None:
        super().__init__(stream)
        self._clock = clock
        self._next = -math.inf
        self._last: Status | None = None

    def show(self, status: Status) -> None:
        self._last = status
        if self._clock() >= self._next:
            self._next = self._clock() + LINE_SECONDS
            self.note(f"ldfilter: {status}")

    def close(self, *, done: bool) -> None:
        if done and self._last is not None:
            seconds, speed = float(self._last.time), self._last.speed
            self.note(f"ldfilter: done, {self._last.frame} frames, {seconds:.2f} s at {speed:.3g}x")


class Json(Silence):
    """One JSON object per line with the keys of ffmpeg's -progress, and the strength."""

    def __init__(self, stream: TextIO, *, clock: Clock) -> None:
        super().__init__(stream)
        self._clock = clock
        self._next = -math.inf
        self._last = Status()

    def show(self, status: Status) -> None:
        self._last = status
        if self._clock() >= self._next:
            self._next = self._clock() + JSON_SECONDS
            self._write("continue")

    def close(self, *, done: bool) -> None:
        self._write("end")

    def _write(self, progress: str) -> None:
        status = self._last
        fields = {
            "frame": status.frame,
            "fps": round(status.fps, 3),
            "out_time_us": int(status.time * 1_000_000),
            "speed": round(status.speed, 4),
            "strength": round(status.strength, 4),
            "progress": progress,
        }
        if status.step is not None:
            fields |= {"pass": status.step.number, "passes": status.step.passes}
        self.note(json.dumps(fields))


class Bar:
    """A bar on a terminal, by rich."""

    def __init__(self, stream: TextIO, *, total: int | None, device: str, clock: Clock) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        console = Console(file=stream, force_terminal=True, highlight=False)
        self._bar: RichProgress = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.fields[text]}", markup=False),
            console=console,
            get_time=clock,
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._device = device
        self._task = self._bar.add_task("", total=total, text=f"first frame, {device}")
        self._bar.start()

    def show(self, status: Status) -> None:
        text = f"{status}, {self._device}"
        self._bar.update(self._task, completed=status.done, text=text)

    def note(self, text: str) -> None:
        self._bar.console.print(text, markup=False, soft_wrap=True)

    def close(self, *, done: bool) -> None:
        self._bar.stop()


def open_display(
    kind: str, *, total: int | None, device: str, clock: Clock, stream: TextIO | None = None
) -> Display:
    """The display called `kind`: auto, bar, lines, json or none; on stderr unless told."""
    stream = stream or sys.stderr
    if kind == "auto":
        kind = "bar" if stream.isatty() and os.environ.get("TERM") != "dumb" else "lines"
    if kind == "bar":
        return Bar(stream, total=total, device=device, clock=clock)
    if kind == "lines":
        return Lines(stream, clock=clock)
    if kind == "json":
        return Json(stream, clock=clock)
    return Silence(stream)


def shorter(status: Status, *, work_height: int) -> str:
    """A hint with the `--work-height` that makes a long run short; "" when there is none.

    The work grows with the number of pixels, so with the square of the height.

    Args:
        work_height: at which the run dreams now.
    """
    if status.left is None or status.left <= LONG_SECONDS:
        return ""
    smaller = [h for h in WORK_HEIGHTS if h < work_height]
    if not smaller:
        return ""
    guesses = {h: status.left * (h / work_height) ** 2 for h in smaller}
    fitting = [h for h in smaller if guesses[h] <= SHORT_SECONDS]
    height = fitting[0] if fitting else smaller[-1]
    return (
        f"{clock_text(status.left)} to go; --work-height {height} would take "
        f"about {clock_text(guesses[height])}."
    )


def clock_text(seconds: float) -> str:
    """ "0:42", "12:05" or "3:07:00"."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{start}:{whole % 60:02d}"
