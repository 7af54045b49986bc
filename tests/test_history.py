from __future__ import annotations

import gc
import weakref

import pytest
import torch

from ldfilter.history import History


def test_offsets_count_back_from_the_latest() -> None:
    history = History(depth=4)
    for value in range(3):
        history.push(torch.full((1, 3, 2, 2), float(value)))
    assert list(history.offsets) == [1, 2, 3]
    assert [float(history[j].mean()) for j in history.offsets] == [2, 1, 0]


def test_depth_bounds_what_is_remembered() -> None:
    history = History(depth=2)
    for value in range(5):
        history.push(torch.full((1,), float(value)))
    assert len(history) == 2
    assert [float(history[j]) for j in history.offsets] == [4, 3]


def test_the_default_reaches_32_frames_back() -> None:
    history = History()
    for value in range(40):
        history.push(torch.full((1,), float(value)))
    assert float(history[32]) == 8
    assert 33 not in history


@pytest.mark.parametrize("offset", [0, -1, 3])
def test_an_absent_offset_is_an_error_that_names_the_range(offset: int) -> None:
    history = History()
    history.push(torch.zeros(1))
    history.push(torch.zeros(1))
    assert offset not in history
    with pytest.raises(KeyError, match="offsets 1 to 2"):
        history[offset]


def test_tensors_are_copied_in_half_precision_and_come_back_in_single() -> None:
    history = History()
    residual = torch.rand(1, 3, 8, 8) * 0.2 - 0.1
    history.push(residual)
    kept = residual.clone()
    residual.zero_()
    assert history[1].dtype == torch.float32
    torch.testing.assert_close(history[1], kept, atol=1e-4, rtol=0)


def test_half_precision_input_is_copied_too() -> None:
    history = History()
    residual = torch.ones(4, dtype=torch.float16)
    history.push(residual)
    residual.zero_()
    assert float(history[1].sum()) == 4


def test_old_entries_are_really_freed() -> None:
    history = History(depth=2)
    history.push(torch.zeros(1000))
    oldest = weakref.ref(history._entries[0])
    history.push(torch.zeros(1000))
    assert oldest() is not None
    history.push(torch.zeros(1000))
    gc.collect()
    assert oldest() is None


def test_clear_forgets_everything() -> None:
    history = History()
    history.push(torch.zeros(1))
    history.clear()
    assert len(history) == 0
    assert 1 not in history
