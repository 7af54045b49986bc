"""A pipeline without a network, for tests of the command around it.

Run as a program it is the command `ldfilter` with this pipeline: `python -m tests.fake_pipeline`.
"""

from __future__ import annotations

import os
import sys
import threading
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ldfilter.config import Config
from ldfilter.errors import Stopped

if TYPE_CHECKING:
    from ldfilter.frame import Frame

RESIDUAL = 0.125


@dataclass(frozen=True, kw_only=True)
class FakeStages:
    """Adds a constant to every frame.

    Attributes:
        seconds: how long a frame takes.
        fail: raised instead of the third frame.
    """

    seconds: float = 0.0
    fail: Exception | None = None
    noise: str = ""
    device: str = "cpu"
    summary: str = "no network on cpu"
    stop: threading.Event = field(default_factory=threading.Event)


def dream(source: Iterable[Frame], stages: FakeStages, *, watch: object = None) -> Iterator[Frame]:
    import torch

    for count, frame in enumerate(source):
        if stages.fail is not None and count == 2:
            raise stages.fail
        if stages.noise:
            print(stages.noise)
            os.write(1, stages.noise.encode())
        if stages.stop.wait(stages.seconds) or stages.stop.is_set():
            raise Stopped("stopped while dreaming.")
        yield replace(frame, residual=torch.full_like(frame.image, RESIDUAL))


def fake_module(**settings: object) -> types.ModuleType:
    """What stands for `ldfilter.pipeline`; `settings` are the fields of `FakeStages`."""

    def build(config: Config, *, stop: threading.Event | None = None) -> FakeStages:
        return FakeStages(stop=stop or threading.Event(), **settings)  # type: ignore[arg-type]

    module = types.ModuleType("ldfilter.pipeline")
    vars(module).update(
        build=build,
        process=dream,
        strength=lambda frame: float(frame.residual.abs().mean()),
        Stages=FakeStages,
    )
    return module


def main() -> int:
    """The command with frames that take FAKE_SECONDS and a pipeline that prints FAKE_NOISE."""
    from ldfilter.cli import main as command

    seconds = float(os.environ.get("FAKE_SECONDS", "0"))
    sys.modules["ldfilter.pipeline"] = fake_module(
        seconds=seconds, noise=os.environ.get("FAKE_NOISE", "")
    )
    return command()


if __name__ == "__main__":
    sys.exit(main())
