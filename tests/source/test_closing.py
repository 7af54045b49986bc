"""Closing a source while another thread reads it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ldfilter.prefetch import prefetch
from ldfilter.source import open_source
from tests.clips import y4m_bytes

ClipMaker = Callable[..., Path]

CLOSED_IN_BETWEEN = """
import sys
from ldfilter.prefetch import prefetch
from ldfilter.source import open_source

for _ in range(6):
    with open_source(sys.argv[1]) as source:
        ahead = prefetch(source, depth=500)
        frames = ahead.__enter__()
        next(frames)
    rest = list(frames)
    assert len(rest) < 59
    ahead.__exit__(None, None, None)
"""


def test_a_source_may_be_closed_while_a_thread_decodes(clip: ClipMaker) -> None:
    path = clip(frames=60, size=(240, 320), audio="aac")
    done = subprocess.run(
        [sys.executable, "-c", CLOSED_IN_BETWEEN, str(path)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_closing_does_not_wait_for_a_silent_pipe(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    ended, stop = threading.Event(), threading.Event()

    def feed() -> None:
        with path.open("wb") as pipe:
            pipe.write(y4m_bytes(frames=3))
            pipe.flush()
            ended.wait(20)

    writer = threading.Thread(target=feed)
    writer.start()
    source = open_source(str(path), stop=stop)
    closer = threading.Thread(target=source.close)
    with prefetch(source, depth=9) as frames:
        next(frames)
        closer.start()
        closer.join(5)
        hung = closer.is_alive()
        ended.set()
    writer.join()
    assert not hung
    assert not stop.is_set()
