"""The contact sheet: every look a cell, in order, with its numbers."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ldfilter import sheet
from ldfilter.cli import main
from ldfilter.errors import SinkError, Stopped
from ldfilter.looks import load_preset
from ldfilter.sheet import (
    CELL,
    FRAMES,
    GAP,
    LABEL,
    Cell,
    check_name,
    dream_cell,
    lay_out,
    save_sheet,
)
from ldfilter.source.synthetic import slow_pan
from tests.clips import write_clip

LITTLE = {
    "effort": 0.01,
    "dream__first__octaves": [1.0],
    "dream__first__updates": 1,
    "dream__later__updates": 1,
    "dream__fill__origins": 0,
}


def cell(name: str, size: tuple[int, int] = (64, 36), colour: str = "red") -> Cell:
    return Cell(name, Image.new("RGB", size, colour), seconds=1.25, strength=0.0512)


def test_a_label_gives_name_time_and_strength() -> None:
    assert cell("trail").label == "trail   1.2 s per frame   strength 0.051"


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_every_cell_has_a_place_of_its_own(count: int) -> None:
    colours = [(20 * k, 255 - 20 * k, 128) for k in range(count)]
    cells = [
        Cell(f"look {k}", Image.new("RGB", (64, 36), colour), 1.0, 0.05)
        for k, colour in enumerate(colours)
    ]
    made = lay_out(cells)
    shown = {pixel for _, pixel in made.getcolors(made.width * made.height) or []}
    assert set(colours) <= shown
    assert made.width >= CELL + 2 * GAP and made.height >= 270 + LABEL + 2 * GAP
    assert made.width / made.height < 4


def test_a_sheet_shows_the_last_of_a_few_frames_of_every_look() -> None:
    source = slow_pan((48, 64), 50)
    looks = [(name, load_preset(name, **LITTLE)) for name in ("framewise", "long-term")]
    frames = list(source)
    cells = [dream_cell(name, config, frames) for name, config in looks]
    assert [each.name for each in cells] == ["framewise", "long-term"]
    assert all(each.picture.size == (64, 48) for each in cells)
    assert all(each.strength > 0 and each.seconds > 0 for each in cells)
    *_, last = (frame for frame, _ in zip(slow_pan((48, 64), 50), range(FRAMES), strict=False))
    away = torch.from_numpy(np.array(cells[0].picture)) / 255 - last.image[0].permute(1, 2, 0)
    assert 0 < away.abs().mean() < 0.2


def test_a_stopped_sheet_says_so() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        dream_cell("a", load_preset("framewise"), slow_pan((48, 64), 9), stop=stop)


@pytest.mark.parametrize("name", ["sheet.mp4", "sheet", "sheet.txt"])
def test_a_sheet_is_a_picture(tmp_path: Path, name: str) -> None:
    """Which is said before anything is dreamed."""
    with pytest.raises(SinkError, match=r"sheet\.png"):
        check_name(str(tmp_path / name))


def test_a_sheet_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"cannot write .*No such file"):
        save_sheet(lay_out([cell("a")]), str(tmp_path / "nowhere" / "sheet.png"))


def test_the_command_makes_a_sheet_of_the_looks_it_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def dreamed(name, config, frames, *, stop):  # type: ignore[no-untyped-def]
        assert [frame.image.shape[2] for frame in frames] == [30] * FRAMES
        seen.append(name)
        return cell(name)

    monkeypatch.setattr(sheet, "dream_cell", dreamed)
    clip, out = write_clip(tmp_path / "a.mp4"), tmp_path / "sheet.png"
    arguments = [str(clip), str(out), "--sheet", "--work-height", "30"]
    assert main([*arguments, "-p", "trail, style"]) == 0
    assert seen == ["trail", "style"]
    assert Image.open(out).width > CELL
    assert "1/2 trail" in capfd.readouterr().err
    assert main(arguments) == 1  # it exists
    seen.clear()
    assert main([*arguments, "-y"]) == 0
    assert {"long-term", "style", "patterns"} < set(seen)
    assert not [name for name in seen if "/" in name or "multi-pass" in name]


def test_a_look_that_fails_leaves_the_others_on_the_sheet(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clip, out = write_clip(tmp_path / "a.mp4", frames=2), tmp_path / "sheet.png"
    little = ["--effort", "0.01", "--set", "dream.first.octaves=[1]", "--set", "network.weights=."]
    arguments = ["--sheet", str(clip), str(out), *little]
    assert main([*arguments, "-p", "framewise,paper/framewise"]) == 1
    said = capfd.readouterr().err
    assert "paper/framewise is left out: " in said and "vgg19" in said
    assert said.rstrip().endswith(f"{out} is written, but lacks paper/framewise.")
    assert Image.open(out).width == CELL + 2 * GAP
    out.unlink()
    assert main([*arguments, "-p", "paper/framewise"]) == 1
    assert "none of the looks could be dreamed; no sheet was written" in capfd.readouterr().err
    assert not out.exists()


def test_every_look_is_dreamed_at_its_own_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('base = "framewise"\n[output]\nwork_height = 20\n')
    heights: dict[str, int] = {}

    def dreamed(name, config, frames, *, stop):  # type: ignore[no-untyped-def]
        heights[name] = frames[0].image.shape[2]
        return cell(name)

    monkeypatch.setattr(sheet, "dream_cell", dreamed)
    clip, out = write_clip(tmp_path / "a.mp4", frames=2), tmp_path / "sheet.png"
    assert main(["--sheet", str(clip), str(out), "-q", "-p", f"framewise,{mine}"]) == 0
    assert heights == {"framewise": 48, str(mine): 20}


def test_a_pipe_is_not_dreamed_at_several_sizes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is read once; opening it again would wait for ever."""
    mine, pipe = tmp_path / "mine.toml", tmp_path / "pipe"
    mine.write_text('base = "framewise"\n[output]\nwork_height = 20\n')
    os.mkfifo(pipe)
    for name in ("-", str(pipe)):
        arguments = ["--sheet", name, str(tmp_path / "sheet.png"), "-p", f"framewise,{mine}"]
        assert main(arguments) == 2
        assert f"{name} is a pipe, and the looks are dreamed at" in (said := capfd.readouterr().err)
        assert "20, 270" in said and "--work-height" in said


def test_a_sheet_of_several_passes_gives_the_mean_time(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_preset("multi-pass", passes__count=2, network__weights="random", **LITTLE)
    made = dream_cell("multi-pass", config, slow_pan((48, 64), 9))
    assert made.seconds > 0.01


@pytest.mark.parametrize("option", ["--compare", "--strict", "-crf 3", "-f mp4", "--enc a=b"])
def test_what_a_picture_has_no_use_for_is_refused(
    option: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--sheet", "in.mp4", "out.png", *option.split()]) == 2
    assert f"{option.split()[0]} says how a video is written" in capfd.readouterr().err


def test_a_dry_run_of_a_sheet_shows_every_look(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--sheet", "in.mp4", "out.png", "-p", "trail,style", "--dry-run"]) == 0
    shown = capfd.readouterr().out
    assert shown.startswith("# trail\n") and "\n# style\n" in shown


def test_a_sheet_needs_an_input_and_an_output(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--sheet", "in.mp4"]) == 2
    assert "needs an INPUT and an OUTPUT" in capfd.readouterr().err
