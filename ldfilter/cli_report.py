"""What a run tells its user on standard error: the look, warnings, progress, one hint."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from itertools import chain
from types import TracebackType
from typing import TYPE_CHECKING

from ldfilter.cli_options import Options
from ldfilter.config import Config
from ldfilter.progress import Clock, Display, Meter, Silence, open_display, shorter

if TYPE_CHECKING:
    from ldfilter.frame import Source
    from ldfilter.passes import Step
    from ldfilter.pipeline import Stages


class Report:
    """Everything but errors. A context manager around the run.

    Attributes:
        frames: how many were counted.
    """

    def __init__(self, options: Options, *, clock: Clock = time.monotonic) -> None:
        self.frames = 0
        self._options = options
        self._clock = clock
        self._said: set[str] = set()
        self._display: Display = Silence(sys.stderr)
        self._meter = Meter(total=None, clock=clock)
        self._work_height = 0
        self._hinted = False

    def start(self, config: Config, source: Source, stages: Stages) -> None:
        """One line: the look, what it dreams of, the network and where it runs, the flow."""
        self.say(
            f"look {self._options.look}, {_wanted(config)}, {stages.summary}, "
            f"{f'flow {config.motion.flow}' if config.temporal.active else 'no flow'}"
        )
        kind = self._options.progress
        if kind == "auto" and self._options.quiet:
            kind = "none"
        total, device = source.info.frames, str(stages.device)
        self._display = open_display(kind, total=total, device=device, clock=self._clock)
        self._meter = Meter(total=total, clock=self._clock)
        self._work_height = source.work_size[0]

    def __enter__(self) -> Report:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._display.close(done=error is None)
        self._display = Silence(sys.stderr)

    def count(self, *, time: Fraction, strength: float) -> None:
        """One more frame is written, ending at `time` seconds."""
        status = self._meter.count(time=time, strength=strength)
        self.frames = status.frame
        self._display.show(status)
        # Two frames after the first say little about the rest.
        if not self._hinted and status.frame >= 4:
            hint = shorter(status, work_height=self._work_height)
            self._hinted = bool(hint)
            if hint:
                self.say(hint)

    def step(self, step: Step) -> None:
        """One of several passes has dreamed one more frame."""
        self._display.show(self._meter.step(step))

    def warn(self, *lists: Sequence[str]) -> None:
        """Warnings, each one once however often it comes."""
        for sentence in chain(*lists):
            if sentence not in self._said:
                self._said.add(sentence)
                self.say(f"warning: {' '.join(sentence.split())}")

    def say(self, *lines: str) -> None:
        """Lines for people, unless they want quiet."""
        if not self._options.quiet:
            for line in lines:
                self._display.note(f"ldfilter: {line}")


def _wanted(config: Config) -> str:
    """What is dreamed of, in words: "class starfish, guide dog.jpg"."""
    if config.schedule.changes:
        return ", ".join(config.schedule.changes)
    objective = config.objective
    kinds = (
        ("class", "classes", objective.classes),
        ("layer", "layers", objective.layers),
        ("guide", "guides", objective.guided.images),
        ("extremes of", "extremes of", objective.extremes.images),
        ("style", "styles", objective.style.images),
    )
    named = [
        f"{one if len(names) == 1 else many} {', '.join(names)}"
        for one, many, names in kinds
        if names
    ]
    return ", ".join(named)
