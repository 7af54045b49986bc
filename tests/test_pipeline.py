"""The stages together, from arrays to arrays."""

from __future__ import annotations

import os
import threading
from dataclasses import replace

import numpy as np
import pytest

import ldfilter
from ldfilter.pipeline import build, process
from ldfilter.source.arrays import array_frames
from ldfilter.source.synthetic import shifted_texture

LITTLE = {
    "effort": 0.1,
    "dream__first__octaves": (1.0,),
    "dream__fill__origins": 0,
    "network__device": "cpu",
}


def arrays(count, *, size=(48, 64), buffer=None):
    for k in range(count):
        array = np.full((*size, 3), 60 + 10 * k, np.uint8) if buffer is None else buffer
        array[:] = 60 + 10 * k
        yield array


def test_arrays_come_out_dreamed_in_order_and_size():
    out = list(ldfilter.dream_arrays(arrays(3), "short-term", **LITTLE))
    assert [(a.shape, a.dtype) for a in out] == [((48, 64, 3), np.uint8)] * 3
    assert [round(float(a.mean()) / 10) for a in out] == [6, 7, 8]
    assert all(a.std() > 1 for a in out)


def test_a_buffer_that_is_filled_again_gives_the_same_pictures():
    buffer = np.empty((48, 64, 3), np.uint8)
    out = list(ldfilter.dream_arrays(arrays(5, buffer=buffer), output__strength=0.0, **LITTLE))
    assert [int(a[0, 0, 0]) for a in out] == [60, 70, 80, 90, 100]


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((4, 4), np.uint8), r"shape \(4, 4\)"),
        (np.zeros((4, 4, 3), np.float32), "float32"),
    ],
)
def test_other_arrays_are_refused_with_what_was_given(array, said):
    with pytest.raises(ldfilter.SourceError, match=said):
        next(ldfilter.dream_arrays([array], **LITTLE))


def test_an_array_of_another_size_is_refused_with_both_sizes():
    mixed = [np.zeros((40, 40, 3), np.uint8), np.zeros((40, 48, 3), np.uint8)]
    with pytest.raises(ldfilter.SourceError, match=r"40x48.*40x40"):
        list(ldfilter.dream_arrays(mixed, "framewise", **LITTLE))


def test_breaking_out_ends_the_thread():
    stages = build(ldfilter.load_preset("short-term", **LITTLE))
    before = threading.active_count()
    frames = process(shifted_texture((48, 64), 50), stages)
    next(frames)
    assert threading.active_count() == before + 1
    frames.close()
    assert threading.active_count() == before


def test_framewise_needs_no_motion():
    stages = build(ldfilter.load_preset("framewise", motion__flow="raft", **LITTLE))
    assert stages.flow is None
    (frame,) = process(shifted_texture((48, 64), 1), stages)
    assert frame.residual is not None


@pytest.mark.parametrize(
    "key", ["output__matte", "objective__style__images", "objective__guided__images"]
)
def test_a_picture_that_comes_through_a_pipe_is_refused(tmp_path, key):
    """It is read more than once; opening it would wait for ever."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    layers = {"objective__style__layers": ("blocks.0",), "objective__guided__layers": ("blocks.0",)}
    for name in ("-", str(path), f"file:{path}", f"file://{path}"):
        value = name if key == "output__matte" else (name,)
        with pytest.raises(ldfilter.ConfigError, match=r"is a pipe.*name a file"):
            build(ldfilter.load_preset(**{key: value}, **layers, **LITTLE))


def test_a_schedule_reaches_the_frames():
    """The dream of a class, then one of another, weaker."""
    texts = ("0s: jellyfish, 3s: snail + strength=0.25",)  # a frame of arrays is a second long
    out = list(
        process(
            array_frames(arrays(6)),
            build(
                ldfilter.load_preset(
                    "framewise", schedule__changes=texts, schedule__fade=2.0, **LITTLE
                )
            ),
        )
    )
    assert [frame.cue.weights for frame in out] == [
        *[(1.0, 0.0)] * 4,
        (0.5, 0.5),
        (0.0, 1.0),
    ]
    sizes = [float(frame.residual.abs().mean()) for frame in out]
    assert sizes[5] < 0.5 * sizes[3]


def test_a_schedule_by_shots_looks_for_them_even_where_the_past_does_not_count():
    texts = ("shot: jellyfish", "shot: snail")
    stages = build(ldfilter.load_preset("framewise", schedule__changes=texts, **LITTLE))
    first = list(shifted_texture((64, 80), 2))
    second = [replace(frame, image=1 - frame.image.flip(3)) for frame in first]
    chosen = [frame.cue.weights.index(1.0) for frame in process([*first, *second], stages)]
    assert chosen == [0, 0, 1, 1]
