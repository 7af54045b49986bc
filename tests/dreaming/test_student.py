"""Students: their files, their frames, what they remember."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import ldfilter
from ldfilter.dreaming.student import (
    GRID,
    MARGIN,
    Shape,
    Student,
    StudentDreamer,
    StudentNet,
    fused,
    load_student,
    padded,
    save_student,
)
from ldfilter.errors import ConfigError, ModelError
from ldfilter.pipeline import build, process
from ldfilter.source.synthetic import shifted_texture
from tests.dreaming.fakes import frame, moved, picture

SMALL = Shape(width=8, depth=1, fine=4)
SIZE = (45, 70)


def network(seed=0):
    """A student that dreams something anyone can measure."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = StudentNet(SMALL)
        for head in (made.coarse, made.detail):
            torch.nn.init.normal_(head.weight, std=0.05)
    return made.eval().requires_grad_(False)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "small student.safetensors"
    save_student(path, Student(network(), "long-term", {"strength": 0.05}))
    return path


def dreamer():
    return StudentDreamer(Student(network(), "", {}), device=torch.device("cpu"))


def test_a_file_gives_the_same_student_back(file):
    student = load_student(file)
    assert (student.look, student.card) == ("long-term", {"strength": 0.05})
    assert student.network.shape == SMALL
    given = (torch.rand(1, 3, 32, 48), torch.rand(1, 3, 16, 24), torch.rand(1, 1, 8, 12))
    torch.testing.assert_close(student.network(*given), network()(*given), atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("damage", ["cut", "text", "other"])
def test_a_file_that_is_no_student_is_named(file, damage):
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    elif damage == "text":
        file.write_text("not a student")
    else:
        from safetensors.torch import save_file

        save_file({"a": torch.zeros(1)}, file)
    with pytest.raises(ModelError, match=r"small student\.safetensors is no student"):
        load_student(file)


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(ModelError, match="ldfilter-distill"):
        load_student(tmp_path / "none.safetensors")


def test_folding_the_norms_changes_nothing():
    made = network()
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    given = (torch.rand(1, 3, 32, 48), torch.rand(1, 3, 16, 24), torch.rand(1, 1, 8, 12))
    torch.testing.assert_close(fused(made)(*given), made(*given), atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("size", [SIZE, (64, 64), (1, 3)])
def test_any_size_is_dreamed(size):
    image = picture(0, size)
    residual = dreamer().dream(frame(image))
    assert residual.shape == image.shape
    assert residual.dtype == torch.float32
    dreamed = image + residual
    assert dreamed.min() >= -1e-6 and dreamed.max() <= 1 + 1e-6


def test_padding_repeats_the_border_and_fits_the_grid():
    image = picture(0, SIZE)
    large = padded(image)
    assert large.shape[2] % GRID == large.shape[3] % GRID == 0
    inner = large[..., MARGIN : MARGIN + SIZE[0], MARGIN : MARGIN + SIZE[1]]
    assert torch.equal(inner, image)
    assert torch.equal(large[..., 0, MARGIN], image[..., 0, 0])


def test_the_last_dream_is_seen_along_the_flow_and_not_where_a_shot_starts():
    motion = moved(size=SIZE)
    first, second = frame(picture(0, SIZE)), frame(picture(1, SIZE), 1, motion)
    alone = dreamer().dream(replace(second, motion=None))
    after = dreamer()
    after.dream(first)
    assert not torch.equal(after.dream(second), alone)
    for forgetful in (
        replace(second, motion=None, starts_shot=True),
        replace(second, motion=replace(motion, cut=True)),
    ):
        fresh = dreamer()
        fresh.dream(first)
        assert torch.equal(fresh.dream(forgetful), alone)
    hidden = replace(motion, reliable=torch.zeros_like(motion.reliable))
    blind = dreamer()
    blind.dream(first)
    torch.testing.assert_close(blind.dream(replace(second, motion=hidden)), alone)


def test_a_matte_and_a_schedule_of_strength_apply(file, tmp_path):
    def strengths(**overrides):
        config = ldfilter.load_preset(network__student=str(file), **overrides)
        return [
            float(f.residual.abs().mean())
            for f in process(shifted_texture((48, 64), 3), build(config))
        ]

    plain = strengths()
    assert min(plain) > 0.001
    faded = strengths(schedule__changes=("0s: strength=0.5",))
    assert faded == pytest.approx([0.5 * size for size in plain], rel=1e-3)


@pytest.mark.parametrize(
    "overrides",
    [{"passes__count": 2}, {"schedule__changes": ("0s: snail, 1s: jellyfish",)}],
)
def test_what_a_student_cannot_do_is_refused(file, overrides):
    with pytest.raises(ConfigError, match="the one look it has learnt"):
        build(ldfilter.load_preset(network__student=str(file), **overrides))


def test_a_student_needs_no_other_network(file, monkeypatch):
    def none(*_, **__):
        raise AssertionError("the frozen network was loaded")

    monkeypatch.setattr("ldfilter.pipeline.load_backbone", none)
    stages = build(ldfilter.load_preset(network__student=str(file)))
    assert "student" in stages.summary
