"""The command as a process: pipes, signals and a standard output that carries media only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from tests.clips import write_clip, y4m_bytes

ROOT = Path(__file__).parent.parent
SECONDS = 60  # for a process to end in, on a busy machine; most need two

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """`start("in.mkv", "out.mkv", seconds=0.1)`: the command with a pipeline without network."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: object, seconds: float = 0.0, noise: str = "", **settings: Any) -> Any:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fake_pipeline", *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | {"FAKE_SECONDS": str(seconds), "FAKE_NOISE": noise},
            stderr=subprocess.PIPE,
            **settings,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[bytes], text: bytes) -> bytes:
    """Standard error up to and with the line that has `text`."""
    assert process.stderr is not None
    said = b""
    for line in process.stderr:
        said += line
        if text in line:
            return said
    raise AssertionError(f"it ended without {text!r}: {said!r}")


def wait_for_handlers(process: subprocess.Popen[bytes]) -> None:
    """Until the command has told the system that it catches SIGTERM."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        time.sleep(3)
        return
    for _ in range(100 * SECONDS):
        caught = status.read_text("utf-8").partition("SigCgt:")[2].split()[0]
        if int(caught, 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.01)
    raise AssertionError("it never caught SIGTERM")


def finish(process: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    """Exit code, what is left of standard output and of standard error."""
    out, said = process.communicate(timeout=SECONDS)
    assert b"Traceback" not in said
    assert b"Exception ignored" not in said
    return process.returncode, out or b"", said


def frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_pipe_carries_frames_in_and_out_and_nothing_else(start: Start) -> None:
    process = start(noise="noise", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, said = process.communicate(y4m_bytes(frames=7, size=(64, 32)), timeout=SECONDS)
    assert process.returncode == 0, said
    assert out.startswith(b"YUV4MPEG2 W32 H64")
    assert out.count(b"FRAME\n") == 7
    assert b"noise" not in out
    assert b"noise" in said


def test_no_input_at_all_is_one_line(start: Start) -> None:
    code, out, said = finish(start(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE))
    assert (code, out) == (1, b"")
    assert said.count(b"\n") == 1


def test_a_reader_that_leaves_ends_the_run_quietly(start: Start, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", frames=60, size=(128, 128))
    process = start(clip, "-", "-f", "yuv4mpegpipe", "-q", seconds=0.02, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read(100).startswith(b"YUV4MPEG2")
    process.stdout.close()
    process.stdout = None
    code, _, said = finish(process)
    assert code == 0
    assert said.count(b"\n") == 1
    assert b"reader" in said


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_output(
    number: signal.Signals, code: int, start: Start, tmp_path: Path
) -> None:
    clip, out = write_clip(tmp_path / "in.mkv", frames=200, audio="aac"), tmp_path / "out.mp4"
    process = start(clip, out, seconds=0.1)
    said = wait_for(process, b"frame 1/")
    time.sleep(0.5)
    process.send_signal(number)
    got, _, rest = finish(process)
    assert got == code
    lines = (said + rest).splitlines()
    assert b"once more aborts" in lines[-2]
    assert lines[-1].startswith(b"ldfilter: stopped after ")
    frames = int(lines[-1].split()[3])
    assert 0 < frames < 200
    assert frames_of(out) == frames
    with av.open(str(out)) as container:  # the sound ends with the pictures
        sound = container.streams.audio[0]
        assert float(sound.duration * sound.time_base) < frames / 25 + 0.3


def test_a_second_signal_aborts_at_once(start: Start, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", frames=200)
    process = start(clip, tmp_path / "out.mkv", "--set", "seed=-7", seconds=0.1)
    wait_for(process, b"frame 1/")
    process.send_signal(signal.SIGSTOP)  # so that both arrive before it can finish
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    began = time.monotonic()
    code, _, said = finish(process)
    assert code in (130, 143)  # the system may hand over either one first
    assert said.splitlines()[-1] == b"ldfilter: aborted."
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("seconds", [0.0, 0.3, 4.0])
def test_ctrl_c_ends_a_run_that_imports_or_waits_for_its_input(
    seconds: float, start: Start
) -> None:
    process = start(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"YUV4MPEG2 W64 H48 F25:1\n")  # and never a frame
    process.stdin.flush()
    wait_for_handlers(process)
    time.sleep(seconds)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=SECONDS) == 130
    assert time.monotonic() - began < 5
    assert process.stderr is not None
    assert process.stderr.read() == b"ldfilter: stopped.\n"


def test_ctrl_c_between_frames_of_a_pipe_finishes_the_stream(start: Start) -> None:
    process = start("--progress", "lines", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    data = y4m_bytes(frames=4)
    process.stdin.write(data + data[data.index(b"FRAME") :][:100])  # the fifth never comes whole
    process.stdin.flush()
    wait_for(process, b"frame 1")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert process.stdout is not None
    out = process.stdout.read()
    assert process.wait(timeout=SECONDS) == 130
    assert time.monotonic() - began < 5
    assert 3 <= out.count(b"FRAME\n") <= 4


def test_answers_to_a_reader_that_leaves_or_a_full_disk() -> None:
    command = f"{sys.executable} -m ldfilter --list-classes"
    shell = f"{command} | head -n 1; {command} > /dev/full; echo $?; {command} >&-; echo $?"
    done = subprocess.run(
        ["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert "tench" in lines[0]
    assert lines[1:] == ["1", "0"]
    assert done.stderr == ("ldfilter: cannot write to standard output: No space left on device.\n")


def test_a_closed_standard_error_is_no_failure(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", frames=2)
    shell = f"{sys.executable} -m tests.fake_pipeline {clip} {tmp_path}/out.mkv 2>&-"
    assert subprocess.run(["bash", "-c", shell], cwd=ROOT, check=False).returncode == 0
    assert frames_of(tmp_path / "out.mkv") == 2
