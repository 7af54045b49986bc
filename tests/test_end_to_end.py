"""The real command with the real network on a real clip, with as little work as shows it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from ldfilter.cli import main
from tests.clips import real_clip, write_clip

# One origin of every kind, one octave: too little to recognise a class, enough to see a dream.
LITTLE = "--effort 0.1 --set dream.first.octaves=[1] --set dream.fill.octaves=[1]"


def pictures(path: Path, *, limit: int = 100) -> list[NDArray[np.float32]]:
    with av.open(str(path)) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    return [np.float32(frame) for frame in frames[:limit]]


def test_a_real_clip_is_dreamed_in_its_own_size(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    real_clip("bikes.mp4")
    out = tmp_path / "out.mp4"
    arguments = f"sample:bikes {out} -t 0.12 --work-height 136 --class goldfish {LITTLE}"
    assert main(shlex.split(arguments)) == 0
    said = capfd.readouterr().err
    assert "look long-term, class goldfish, " in said
    dreamed = pictures(out)
    assert [p.shape for p in dreamed] == [(272, 640, 3)] * 3
    for plain, dream in zip(pictures(real_clip("bikes.mp4"), limit=3), dreamed, strict=True):
        assert 1 < np.abs(plain - dream).mean() < 40


def test_ffmpeg_pipes_through(tmp_path: Path) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    ffmpeg = shlex.quote(imageio_ffmpeg.get_ffmpeg_exe()) + " -v error"
    clip, out = write_clip(tmp_path / "in.mp4", frames=3), tmp_path / "out.mp4"
    dream = f"{shlex.quote(sys.executable)} -m ldfilter --preset trail {LITTLE}"
    pipe = f"{ffmpeg} -i {clip} -f yuv4mpegpipe - | {dream} | {ffmpeg} -i - -y {out}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", pipe], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "look trail, class starfish" in done.stderr
    assert [p.shape for p in pictures(out)] == [(48, 64, 3)] * 3


def test_strength_zero_gives_the_source(tmp_path: Path) -> None:
    clip, out = write_clip(tmp_path / "in.mkv", frames=2, codec="ffv1"), tmp_path / "out.mkv"
    arguments = f"{clip} {out} -q --strength 0 -p framewise -c:v ffv1 {LITTLE}"
    assert main(shlex.split(arguments)) == 0
    np.testing.assert_array_equal(pictures(out), pictures(clip))


def test_the_networks_are_listed_and_a_file_is_described(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--list-backbones"]) == 0
    assert capfd.readouterr().out.startswith("efficientnet-lite0 ")
    clip = write_clip(tmp_path / "in.mkv", frames=2, audio="aac", subtitles=True)
    assert main(["--info", str(clip)]) == 0
    said = capfd.readouterr().out
    assert "as out.mp4:" in said
    assert "h264, 64x48, yuv420p" in said
    assert "subtitle" in said
    assert main(["--info", str(clip), "out.webm"]) == 0
    assert "as out.webm:" in capfd.readouterr().out


@pytest.mark.parametrize("option", ["--backbone", "--flow"])
def test_an_unknown_network_or_flow_is_refused_in_one_line(
    option: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "in.mkv", frames=2)
    assert main([str(clip), str(tmp_path / "out.mkv"), option, "effcientnet-dis"]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "'effcientnet-dis'" in said
    assert not (tmp_path / "out.mkv").exists()
