from __future__ import annotations

from pathlib import Path

import cv2
import pytest
import torch
from torch import Tensor

from ldfilter import config
from ldfilter.errors import ConfigError, ModelError
from ldfilter.motion import FLOWS, load_flow
from ldfilter.warp import warp_linear
from tests.motion.scenes import crop, texture

NETWORKS = {"raft", "raft-small"}
CLASSICAL = sorted(set(FLOWS) - NETWORKS)


def eight_bit(image: Tensor, channels: int) -> Tensor:
    return image[:, :channels].mul(255).round().to(torch.uint8)


@pytest.mark.parametrize("name", CLASSICAL)
def test_flow_brings_the_reference_onto_the_current_picture(name: str) -> None:
    flow = load_flow(name)
    picture = texture()
    current, reference = crop(picture, 43, 38), crop(picture, 40, 40)
    field = flow(eight_bit(current, flow.channels), eight_bit(reference, flow.channels))
    inside = field[..., 10:-10, 10:-10]
    expected = torch.tensor([3.0, -2.0]).view(1, 2, 1, 1)
    assert float((inside - expected).abs().mean()) < 0.15
    before = (reference - current).abs()[..., 10:-10, 10:-10].mean()
    after = (warp_linear(reference, field) - current).abs()[..., 10:-10, 10:-10].mean()
    assert float(after) < 0.2 * float(before)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n == "raft" else n for n in FLOWS]
)
@pytest.mark.parametrize("size", [(1, 1), (9, 13), (17, 40)])
def test_any_size_gives_a_flow_of_that_size(name: str, size: tuple[int, int]) -> None:
    if name in NETWORKS and size != (17, 40):
        pytest.skip("networks pad every size the same way")
    flow = load_flow(name, weights="random")
    picture = torch.randint(0, 255, (1, flow.channels, *size), dtype=torch.uint8)
    field = flow(picture, picture)
    assert field.shape == (1, 2, *size)
    assert field.dtype == torch.float32
    assert torch.isfinite(field).all()


@pytest.mark.parametrize("name", CLASSICAL)
def test_identical_pictures_do_not_move(name: str) -> None:
    flow = load_flow(name)
    picture = eight_bit(crop(texture(), 40, 40), flow.channels)
    assert float(flow(picture, picture).abs().max()) < 0.1


def test_opencv_gets_one_thread() -> None:
    load_flow("dis")
    assert cv2.getNumThreads() == 1


def test_a_misspelt_flow_is_named_with_what_was_meant() -> None:
    with pytest.raises(ConfigError, match=r"'farnebck'.*Did you mean 'farneback'"):
        load_flow("farnebck")


def test_deepflow_without_contrib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "optflow")
    with pytest.raises(ConfigError, match="pip install opencv-contrib-python-headless"):
        load_flow("deepflow")


@pytest.mark.parametrize(("name", "megabytes"), [("raft", 20), ("raft-small", 4)])
def test_missing_weights_say_what_file_how_large_and_where(
    name: str, megabytes: int, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as caught:
        load_flow(name, weights=str(tmp_path))
    message = str(caught.value)
    assert "raft_" in message and f"({megabytes} MB)" in message
    assert str(tmp_path) in message and "--weights" in message and "--flow dis" in message


def test_a_partial_download_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "raft_small_C_T_V2-01064c6d.pth").write_bytes(b"cut off")
    with pytest.raises(ModelError, match="expected 01064c6d; delete it"):
        load_flow("raft-small", weights=str(tmp_path))


def test_untrained_networks_are_the_same_every_time_and_leave_the_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    flow = load_flow("raft-small", weights="random")
    assert torch.equal(torch.rand(1), expected)
    picture = eight_bit(crop(texture(), 40, 40), 3)
    other = load_flow("raft-small", weights="random")
    assert torch.equal(flow(picture, picture), other(picture, picture))


@pytest.mark.weights
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_trained_network_finds_a_shift(name: str) -> None:
    flow = load_flow(name)
    picture = texture()
    current, reference = crop(picture, 43, 38), crop(picture, 40, 40)
    field = flow(eight_bit(current, 3), eight_bit(reference, 3))[..., 10:-10, 10:-10]
    assert float((field - torch.tensor([3.0, -2.0]).view(1, 2, 1, 1)).abs().mean()) < 0.3


def test_the_config_knows_every_flow() -> None:
    assert set(FLOWS) == set(config.FLOWS)
