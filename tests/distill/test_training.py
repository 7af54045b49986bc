"""Teaching: what is drawn, what falls, what goes on after a stop."""

from __future__ import annotations

import pytest
import torch

from ldfilter.config import Config, apply
from ldfilter.distill.card import make_card
from ldfilter.distill.material import Material, Pairs, gather
from ldfilter.distill.training import Lesson, Trainer
from ldfilter.dreaming.backbones import load_backbone
from ldfilter.dreaming.objectives import Dream, build_terms
from ldfilter.dreaming.student import Shape, Student, StudentDreamer
from ldfilter.errors import ConfigError, ModelError
from ldfilter.warp import warp_linear
from tests.clips import write_clip, write_photo

SMALL = Shape(width=8, depth=1, fine=4)
LESSON = Lesson(steps=6, batch=2, side=64, rate=1e-2)


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    clip = write_clip(folder / "c.mkv", frames=30, size=(96, 128))
    photo = write_photo(folder / "p.png", size=(90, 80))
    return gather([str(clip), str(photo)], height=80, unseen=5)


@pytest.fixture(scope="module")
def objective():
    backbone = load_backbone("efficientnet-lite0", weights="random")
    config = apply(Config(), {"objective.classes": (), "objective.layers": ("blocks.1",)})
    return Dream(backbone, build_terms(config.objective, backbone, read=lambda name: None))


def trainer(objective, **changes):
    lesson = Lesson(
        **{**{k: getattr(LESSON, k) for k in ("steps", "batch", "side", "rate")}, **changes}
    )
    return Trainer(objective, tile=64, shape=SMALL, lesson=lesson, device=torch.device("cpu"))


def test_clips_are_read_at_the_height_asked_for_and_their_end_is_kept(material):
    assert [len(clip) for clip in material.clips] == [25, 1]
    assert [len(shot) for shot in material.unseen] == [5]
    assert [frame.starts_shot for frame in material.unseen[0]] == [True] + [False] * 4
    assert [frame.motion is None for frame in material.unseen[0]] == [True] + [False] * 4
    assert material.clips[0][3].image.shape[2:] == (80, 107)
    assert material.clips[0][0].flow is None
    assert material.clips[0][3].flow is not None
    assert material.clips[1][0].flow is None


def test_pairs_belong_together(material):
    """The first picture along the flow is the second one, where the flow is trusted."""
    pairs = material.draw(12, side=64, generator=torch.Generator().manual_seed(0))
    assert isinstance(pairs, Pairs)
    assert pairs.first.shape == pairs.second.shape == (12, 3, 64, 64)
    assert pairs.first.min() >= 0 and pairs.first.max() <= 1
    brought = warp_linear(pairs.first, pairs.flow)
    off = ((brought - pairs.second).abs() * pairs.reliable).mean()
    assert off < 0.03
    assert float(pairs.flow.abs().max()) > 0


def test_the_same_seed_draws_the_same(material):
    draws = [material.draw(3, side=32, generator=torch.Generator().manual_seed(5)) for _ in "ab"]
    assert torch.equal(draws[0].second, draws[1].second)


def test_what_is_wanted_falls_and_the_strength_is_held(material, objective):
    made = trainer(objective, steps=60, temporal=0.5, fine=0.0, tint=0.0, hold=1.0)
    marks = []
    made.run(material, watch=marks.append)
    assert [mark.step for mark in marks] == list(range(1, 61))
    early, late = marks[:12], marks[-12:]
    assert sum(m.wanted for m in late) < sum(m.wanted for m in early)
    assert 0.5 < sum(m.strength for m in late) / 12 < 2


def test_a_student_learns_to_dream_turned_pictures_alike(material, objective):
    """Asked for nothing else, the dream of a turned picture nears the turned dream."""

    def uneven(made):
        image = material.draw(4, side=64, generator=torch.Generator().manual_seed(9)).first
        nothing, unknown = torch.zeros(4, 3, 32, 32), torch.zeros(4, 1, 16, 16)
        with torch.no_grad():
            dream = made.network(image, nothing, unknown)
            other = made.network(image.rot90(1, (2, 3)), nothing, unknown)
        return float((other - dream.rot90(1, (2, 3))).square().mean() / dream.square().mean())

    free, held = (trainer(objective, steps=40, turned=weight) for weight in (0.0, 20.0))
    for made in (free, held):
        made.run(material, watch=lambda marks: None)
    assert uneven(held) < 0.7 * uneven(free)


def test_a_lesson_goes_on_where_it_stopped(material, objective, tmp_path):
    whole = trainer(objective)
    whole.run(material, watch=lambda marks: None)
    first = trainer(objective)

    class Enough(Exception):
        pass

    def stop(marks):
        if marks.step == 3:
            raise Enough

    with pytest.raises(Enough):
        first.run(material, watch=stop)
    path = tmp_path / "a.unfinished"
    first.save(path)
    second = trainer(objective)
    second.resume(path)
    assert second.step == 3
    second.run(material, watch=lambda marks: None)
    for a, b in zip(whole.network.parameters(), second.network.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_another_lesson_or_a_damaged_file_is_refused(objective, tmp_path):
    path = tmp_path / "a.unfinished"
    trainer(objective).save(path)
    with pytest.raises(ConfigError, match="batch 2, not 3"):
        trainer(objective, batch=3).resume(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="damaged"):
        trainer(objective).resume(path)


def test_a_card_compares_the_student_with_its_teacher(material, objective):
    student = StudentDreamer(
        Student(trainer(objective).network.eval(), "", {}), device=torch.device("cpu")
    )
    little = {
        "network.weights": "random",
        "objective.classes": (),
        "objective.layers": ("blocks.1",),
        "effort": 0.1,
        "dream.first.octaves": (1.0,),
    }
    card = make_card(student, apply(Config(), little), material.unseen)
    assert {"strength", "teacher strength", "flicker", "teacher flicker", "likeness"} < set(card)
    assert card["teacher strength"] > 0.005
    assert -1 <= card["likeness"] <= 1
    assert card["ms per frame"] > 0


def test_material_without_clips_is_an_error_of_its_own():
    with pytest.raises(RuntimeError):
        Material((), ()).draw(1, side=8, generator=torch.Generator())
