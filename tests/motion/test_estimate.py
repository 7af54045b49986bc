from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ldfilter.frame import Frame
from ldfilter.motion import Flow, estimate_motion, load_flow
from tests.motion.scenes import SIZE, crop, frames_of, pan, texture

ALL = (1, 2, 4, 8, 16, 32)


class Counted:
    """A flow that counts its calls and says that nothing moves."""

    channels = 1

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, current: Tensor, reference: Tensor) -> Tensor:
        self.calls += 1
        return torch.zeros(1, 2, *current.shape[2:])


def run(
    images: list[Tensor],
    *,
    offsets: tuple[int, ...] = (1,),
    flow: Flow | None = None,
    memory: str = "clip",
    leave: float = 0.005,
    tolerance: float = 0.0,
) -> list[Frame]:
    return list(
        estimate_motion(
            frames_of(images),
            flow=flow or load_flow("dis"),
            offsets=offsets,
            memory=memory,
            leave=leave,
            tolerance=tolerance,
        )
    )


def shots(frames: list[Frame]) -> list[int]:
    return [frame.index for frame in frames if frame.starts_shot]


def cuts(frames: list[Frame]) -> list[int]:
    return [frame.index for frame in frames if frame.motion is not None and frame.motion.cut]


def claimed(frame: Frame, offset: int) -> float:
    assert frame.motion is not None
    return float((frame.motion.claimed_by == offset).float().mean())


def test_only_the_first_frame_of_one_shot_starts_it() -> None:
    frames = run(pan((2, 1), 5))
    assert shots(frames) == [0]
    assert [frame.motion is None for frame in frames] == [True, False, False, False, False]


def test_motion_is_at_work_size_in_work_pixels() -> None:
    frame = run(pan((4, -2), 2))[1]
    assert frame.motion is not None
    motion = frame.motion
    assert motion.previous.shape == motion.flow.shape == (1, 2, *SIZE)
    assert motion.reliable.shape == motion.claimed_by.shape == (1, 1, *SIZE)
    assert motion.reliable.dtype == torch.bool
    assert motion.claimed_by.dtype == torch.uint8
    inside = motion.previous[..., 12:-12, 12:-12].mean((0, 2, 3)).tolist()
    assert inside == pytest.approx([4, -2], abs=0.1)


def test_scale_changes_the_size_of_the_work_not_of_the_answer() -> None:
    picture = texture()
    images = [crop(picture, 40 + 4 * k, 30, size=(140, 180)) for k in range(2)]
    for scale in (0.5, 1.0):
        frames = list(
            estimate_motion(frames_of(images), flow=load_flow("dis"), offsets=(1,), scale=scale)
        )
        motion = frames[1].motion
        assert motion is not None
        assert motion.previous.shape == (1, 2, 140, 180)
        assert float(motion.previous[:, 0, 12:-12, 12:-12].mean()) == pytest.approx(4, abs=0.1)


def test_what_leaves_the_picture_is_not_reliable() -> None:
    frame = run(pan((6, 0), 2))[1]
    assert frame.motion is not None
    assert not frame.motion.reliable[..., -6:].any()
    assert float(frame.motion.reliable[..., 8:-8].float().mean()) > 0.9


def test_the_nearest_consistent_offset_claims_a_pixel() -> None:
    frames = run([pan((0, 0), 1)[0]] * 9, offsets=ALL)
    assert claimed(frames[8], 1) == 1


@pytest.mark.parametrize("tolerance", [0.0, 8.0])
def test_uncovered_background_is_claimed_by_the_last_frame_that_saw_it(tolerance: float) -> None:
    """A square stops one frame: what it hid at i-1 was seen at i-2."""
    background = crop(texture(), 40, 40)
    covered = background.clone()
    covered[..., 16:48, 30:62] = crop(texture(seed=3), 40, 40)[..., 16:48, 30:62]
    frames = run([background, background, covered, background], offsets=ALL, tolerance=tolerance)
    motion = frames[3].motion
    assert motion is not None
    middle = motion.claimed_by[..., 24:40, 38:54]
    assert float((middle == 2).float().mean()) > 0.9
    assert float((motion.claimed_by[..., :8] == 1).float().mean()) > 0.95
    assert float(motion.flow[..., 28:36, 42:50].abs().median()) < 0.05


def test_offsets_that_are_not_wanted_never_claim() -> None:
    frames = run(pan((3, 0), 6), offsets=(2, 4))
    assert claimed(frames[1], 1) == 0
    assert frames[1].motion is not None
    assert frames[1].motion.reliable.any()
    assert claimed(frames[5], 2) > 0.7
    assert set(frames[5].motion.claimed_by.unique().tolist()) <= {0, 2, 4}  # type: ignore[union-attr]


def test_claiming_stops_when_nearly_everything_is_claimed() -> None:
    still = [crop(texture(), 40, 40)] * 10
    flow = Counted()
    run(still, offsets=ALL, flow=flow)
    assert flow.calls == 2 * 9


def test_with_leave_zero_claiming_goes_on_to_the_last_pixel() -> None:
    images = pan((1, 0), 10)
    near, far = run(images, offsets=ALL)[9], run(images, offsets=ALL, leave=0)[9]
    assert near.motion is not None and far.motion is not None
    assert float((far.motion.claimed_by == 0).float().mean()) <= float(
        (near.motion.claimed_by == 0).float().mean()
    )


def test_a_cut_starts_a_shot_at_once() -> None:
    images = pan((1, 0), 4) + pan((1, 0), 4, seed=7)
    frames = run(images, offsets=ALL)
    assert shots(frames) == [0, 4]
    assert frames[4].motion is None


def test_far_offsets_do_not_reach_across_a_cut() -> None:
    images = pan((1, 0), 6) + pan((1, 0), 6, seed=7)
    frames = run(images, offsets=ALL)
    for number in range(7, 12):
        motion = frames[number].motion
        assert motion is not None
        assert int(motion.claimed_by.max()) <= number - 6


def flash(count: int = 6, at: int = 3) -> list[Tensor]:
    images = pan((1, 0), count)
    images[at] = torch.ones_like(images[at])
    return images


def test_a_flash_does_not_lose_the_dream() -> None:
    frames = run(flash(), offsets=ALL)
    assert shots(frames) == [0, 3]
    assert cuts(frames) == [4]
    assert claimed(frames[4], 2) > 0.8
    assert claimed(frames[4], 1) == 0
    motion = frames[4].motion
    assert motion is not None
    assert not motion.reliable.any()
    assert claimed(frames[5], 1) > 0.8


def test_with_the_nearest_offset_alone_a_flash_starts_a_shot() -> None:
    assert shots(run(flash(), offsets=(1,))) == [0, 3, 4]


def test_the_dream_does_not_come_through_a_cut_over_black() -> None:
    black = torch.zeros(1, 3, *SIZE)
    frames = run([*pan((1, 0), 3), black, black, *pan((1, 0), 3, seed=7)], offsets=ALL)
    assert shots(frames) == [0, 3, 5]
    assert claimed(frames[4], 1) > 0.95


def test_a_slow_fade_is_not_a_cut() -> None:
    images = [image * (1 - 0.04 * k) for k, image in enumerate(pan((1, 0), 8))]
    frames = run(images)
    assert shots(frames) == [0]
    assert min(claimed(frame, 1) for frame in frames[1:]) > 0.8


def test_coming_back_from_a_cutaway_finds_the_old_dream() -> None:
    images = pan((0, 0), 4) + pan((0, 0), 3, seed=7) + pan((0, 0), 2)
    frames = run(images, offsets=ALL)
    assert shots(frames) == [0, 4]
    assert cuts(frames) == [7]
    assert claimed(frames[7], 4) > 0.9


def test_memory_of_a_shot_forgets_what_was_before_it() -> None:
    images = pan((0, 0), 4) + pan((0, 0), 3, seed=7) + pan((0, 0), 2)
    frames = run(images, offsets=ALL, memory="shot")
    assert shots(frames) == [0, 4, 7]


def test_shots_with_their_own_memory_equal_shots_alone() -> None:
    second = pan((1, 0), 4, seed=7)
    whole = run(pan((1, 0), 4) + second, offsets=ALL, memory="shot")[4:]
    alone = run(second, offsets=ALL, memory="shot")
    for one, other in zip(whole[1:], alone[1:], strict=True):
        assert one.motion is not None and other.motion is not None
        assert torch.equal(one.motion.flow, other.motion.flow)
        assert torch.equal(one.motion.claimed_by, other.motion.claimed_by)


def test_a_whip_pan_that_flow_can_follow_is_not_a_cut() -> None:
    picture = texture()
    images = [crop(picture, 20 + 24 * k, 30, size=(128, 192)) for k in range(4)]
    assert shots(run(images)) == [0]


def test_a_shift_that_flow_cannot_follow_is_a_cut() -> None:
    picture = texture((200, 700))
    images = [crop(picture, 20 + 150 * k, 30, size=(128, 192)) for k in range(3)]
    assert shots(run(images)) == [0, 1, 2]


@pytest.mark.parametrize(("start", "cut"), [(26, 30), (133, 137), (239, 242)])
def test_cuts_of_a_real_clip(start: int, cut: int) -> None:
    from tests.motion.test_stillness import real_images

    images = real_images("bikes.mp4", start=start, count=8)
    frames = run(images, offsets=ALL)
    assert [start + number for number in shots(frames)] == [start, cut]


def test_tolerance_trusts_more_of_a_camera_flight() -> None:
    from tests.motion.test_stillness import real_images

    images = real_images("bikes.mp4", start=82, count=4)
    strict, wide = (run(images, tolerance=tolerance) for tolerance in (0.0, 8.0))
    for narrow, wider in zip(strict[1:], wide[1:], strict=True):
        assert claimed(wider, 1) > claimed(narrow, 1) + 0.02
    assert shots(wide) == [0]


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (32, 64)])
def test_tiny_frames(size: tuple[int, int]) -> None:
    frames = run([torch.rand(1, 3, *size)] * 3, offsets=ALL)
    assert len(frames) == 3


def test_frames_are_new_records_and_keep_everything_else() -> None:
    given = frames_of(pan((1, 0), 3))
    given = [replace(frame, pts=10 * frame.index + 3) for frame in given]
    result = list(estimate_motion(given, flow=load_flow("dis"), offsets=(1,)))
    for before, after in zip(given, result, strict=True):
        assert before.motion is None and not before.starts_shot
        assert (after.index, after.pts) == (before.index, before.pts)
        assert after.image is before.image


def test_one_frame_in_one_frame_out() -> None:
    pulled = 0

    def source() -> Iterator[Frame]:
        nonlocal pulled
        for frame in frames_of(pan((1, 0), 6)):
            pulled += 1
            yield frame

    stage = estimate_motion(source(), flow=Counted(), offsets=ALL)
    for number in range(1, 5):
        assert next(stage).index == number - 1
        assert pulled == number


def test_closing_the_stage_closes_nothing_it_does_not_own_but_stops_pulling() -> None:
    stage = estimate_motion(iter(frames_of(pan((1, 0), 3))), flow=Counted(), offsets=(1,))
    next(stage)
    stage.close()  # type: ignore[attr-defined]
    with pytest.raises(StopIteration):
        next(stage)


def test_frames_are_not_held() -> None:
    image = crop(texture(), 40, 40)
    seen: list[weakref.ref[Tensor]] = []

    def source() -> Iterator[Frame]:
        for frame in frames_of([image]):
            for number in range(6):
                copy = replace(frame, image=image.clone(), index=number)
                seen.append(weakref.ref(copy.image))
                yield copy
                del copy

    for frame in estimate_motion(source(), flow=Counted(), offsets=ALL):
        del frame
        gc.collect()
        assert sum(ref() is not None for ref in seen) <= 1
