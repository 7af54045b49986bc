from __future__ import annotations

import threading

import pytest
import torch

from ldfilter.device import step_aside


@pytest.mark.parametrize(("cores", "left"), [(1, 1), (2, 1), (8, 2)])
def test_stepping_aside_changes_the_calling_thread_alone(cores: int, left: int) -> None:
    before = torch.get_num_threads()
    found: dict[str, int] = {}

    def aside() -> None:
        step_aside()
        found["aside"] = torch.get_num_threads()

    def later() -> None:
        found["later"] = torch.get_num_threads()

    try:
        torch.set_num_threads(cores)
        for work in (aside, later):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        assert found == {"aside": left, "later": cores}
        assert torch.get_num_threads() == cores
    finally:
        torch.set_num_threads(before)
