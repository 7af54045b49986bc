"""Progress on a clock that the tests move."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from fractions import Fraction

import pytest

from ldfilter.passes import Step
from ldfilter.progress import Meter, Status, clock_text, open_display, shorter


class FakeClock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(kind: str, *, seconds: list[float], stream: io.StringIO, total: int | None = None) -> str:
    """What a display of this kind shows of frames that take so many seconds each."""
    clock = FakeClock()
    display = open_display(kind, total=total, device="cpu", clock=clock, stream=stream)
    meter = Meter(total=total, clock=clock)
    for index, spent in enumerate(seconds):
        clock.now += spent
        display.show(meter.count(time=Fraction(index + 1, 25), strength=0.0712))
    display.close(done=True)
    return stream.getvalue()


def test_the_meter_counts_the_lately_frames() -> None:
    clock = FakeClock()
    meter = Meter(total=10, clock=clock)
    clock.now += 8  # the first frame takes far longer and says nothing about the rest
    first = meter.count(time=Fraction(1, 25), strength=0.1)
    assert (first.frame, first.fps, first.left) == (1, 0.0, None)
    clock.now += 0.5
    second = meter.count(time=Fraction(2, 25), strength=0.1)
    assert (second.fps, second.left) == (2.0, 4.0)
    assert second.speed == pytest.approx(0.08 / 8.5)


def test_the_meter_forgets_old_speeds() -> None:
    clock = FakeClock()
    meter = Meter(total=None, clock=clock)
    for spent in [5.0] * 30 + [0.5] * 20:
        clock.now += spent
        status = meter.count(time=Fraction(1), strength=0.0)
    assert (status.fps, status.left) == (2.0, None)


def test_more_frames_than_announced_leave_no_time_below_zero() -> None:
    clock = FakeClock()
    meter = Meter(total=2, clock=clock)
    for _ in range(4):
        clock.now += 1
        status = meter.count(time=Fraction(1), strength=0.0)
    assert status.left == 0


def test_passes_count_as_parts_of_a_frame() -> None:
    clock = FakeClock()
    meter = Meter(total=10, clock=clock)
    for frame in range(1, 4):
        clock.now += 1
        meter.step(Step(1, 5, frame, None))
    clock.now += 1
    status = meter.step(Step(2, 5, 1, 3))
    assert (status.fps, status.done) == (pytest.approx(0.2), pytest.approx(0.8))
    assert status.left == pytest.approx((10 - 0.8) / 0.2)
    assert str(status).startswith("frame 0/10, pass 2/5 at 1/3, 0.20 fps, 0:46 left")
    written = meter.count(time=Fraction(1, 25), strength=0.1)
    assert (written.frame, written.fps, written.done) == (1, status.fps, status.done)


def test_lines_come_after_the_first_frame_and_then_every_five_seconds() -> None:
    text = run("lines", seconds=[9.0] + [1.0] * 11, stream=io.StringIO(), total=12)
    lines = text.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "ldfilter: frame 1/12",
        "ldfilter: frame 6/12",
        "ldfilter: frame 11/12",
        "ldfilter: done",
    ]
    assert "1.00 fps, 0:06 left, strength 0.071" in lines[1]
    assert "12 frames, 0.48 s at 0.024x" in lines[3]


def test_json_has_the_keys_of_ffmpeg_and_few_lines() -> None:
    text = run("json", seconds=[1.0] + [0.125] * 8, stream=io.StringIO())
    records = [json.loads(line) for line in text.splitlines()]
    assert [r["progress"] for r in records] == ["continue"] * 3 + ["end"]
    assert records[0] == {
        "frame": 1,
        "fps": 0.0,
        "out_time_us": 40000,
        "speed": 0.04,
        "strength": 0.0712,
        "progress": "continue",
    }
    assert (records[-1]["frame"], records[-1]["out_time_us"]) == (9, 360000)


def test_json_ends_even_when_nothing_was_dreamed() -> None:
    stream = io.StringIO()
    open_display("json", total=3, device="cpu", clock=FakeClock(), stream=stream).close(done=False)
    assert json.loads(stream.getvalue())["progress"] == "end"


def test_none_shows_notes_only() -> None:
    stream = io.StringIO()
    display = open_display("none", total=1, device="cpu", clock=FakeClock(), stream=stream)
    display.show(Status(frame=1))
    display.note("look here")
    display.close(done=True)
    assert stream.getvalue() == "look here\n"


def test_auto_is_a_bar_on_a_terminal_and_lines_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    bar = run("auto", seconds=[1, 1], stream=Terminal(), total=2)
    assert "\x1b[" in bar
    assert "frame 2/2, 1.00 fps, 0:00 left, strength 0.071, cpu" in bar
    assert run("auto", seconds=[1], stream=io.StringIO()).startswith("ldfilter: frame 1,")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b[" not in run("auto", seconds=[1], stream=Terminal())


def test_notes_stand_above_the_bar_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    display = open_display("bar", total=None, device="cpu", clock=FakeClock(), stream=stream)
    display.note("warning: [red] is no markup")
    display.close(done=False)
    assert "warning: [red] is no markup" in stream.getvalue()


def test_a_display_survives_a_reader_that_leaves() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    display = open_display("lines", total=1, device="cpu", clock=FakeClock(), stream=Gone())
    display.show(Status(frame=1))
    display.close(done=True)


@pytest.mark.parametrize(
    ("left", "height", "expected"),
    [
        (None, 720, ""),
        (600, 720, ""),
        (1200, 720, "20:00 to go; --work-height 360 would take about 5:00."),
        (1000, 720, "16:40 to go; --work-height 360 would take about 4:10."),
        (36000, 720, "10:00:00 to go; --work-height 224 would take about 58:04."),
        (36000, 224, ""),
    ],
)
def test_a_long_run_gets_a_hint_with_a_height_that_makes_it_short(
    left: float | None, height: int, expected: str
) -> None:
    assert shorter(Status(frame=5, left=left), work_height=height) == expected


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (42.4, "0:42"), (59.6, "1:00"), (11220, "3:07:00")]
)
def test_clock_text(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


def test_rich_is_imported_for_the_bar_only() -> None:
    code = (
        "import sys, time; from ldfilter.progress import open_display;"
        "open_display('lines', total=1, device='cpu', clock=time.monotonic).close(done=True);"
        "sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
