"""Network addresses, on this machine only: read once, and never waited for without end."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ldfilter.errors import SourceError
from ldfilter.source import open_source, opening
from tests.clips import read_number

ClipMaker = Callable[..., Path]


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The address of a web server over the test's folder."""
    handler = functools.partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_web_address_is_read_with_its_sound(clip: ClipMaker, address: str) -> None:
    clip("a.mkv", frames=10, audio="flac")
    with open_source(f"{address}/a.mkv") as source:
        assert [read_number(frame.image) for frame in source] == list(range(10))
        assert source.packets is not None
        assert len(list(source.packets.until(None))) > 2


def test_a_missing_web_page(address: str) -> None:
    with pytest.raises(SourceError, match="404"):
        open_source(f"{address}/missing.mp4")


def test_a_silent_address_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "NETWORK_SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(SourceError, match="nothing that plays came"):
        open_source("udp://127.0.0.1:51234")
    assert time.monotonic() - began < 4
