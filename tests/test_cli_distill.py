"""The command that makes students."""

from __future__ import annotations

from pathlib import Path

import pytest

from ldfilter.cli import main as dream
from ldfilter.cli_distill import main
from tests.clips import write_clip

LITTLE = [
    *("--steps", "2", "--batch", "1", "--width", "8", "--depth", "1", "--height", "80"),
    *("--set", "network.weights=random", "--set", "effort=0.01", "--strength", "0.05"),
    *("--set", "dream.first.octaves=[1]"),
]


def test_a_student_is_made_and_dreams(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clip = write_clip(tmp_path / "c.mkv", frames=30, size=(96, 128))
    out = tmp_path / "s.safetensors"
    assert main(["long-term", str(clip), "-o", str(out), "--class", "snail", *LITTLE]) == 0
    shown = capfd.readouterr()
    assert "step 2/2" in shown.err
    assert "teacher strength" in shown.out
    assert out.exists() and out.with_suffix(".png").exists()
    assert not list(tmp_path.glob("*.unfinished"))
    result = tmp_path / "o.mkv"
    assert dream([str(clip), str(result), "--student", str(out), "-t", "0.2", "-q"]) == 0
    assert result.stat().st_size > 1000


def test_what_cannot_be_is_said_before_anything_is_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["long-term", "none.mp4", "-o", str(tmp_path / "no" / "s.safetensors")]) == 2
    assert "there is no folder" in capfd.readouterr().err
    assert main(["long-therm", "none.mp4", "-o", str(tmp_path / "s.safetensors")]) == 2
    assert "Did you mean 'long-term'" in capfd.readouterr().err
    assert main(["long-term", "none.mp4", "-o", str(tmp_path / "s.safetensors")]) == 1
    assert "none.mp4" in capfd.readouterr().err
