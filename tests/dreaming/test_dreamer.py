"""What the dreaming stage promises about frames in a row."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest
import torch

from ldfilter.config import Config, apply
from ldfilter.dreaming.dreamer import PassThrough, dream_frames
from ldfilter.errors import ModelError, Stopped
from ldfilter.looks import list_presets, load_preset
from tests.dreaming.fakes import SIZE, dreamer, frame, moved, picture, texture_loss

SHORT = {"temporal__short": 300.0}


def still(count, size=SIZE):
    """One picture again and again."""
    return [frame(picture(0, size), k, moved(size=size) if k else None) for k in range(count)]


def residuals(made, frames):
    return [out.residual for out in dream_frames(frames, made)]


def small(preset):
    """A look with the paper's iterations cut down to what a test can pay for."""
    config = load_preset(preset)
    return apply(config, {"effort": 0.1, "dream.first.updates": 2, "dream.later.updates": 2})


def test_frames_come_out_one_for_one_in_order_and_otherwise_unchanged():
    frames = still(4)
    out = list(dream_frames(frames, dreamer(**SHORT)))
    assert [o.index for o in out] == [0, 1, 2, 3]
    for before, after in zip(frames, out, strict=True):
        assert after.image is before.image and before.residual is None
        assert after.residual.shape == before.image.shape
        assert after.residual.dtype == torch.float32


def test_it_is_lazy():
    pulled = []

    def source():
        for f in still(5):
            pulled.append(f.index)
            yield f

    stage = dream_frames(source(), dreamer())
    next(stage)
    assert pulled == [0]


@pytest.mark.parametrize("preset", list_presets())
def test_every_look_dreams_and_stays_in_range(preset):
    made = dreamer(small(preset))
    for f, residual in zip(still(3), residuals(made, still(3)), strict=True):
        dreamed = f.image + residual
        assert residual.abs().mean() > 1e-3
        assert dreamed.min() > -1e-6 and dreamed.max() < 1 + 1e-6


@pytest.mark.parametrize("preset", list_presets())
def test_without_temporal_weights_every_look_is_framewise_exactly(preset):
    """An artist who wants the boil gets it."""
    off = {f"temporal.{name}": 0.0 for name in ("short", "long", "trail", "blend")}
    weightless = apply(small(preset), off)
    together = residuals(dreamer(weightless), still(3))
    for got, frame_alone in zip(together, still(3), strict=True):
        (wanted,) = residuals(dreamer(weightless), [replace(frame_alone, motion=None)])
        assert torch.equal(got, wanted)


def test_framewise_is_each_frame_alone():
    made = dreamer(load_preset("framewise"))
    together = residuals(made, still(3))
    alone = [residuals(dreamer(load_preset("framewise")), [f])[0] for f in still(3)]
    assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))
    assert not torch.equal(together[0], together[1])  # it boils, even on a still


def test_the_same_seed_gives_the_same_dream_and_another_does_not():
    first, second, other = (residuals(dreamer(seed=s, **SHORT), still(3)) for s in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_the_chunk_size_does_not_change_the_result(chunk):
    size = (70, 100)
    few = residuals(dreamer(dream__chunk=chunk, **SHORT), still(2, size))
    many = residuals(dreamer(dream__chunk=8, **SHORT), still(2, size))
    for a, b in zip(few, many, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(32, 64), (9, 50), (31, 33), (97, 65)])
def test_any_size_is_dreamed_whole(size):
    (residual,) = residuals(dreamer(), still(1, size))
    assert residual.shape == (1, 3, *size)
    assert (residual.abs().amax(dim=1) > 1e-5).float().mean() > 0.97


def matte(size=SIZE):
    """White on the right, with a soft edge."""
    across = torch.linspace(-1, 2, size[1]).clamp(0, 1)
    return across.expand(1, 1, *size)


def test_a_matte_keeps_the_dream_where_it_is_white():
    inner = matte()
    frames = [replace(f, matte=inner) for f in still(12)]
    seen = residuals(dreamer(**SHORT), frames)
    for residual in seen:
        assert (residual[..., inner[0, 0, 0] == 0] == 0).all()
    white = [r[..., inner[0, 0, 0] == 1].abs().mean() for r in seen]
    assert white[0] > 1e-3
    assert all(0.7 * white[0] < s < 1.3 * white[0] for s in white)


def test_the_soft_edge_of_a_matte_does_not_wear_off():
    """Each frame's dream is weakened once, not again by every frame that remembers it."""
    inner = matte()
    edge = ((inner > 0.2) & (inner < 0.8))[0, 0, 0]
    frames = [replace(f, matte=inner) for f in still(12)]
    seen = [r[..., edge].abs().mean() for r in residuals(dreamer(**SHORT), frames)]
    assert seen[-1] > 0.7 * seen[0]


def test_a_matte_that_is_black_for_a_while_does_not_change_the_strength():
    black, white = torch.zeros(1, 1, *SIZE), torch.ones(1, 1, *SIZE)
    never = residuals(dreamer(**SHORT), still(14))
    for first in (0, 3):
        frames = [
            replace(f, matte=black if first <= f.index < first + 2 else white) for f in still(14)
        ]
        seen = residuals(dreamer(**SHORT), frames)
        assert not seen[first].any()
        assert seen[-1].abs().mean() > 0.5 * never[-1].abs().mean()


def test_strength_holds_on_a_still_shot():
    seen = [float(r.abs().mean()) for r in residuals(dreamer(**SHORT), still(40))]
    assert all(0.8 * seen[0] < s < 1.2 * seen[0] for s in seen)


def test_a_shot_start_is_dreamed_like_a_first_frame():
    frames = still(3)
    restart = [frames[0], frames[1], frame(picture(5), 2)]
    after = residuals(dreamer(**SHORT), restart)[2]
    alone = residuals(dreamer(**SHORT), [frame(picture(5), 2)])[0]
    assert torch.equal(after, alone)


def test_shots_are_independent_when_memory_ends_with_the_shot():
    made = dreamer(temporal__memory="shot", temporal__long=1000.0)
    second = [frame(picture(5), 3), frame(picture(5), 4, moved())]
    together = residuals(made, still(3) + second)[3:]
    alone = residuals(dreamer(temporal__memory="shot", temporal__long=1000.0), second)
    assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))


def test_new_areas_are_filled_at_once_and_catch_up():
    """The left half was never seen before frame 1. A toy: how far is for the benchmarks."""
    by = torch.ones(1, 1, *SIZE, dtype=torch.uint8)
    by[..., :28] = 0
    frames = still(12)
    frames[1] = replace(frames[1], motion=moved(by=by))
    new_over_old = [
        float(r[..., :28].abs().mean() / r[..., 28:].abs().mean())
        for r in residuals(dreamer(**SHORT), frames)
    ]
    assert new_over_old[1] > 0.3
    assert new_over_old[11] > 1.25 * new_over_old[1]


def test_only_the_last_32_dreams_are_kept():
    made = dreamer(load_preset("long-term"), dream__first__origins=1, dream__later__origins=1)
    early = weakref.ref(made.memory.dreams)
    for _ in dream_frames(still(40), made):
        pass
    assert len(made.memory.dreams) == 32
    made.memory.clear()
    del made
    gc.collect()
    assert early() is None


def test_a_stop_drops_the_frame_being_dreamed():
    made = dreamer()

    def loss(tiles):
        made.stop.set()
        return texture_loss(tiles)

    made = dreamer(loss=loss)
    with pytest.raises(Stopped):
        made.dream(still(1)[0])


def test_out_of_memory_means_fewer_tiles_and_no_lost_frame(caplog):
    def small_device(tiles):
        if len(tiles) > 2:
            raise torch.OutOfMemoryError("no room")
        return texture_loss(tiles)

    size = (70, 100)
    enough = residuals(dreamer(**SHORT), still(2, size))
    little = residuals(dreamer(None, small_device, **SHORT), still(2, size))
    for a, b in zip(enough, little, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert "dream.chunk=2" in caplog.text


def test_no_memory_for_one_tile_is_one_clear_sentence():
    def full_device(tiles):
        raise torch.OutOfMemoryError("no room")

    with pytest.raises(ModelError, match="--work-height"):
        dreamer(None, full_device).dream(still(1)[0])


def test_effort_multiplies_the_origins_and_leaves_one_at_least():
    def calls(effort):
        count = []

        def loss(tiles):
            count.append(1)
            return texture_loss(tiles)

        made = dreamer(
            Config(), loss, effort=effort, dream__first__octaves=(1.0,), dream__first__origins=6
        )
        made.dream(still(1)[0])
        return len(count)

    assert calls(2.0) == 2 * calls(1.0) == 12 * calls(0.01)


def test_the_step_settles_from_the_first_origin_to_the_last():
    """With nothing left of it at the second of two, one origin does the same."""

    def first_dream(**schedule):
        settings = {f"dream__first__{key}": value for key, value in schedule.items()}
        made = dreamer(dream__first__octaves=(1.0,), **settings)
        return made.dream(still(1)[0])

    one, two = first_dream(origins=1), first_dream(origins=2, settle=0.0)
    assert torch.equal(one, two)
    assert first_dream(origins=2, settle=1.0).abs().mean() > 1.2 * one.abs().mean()


def test_what_grows_out_of_noise_does_so_where_things_are_uncovered_too():
    by = torch.ones(1, 1, *SIZE, dtype=torch.uint8)
    by[..., :20] = 0
    frames = still(2)
    frames[1] = replace(frames[1], motion=moved(by=by))
    nothing = {"dream__fill__origins": 0, "dream__later__origins": 0, "temporal__governor": False}
    made = dreamer(dream__start="noise", **SHORT, **nothing)
    _, second = residuals(made, frames)
    uncovered = (frames[1].image + second)[..., :20]
    assert float(uncovered.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(uncovered.std()) < 0.1 < float(frames[1].image.std())


def test_a_pass_through_dreams_nothing():
    assert all((r == 0).all() for r in residuals(PassThrough(), still(2)))
