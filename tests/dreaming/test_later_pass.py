"""What a later pass makes of the frames of the pass before."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ldfilter.config import Config, apply
from ldfilter.dreaming.later_pass import LaterPass, config_of_pass
from ldfilter.frame import Cue
from tests.dreaming.fakes import SIZE, TILE, Anywhere, Only, frame, moved, picture, texture_loss


def later(number=2, **overrides):
    """The dreamer of pass `number`, which changes nothing but by blending unless told."""
    settings = {key.replace("__", "."): value for key, value in overrides.items()}
    config = apply(
        Config(),
        {
            "passes.count": 5,
            "passes.later.origins": 0,
            "temporal.governor": False,
            "dream.jitter": 0.0,
            **settings,
        },
    )
    return LaterPass(
        config_of_pass(config, number),
        repertoire=Only(Anywhere(texture_loss)),
        tile=TILE,
        device=torch.device("cpu"),
    )


def dreamed(value, index=0, motion=None, **fields):
    given = torch.full((1, 3, *SIZE), value)
    return replace(frame(picture(0), index, motion), residual=given, **fields)


def test_a_frame_starts_from_half_of_its_neighbour_where_the_flow_can_be_trusted():
    reliable = torch.zeros(1, 1, *SIZE, dtype=torch.bool)
    reliable[..., :20] = True
    made = later()
    first = made.dream(dreamed(0.1))
    assert torch.allclose(first, torch.full_like(first, 0.1), atol=1e-6)
    second = made.dream(dreamed(0.02, 1, moved(reliable=reliable)))
    assert torch.allclose(second[..., :20], torch.tensor(0.06), atol=1e-4)
    assert torch.allclose(second[..., 20:], torch.tensor(0.02), atol=1e-6)


@pytest.mark.parametrize("opacity", [0.0, 0.25, 1.0])
def test_the_opacity_of_the_neighbour_is_set(opacity):
    made = later(passes__blend=opacity)
    made.dream(dreamed(0.1))
    second = made.dream(dreamed(0.0, 1, moved()))
    assert float(second.mean()) == pytest.approx(0.1 * opacity, abs=1e-4)


def test_the_neighbour_comes_along_the_flow():
    flow = torch.zeros(1, 2, *SIZE)
    flow[:, 0] = 8.0
    made = later(passes__blend=1.0)
    first = dreamed(0.0)
    first.residual[..., 24:] = 0.1
    made.dream(first)
    second = made.dream(dreamed(0.0, 1, moved(flow)))
    assert float(second[..., 18:22].mean()) == pytest.approx(0.1, abs=0.01)
    assert float(second[..., :13].abs().mean()) < 0.005


def test_the_first_passes_know_no_temporal_terms_and_every_pass_has_a_seed_of_its_own():
    config = apply(Config(), {"passes.count": 5, "temporal.long": 1000.0, "temporal.short": 3.0})
    passes = [config_of_pass(config, number) for number in range(1, 6)]
    assert [p.temporal.active for p in passes] == [False, False, False, True, True]
    assert passes[3].temporal == config.temporal
    assert passes[0].seed == config.seed
    assert len({p.seed for p in passes}) == 5


def test_after_those_the_past_pulls():
    """A neighbour that is not blended in still draws the frame towards itself."""

    def second(number):
        made = later(
            number,
            temporal__short=3000.0,
            passes__blend=0.0,
            passes__later__origins=2,
            dream__feather=0,
        )
        made.dream(dreamed(0.1))
        return float(made.dream(dreamed(0.0, 1, moved())).mean())

    assert abs(second(3)) < 0.01
    assert second(4) > 0.05


def test_frames_that_want_different_things_are_not_blended():
    made = later()
    made.dream(dreamed(0.1, cue=Cue((1.0, 0.0))))
    second = made.dream(dreamed(0.02, 1, moved(), cue=Cue((0.0, 1.0))))
    assert torch.allclose(second, torch.full_like(second, 0.02), atol=1e-6)
    third = made.dream(dreamed(0.1, 2, moved(), cue=Cue((0.0, 1.0))))
    assert float(third.mean()) == pytest.approx(0.06, abs=1e-4)


def test_a_pass_may_begin_from_noise():
    made = later(passes__start="noise")
    grey = picture(0) + made.dream(dreamed(0.1))
    assert float(grey.mean()) == pytest.approx(0.5, abs=0.01)
    assert 0.02 < float(grey.std()) < 0.08


def test_the_governor_keeps_the_strength_that_frames_come_with():
    made = later(temporal__governor=True, passes__later__origins=3)
    generator = torch.Generator().manual_seed(0)
    given, strengths = [], []
    for index in range(16):
        residual = torch.randn(1, 3, *SIZE, generator=generator) * 0.05
        given.append(float(residual.abs().mean()))
        out = made.dream(
            replace(dreamed(0.0, index, moved() if index else None), residual=residual)
        )
        strengths.append(float(out.abs().mean()))
    assert sum(strengths[8:]) / sum(given[8:]) == pytest.approx(1, abs=0.25)


def test_where_the_matte_is_black_nothing_is_dreamed():
    black = torch.ones(1, 1, *SIZE)
    black[..., :20] = 0
    made = later(passes__later__origins=1)
    out = made.dream(dreamed(0.1, matte=black))
    assert float(out[..., :20].abs().max()) == 0
    assert float(out[..., 20:].abs().mean()) > 0.05
