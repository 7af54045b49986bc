"""The command in this process: what it says, what it writes, and its exit code."""

from __future__ import annotations

import json
import os
import sys
import warnings
import wave
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from ldfilter.cli import main
from ldfilter.errors import LdfilterError, ModelError, ReaderLeft, SinkError, Stopped
from tests.clips import write_clip, write_photo
from tests.fake_pipeline import RESIDUAL, fake_module

Use = Callable[..., None]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """`use(fail=error)` puts such a pipeline in the place of the real one."""

    def replace_pipeline(**settings: object) -> None:
        monkeypatch.setitem(sys.modules, "ldfilter.pipeline", fake_module(**settings))

    replace_pipeline()
    return replace_pipeline


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "in.mkv", frames=6)


def run(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and stderr; nothing may come out of stdout."""
    code = main([str(a) for a in arguments])
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return code, captured.err


def frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_clip_is_dreamed_and_the_look_is_said(
    use: Use, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mkv"
    code, said = run(capfd, clip, out, "--class", "tabby cat:2", "-p", "trail")
    assert code == 0
    assert frames_of(out) == 6
    lines = said.splitlines()
    assert lines[0] == ("ldfilter: look trail, class tabby cat:2, no network on cpu, flow dis")
    assert lines[1].startswith("ldfilter: frame 1/6,")
    assert f"strength {RESIDUAL:.3f}" in lines[1]
    assert lines[-1].startswith("ldfilter: done, 6 frames")


def test_quiet_says_nothing(
    use: Use, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(capfd, clip, tmp_path / "out.mkv", "-q") == (0, "")


def test_progress_as_json(
    use: Use, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, said = run(capfd, clip, tmp_path / "out.mkv", "--progress", "json", "-t", "0.16")
    records = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert code == 0
    assert (records[-1]["frame"], records[-1]["progress"]) == (4, "end")
    assert records[-1]["out_time_us"] == 160000


def test_a_photo_is_a_video_of_one_frame(
    use: Use, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    photo = write_photo(tmp_path / "a photo.jpg")
    assert run(capfd, photo, tmp_path / "dreamed.png", "-q") == (0, "")
    assert frames_of(tmp_path / "dreamed.png") == 1


def test_one_frame_of_a_video_becomes_a_picture(
    use: Use, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "frame.png"
    assert run(capfd, clip, out, "-q", "-ss", "0.08", "-t", "0.04", "--compare") == (0, "")
    with av.open(str(out)) as container:
        (frame,) = container.decode(video=0)
        assert (frame.height, frame.width) == (48, 128)
    code, said = run(capfd, clip, tmp_path / "all.png")
    assert code == 1
    assert "one picture" in said


def test_unusual_names_work(use: Use, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a b 'c' é %"
    folder.mkdir()
    source = write_clip(folder / "in put.mkv", frames=2)
    out = folder / "-out é.mkv"
    assert run(capfd, source, "-q", "--", out) == (0, "")
    assert frames_of(out) == 2


def test_a_library_that_prints_does_not_reach_standard_output(
    use: Use, clip: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    use(noise="noise from a library")
    assert main([str(clip), "-", "-f", "yuv4mpegpipe", "-q"]) == 0
    captured = capfdbinary.readouterr()
    assert captured.out.startswith(b"YUV4MPEG2 ")
    assert captured.out.count(b"FRAME\n") == 6
    assert b"noise" not in captured.out
    assert b"noise from a library" in captured.err


def test_standard_output_is_given_back(
    use: Use, capfd: pytest.CaptureFixture[str], clip: Path, tmp_path: Path
) -> None:
    run(capfd, clip, tmp_path / "out.mkv", "-q")
    os.write(1, b"still here")
    assert capfd.readouterr().out == "still here"


def bad_inputs(folder: Path) -> dict[str, Path]:
    (folder / "text.mp4").write_text("this is no video\n" * 50, "utf-8")
    (folder / "empty.mp4").write_bytes(b"")
    with wave.open(str(folder / "sound.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * 800)
    names = ("missing.mp4", "text.mp4", "empty.mp4", "sound.wav")
    return {"folder": folder} | {name: folder / name for name in names}


@pytest.mark.parametrize("kind", ["missing.mp4", "text.mp4", "empty.mp4", "sound.wav", "folder"])
def test_an_input_that_is_no_video_is_refused_in_one_line(
    kind: str, use: Use, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = bad_inputs(tmp_path)[kind]
    code, said = run(capfd, path, tmp_path / "out.mp4")
    assert code == 1
    assert said.count("\n") == 1
    assert path.name in said
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("output", "options", "words"),
    [
        ("out.xyz", [], ["out.xyz"]),
        ("out", [], ["out"]),
        ("nowhere/out.mp4", [], ["nowhere"]),
        ("in.mkv", ["-y"], ["in.mkv", "input"]),
        ("there.mkv", [], ["there.mkv", "exists", "-y"]),
        ("there.mkv", ["-n"], ["there.mkv", "exists"]),
        ("out.mp4", ["-c:v", "libx999"], ["libx999"]),
        ("out.mp4", ["-pix_fmt", "yuv999"], ["yuv999"]),
        ("out.mp4", ["--enc", "prest=slow"], ["prest"]),
        ("out.mp4", ["-f", "mp5"], ["mp5"]),
        (".", [], ["folder"]),
    ],
)
def test_an_output_that_cannot_be_is_refused_in_one_line(
    output: str,
    options: list[str],
    words: list[str],
    use: Use,
    clip: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    there = tmp_path / "there.mkv"
    there.write_bytes(b"precious")
    before = clip.read_bytes()
    code, said = run(capfd, clip, tmp_path / output, *options)
    assert code == 1
    assert said.count("\n") == 1
    for word in words:
        assert word in said
    assert (there.read_bytes(), clip.read_bytes()) == (b"precious", before)


def test_an_output_that_is_the_input_by_another_name_is_refused(
    use: Use, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link.mkv").symlink_to(clip)
    code, said = run(capfd, clip, tmp_path / "link.mkv", "-y")
    assert code == 1
    assert "is the input" in said


def test_an_existing_output_is_replaced_with_y(
    use: Use, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out.mkv").write_bytes(b"old")
    assert run(capfd, clip, tmp_path / "out.mkv", "-y", "-q") == (0, "")
    assert frames_of(tmp_path / "out.mkv") == 6


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("yes", 0), ("n", 1), ("", 1)])
def test_a_person_is_asked_before_an_output_is_replaced(
    answer: str,
    code: int,
    use: Use,
    clip: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ldfilter import cli_files

    (tmp_path / "out.mkv").write_bytes(b"old")
    monkeypatch.setattr(os, "isatty", lambda number: True)
    monkeypatch.setitem(cli_files.may_overwrite.__kwdefaults__, "ask", lambda prompt: f"{answer}\n")
    got, said = run(capfd, clip, tmp_path / "out.mkv", "--progress", "none")
    assert got == code
    assert "Overwrite it? [y/N]" in said
    assert ((tmp_path / "out.mkv").read_bytes() == b"old") is bool(code)


def test_ctrl_d_leaves_an_output_alone(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ldfilter.cli_files import may_overwrite
    from ldfilter.cli_options import parse_options
    from ldfilter.errors import SinkError

    def leave(prompt: str) -> str:
        raise EOFError

    output = tmp_path / "out.mkv"
    output.write_bytes(b"old")
    monkeypatch.setattr(os, "isatty", lambda number: True)
    with pytest.raises(SinkError, match="was not touched"):
        may_overwrite(parse_options([]), str(clip), str(output), ask=leave)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["no INPUT"]),
        (["-"], ["no INPUT"]),
        (["-i", "in.mkv"], ["terminal"]),
        (["in.mkv", "-"], ["terminal"]),
    ],
)
def test_video_neither_comes_from_nor_goes_to_a_terminal(
    arguments: list[str],
    words: list[str],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "isatty", lambda number: True)
    monkeypatch.setattr("ldfilter.cli_process.WholeWriter.isatty", lambda self: True)
    code, said = run(capfd, *arguments)
    assert code == 2
    assert said.count("\n") == 1
    for word in words:
        assert word in said


def test_a_truncated_input_is_dreamed_as_far_as_it_goes(
    use: Use, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = write_clip(tmp_path / "whole.mkv", frames=40)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    code, said = run(capfd, cut, tmp_path / "out.mkv", "--progress", "none")
    assert code == 0
    assert said.count("warning:") >= 1
    assert 5 < frames_of(tmp_path / "out.mkv") < 40
    code, said = run(capfd, cut, tmp_path / "strict.mkv", "--strict", "--progress", "none")
    assert code == 1
    assert "--strict" in said
    assert frames_of(tmp_path / "strict.mkv") == frames_of(tmp_path / "out.mkv")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_in_one_line(
    use: Use, clip: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, said = run(capfd, clip, "/dev/full", "-f", "matroska", "--progress", "none")
    assert code == 1
    assert "/dev/full" in said.splitlines()[-1]
    assert "full;" in said


def test_a_work_height_above_the_source_is_noted(
    use: Use, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, said = run(capfd, clip, tmp_path / "o.mkv", "--work-height", "999", "--progress", "none")
    assert code == 0
    assert said.count("999") == 1


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ModelError("no weights."), 1, "no weights."),
        (SinkError("no room."), 1, "no room."),
        (LdfilterError("odd."), 1, "odd."),
        (ReaderLeft("the reader left."), 0, "the reader left."),
        (Stopped("x"), 130, "stopped after 2 frames; "),
        (ZeroDivisionError("division by zero\nsecond line"), 1, "unexpected ZeroDivisionError"),
        (MemoryError(), 1, "--work-height"),
        (RuntimeError("CUDA out of memory. Tried to"), 1, "--set dream.chunk="),
    ],
)
def test_an_error_in_a_stage_becomes_one_line_and_its_exit_code(
    error: Exception,
    code: int,
    words: str,
    use: Use,
    clip: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    use(fail=error)
    out = tmp_path / "out.mkv"
    got, said = run(capfd, clip, out, "--progress", "none")
    assert got == code
    assert words in said.splitlines()[-1]
    assert said.count("\n") == 2
    assert "done" not in said
    assert frames_of(out) == 2  # what was dreamed so far plays


def test_verbose_shows_the_traceback(
    use: Use, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    use(fail=ZeroDivisionError("division by zero"))
    assert main([str(clip), str(tmp_path / "out.mkv"), "-v"]) == 1
    said = capfd.readouterr().err
    assert "Traceback (most recent call last)" in said
    assert "unexpected ZeroDivisionError" in said


def test_verbose_says_versions_and_what_is_kept(
    use: Use, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _, said = run(capfd, clip, tmp_path / "out.mkv", "-v", "--work-height", "24")
    for words in ("ldfilter 0.", "torch 2.", "container: matroska", "dreaming at 32x24"):
        assert words in said


def test_warnings_of_libraries_are_shown_only_with_v(
    use: Use,
    clip: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = sys.modules["ldfilter.pipeline"]
    build = module.build

    def warning_build(*args: object, **settings: object) -> object:
        warnings.warn("old things", UserWarning, stacklevel=1)
        return build(*args, **settings)

    monkeypatch.setattr(module, "build", warning_build)
    assert "old things" not in run(capfd, clip, tmp_path / "a.mkv")[1]
    with pytest.warns(UserWarning, match="old things"):
        run(capfd, clip, tmp_path / "b.mkv", "-v")
