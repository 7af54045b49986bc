"""Standard input and named pipes: read in step, sound included, and ended by the stop flag."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest

from ldfilter.errors import SourceError, Stopped
from ldfilter.source import open_source
from ldfilter.source.stdin import open_reader
from tests.clips import read_number, y4m_bytes

ClipMaker = Callable[..., Path]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")


@contextmanager
def stdin_from(data: bytes, *, keep_open: bool = False) -> Iterator[None]:
    """Standard input replaced by a pipe that carries `data`."""
    reading, writing = os.pipe()
    kept = os.dup(0)
    os.dup2(reading, 0)
    os.close(reading)

    def feed() -> None:
        try:
            with os.fdopen(os.dup(writing), "wb") as pipe:
                pipe.write(data)
        except BrokenPipeError:
            pass
        if not keep_open:
            os.close(writing)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        thread.join()
        if keep_open:
            os.close(writing)


def test_y4m_through_a_pipe() -> None:
    with stdin_from(y4m_bytes(frames=30)), open_source("-") as source:
        assert source.info.name == "-"
        assert source.info.format == "yuv4mpegpipe"
        assert [read_number(frame.image) for frame in source] == list(range(30))
    assert source.warnings == []


def test_a_pipe_that_breaks_off_is_damage() -> None:
    with stdin_from(y4m_bytes(frames=5)[:-100]), open_source("-") as source:
        assert len(list(source)) == 4
    assert source.damaged
    assert "last frame" in source.warnings[0]


def test_matroska_through_a_pipe_brings_its_sound(clip: ClipMaker) -> None:
    path = clip("a.mkv", frames=20, audio="flac", subtitles=True)
    with stdin_from(path.read_bytes()), open_source("-") as source:
        assert source.packets is not None
        assert [stream.type for stream in source.packets.streams] == ["audio", "subtitle"]
        piped = []
        for frame in source:
            piped += list(source.packets.until(frame.pts * frame.time_base))
        piped += list(source.packets.until(None))
        found = [(p.stream_index, p.pts, bytes(p)) for p in piped]
    with open_source(str(path)) as source:
        list(source)
        assert source.packets is not None
        wanted = [(p.stream_index, p.pts, bytes(p)) for p in source.packets.until(None)]
    assert found == wanted


def test_a_trimmed_pipe_brings_the_sound_to_its_end(clip: ClipMaker) -> None:
    path = clip("a.mkv", frames=60, audio="flac")
    options = {"start": Fraction(10, 25), "end": Fraction(30, 25)}
    with stdin_from(path.read_bytes()), open_source("-", **options) as source:
        frames = list(source)
        assert source.packets is not None
        times = [p.pts * p.time_base for p in source.packets.until(None)]
    assert [read_number(frame.image) for frame in frames] == list(range(10, 30))
    assert [frame.index for frame in frames] == list(range(10, 30))
    assert frames[0].pts == 0
    assert 0 <= times[0] < Fraction(1, 8)
    assert Fraction(20, 25) - Fraction(1, 8) < times[-1] < Fraction(20, 25)


def test_a_named_pipe(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(y4m_bytes(frames=3)))
    writer.start()
    with open_source(str(path)) as source:
        assert [read_number(frame.image) for frame in source] == [0, 1, 2]
    writer.join()


def test_a_file_as_standard_input_may_have_its_index_last(clip: ClipMaker) -> None:
    path = clip(frames=4, audio="aac")
    kept = os.dup(0)
    with path.open("rb") as file:
        os.dup2(file.fileno(), 0)
        try:
            with open_source("-") as source:
                assert [read_number(frame.image) for frame in source] == [0, 1, 2, 3]
                assert source.packets is not None
                assert len(list(source.packets.until(None))) > 3
        finally:
            os.dup2(kept, 0)
            os.close(kept)


def test_nothing_through_the_pipe() -> None:
    with stdin_from(b""), pytest.raises(SourceError, match="nothing came through"):
        open_source("-")


def test_an_mp4_with_its_index_last_through_a_pipe(clip: ClipMaker) -> None:
    data = clip(frames=100).read_bytes()
    with stdin_from(data), pytest.raises(SourceError, match="index at the end"):
        open_source("-")


def test_text_through_a_pipe() -> None:
    with stdin_from(b"hello there\n" * 400), pytest.raises(SourceError, match="text"):
        open_source("-")


def test_the_stop_flag_ends_a_silent_pipe() -> None:
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    began = time.monotonic()
    with stdin_from(b"", keep_open=True), pytest.raises(Stopped):
        open_source("-", stop=stop)
    assert time.monotonic() - began < 2


def test_the_stop_flag_ends_reading_in_the_middle() -> None:
    stop = threading.Event()
    data = y4m_bytes(frames=5)
    with stdin_from(data, keep_open=True), open_source("-", stop=stop) as source:
        frames = iter(source)
        assert read_number(next(frames).image) == 0
        threading.Timer(0.2, stop.set).start()
        began = time.monotonic()
        assert len(list(frames)) <= 4
    assert time.monotonic() - began < 2
    assert not source.damaged


def test_a_reader_gives_what_is_there_and_ends() -> None:
    reading, writing = os.pipe()
    reader = open_reader(reading, threading.Event())
    os.write(writing, b"abcdef")
    assert reader.read(4) == b"abcd"
    assert reader.read(4) == b"ef"
    os.close(writing)
    assert reader.read(4) == b""
    assert (reader.head, reader.size) == (b"abcdef", 6)
    reader.close()
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(reading)


def test_ctrl_c_ends_waiting_for_standard_input() -> None:
    stop = threading.Event()
    kept = signal.signal(signal.SIGINT, lambda *_: stop.set())
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    began = time.monotonic()
    try:
        with stdin_from(b"", keep_open=True), pytest.raises(Stopped):
            timer.start()
            open_source("-", stop=stop)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, kept)
    assert time.monotonic() - began < 2
