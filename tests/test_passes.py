"""Several passes over a shot: their order, what they see, what they leave behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

import ldfilter
from ldfilter.cli import main
from ldfilter.frame import Frame
from ldfilter.passes import Step, dream_passes
from ldfilter.pipeline import build, process
from ldfilter.source.synthetic import shifted_texture

ClipMaker = Callable[..., Path]
LITTLE = {
    "effort": 0.1,
    "dream__first__octaves": (1.0,),
    "network__weights": "random",
    "network__device": "cpu",
}


def frames(count: int, *, cuts: tuple[int, ...] = (0,)) -> Iterator[Frame]:
    for number in range(count):
        image = torch.full((1, 3, 4, 4), number / 100)
        yield Frame(
            picture=None,
            image=image,
            index=number,
            pts=number,
            duration=1,
            time_base=Fraction(1, 25),
            starts_shot=number in cuts,
            residual=torch.zeros_like(image),
        )


def test_every_pass_turns_round_and_sees_what_the_one_before_made() -> None:
    seen: list[tuple[int, int, float]] = []

    def again(shot: Iterator[Frame], number: int) -> Iterator[Frame]:
        for frame in shot:
            assert frame.residual is not None
            seen.append((number, frame.index, float(frame.residual.mean())))
            yield replace(frame, residual=frame.residual + 1)

    out = list(dream_passes(frames(3), count=4, again=again, watch=lambda step: None))  # type: ignore[arg-type]
    assert seen == [
        *((2, 2, 0.0), (2, 1, 0.0), (2, 0, 0.0)),
        *((3, 0, 1.0), (3, 1, 1.0), (3, 2, 1.0)),
        *((4, 2, 2.0), (4, 1, 2.0), (4, 0, 2.0)),
    ]
    assert [(f.index, float(f.residual.mean())) for f in out] == [(0, 3.0), (1, 3.0), (2, 3.0)]  # type: ignore[union-attr]


def test_shots_are_finished_one_by_one_and_the_source_is_read_no_further() -> None:
    read: list[int] = []

    def source() -> Iterator[Frame]:
        for frame in frames(7, cuts=(0, 3)):
            read.append(frame.index)
            yield frame

    steps: list[Step] = []
    passes = dream_passes(
        source(), count=2, again=lambda shot, number: (f for f in shot), watch=steps.append
    )
    assert next(passes).index == 0
    assert read == [0, 1, 2, 3]  # the next shot's first frame tells that this one has ended
    assert [f.index for f in passes] == [1, 2, 3, 4, 5, 6]
    assert steps[:6] == [
        *(Step(1, 2, k, None) for k in (1, 2, 3)),
        *(Step(2, 2, k, 3) for k in (1, 2, 3)),
    ]


def test_no_frames_give_none() -> None:
    assert not list(dream_passes(iter(()), count=3, again=None, watch=print))  # type: ignore[arg-type]


def test_breaking_out_closes_a_pass_that_runs() -> None:
    closed = []

    def again(shot: Iterator[Frame], number: int) -> Iterator[Frame]:
        try:
            for frame in shot:
                yield frame
                raise ldfilter.Stopped("enough")
        finally:
            closed.append(number)

    with pytest.raises(ldfilter.Stopped):
        list(dream_passes(frames(3), count=2, again=again, watch=lambda step: None))  # type: ignore[arg-type]
    assert closed == [2]


@pytest.mark.parametrize("start", ["result", "noise"])
def test_a_look_of_several_passes_keeps_order_times_and_strength(start: str) -> None:
    steps: list[Step] = []
    overrides = {"passes__count": 5, "passes__alone": 3, "passes__start": start, **LITTLE}
    stages = build(ldfilter.load_preset("multi-pass", **overrides))
    source = shifted_texture((64, 80), 4)
    out = list(process(source, stages, watch=steps.append))
    assert [f.index for f in out] == [0, 1, 2, 3]
    assert [f.pts for f in out] == [f.pts for f in shifted_texture((64, 80), 4)]
    assert len(steps) == 5 * 4
    assert all(float(f.residual.abs().mean()) > 0.005 for f in out)  # type: ignore[union-attr]


def test_passes_give_the_same_twice() -> None:
    def run() -> list[torch.Tensor]:
        config = ldfilter.load_preset("multi-pass", passes__count=2, **LITTLE)
        frames = process(shifted_texture((48, 64), 2), build(config))
        return [f.residual for f in frames if f.residual is not None]

    assert all(torch.equal(a, b) for a, b in zip(run(), run(), strict=True))


def test_a_grey_matte_weakens_the_dream_once_not_once_a_pass(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((48, 64), 128, np.uint8))

    def strength(passes: int, matte: str) -> float:
        config = ldfilter.load_preset(
            "multi-pass", passes__count=passes, output__matte=matte, **LITTLE
        )
        (frame,) = process(shifted_texture((48, 64), 1), build(config))
        return float(frame.residual.abs().mean())  # type: ignore[union-attr]

    for passes in (1, 3):
        half = strength(passes, str(path)) / strength(passes, "")
        assert half == pytest.approx(128 / 255, abs=0.01)


def test_a_pipe_is_refused_with_the_reason(
    clip: ClipMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    read, write = os.pipe()
    os.write(write, clip("c.mkv", frames=1).read_bytes()[:60000])
    os.close(write)
    saved = os.dup(0)
    os.dup2(read, 0)
    try:
        code = main(["-p", "multi-pass", "-", "out.mp4"])
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(read)
    assert code == 2
    said = capsys.readouterr().err
    assert "goes over every shot 5 times" in said
    assert "standard input only flows; save it to a file first" in said
    assert "passes.count=1" in said
    assert not Path("out.mp4").exists()


def test_a_file_goes_through_with_its_sound(clip: ClipMaker, tmp_path: Path) -> None:
    source = clip("c.mp4", frames=5, size=(48, 64), audio="aac")
    out = tmp_path / "o.mkv"
    settings = ["--set", "network.weights=random", "--effort", "0.1", "--set", "passes.count=3"]
    assert main([str(source), str(out), "-p", "multi-pass", *settings, "-q"]) == 0
    with av.open(str(out)) as container:
        assert len(list(container.decode(video=0))) == 5
        assert container.streams.audio
