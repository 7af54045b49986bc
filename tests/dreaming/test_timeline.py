"""What a schedule makes of frames and of the dreams on them."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
import torch

from ldfilter.changes import plan_states
from ldfilter.config import Config, apply
from ldfilter.dreaming.backbones import load_backbone
from ldfilter.dreaming.dreamer import dream_frames
from ldfilter.dreaming.objectives import build_terms
from ldfilter.dreaming.terms import Survey
from ldfilter.dreaming.timeline import REMAINS, Repertoire, cue_frames
from ldfilter.frame import Cue
from tests.dreaming.fakes import SIZE, Anywhere, Only, dreamer, frame, moved, picture

FADE = Fraction(1, 5)  # five frames


def states(*texts):
    return plan_states(apply(Config(), {"schedule.changes": texts}))


def still(count, cuts=(0,)):
    return [frame(picture(0), k, None if k in cuts else moved()) for k in range(count)]


def cues(frames, *texts, fade=FADE):
    return [out.cue for out in cue_frames(frames, states(*texts), fade=fade)]


def test_time_counts_from_the_first_frame_and_a_fade_leaves_little_of_the_old_dream():
    later = [replace(f, pts=f.pts + 250) for f in still(20)]
    found = cues(later, "0s: 1, 0.4s: 2")
    assert [round(cue.weights[1], 6) for cue in found] == [0] * 11 + [0.2, 0.4, 0.6, 0.8] + [1] * 5
    assert [cue.keep < 1 for cue in found] == [11 <= k <= 15 for k in range(20)]
    assert math.prod(cue.keep for cue in found) == pytest.approx(REMAINS)


def test_a_sudden_change_keeps_nothing():
    found = cues(still(6), "0s: 1, 0.1s: 2", fade=Fraction(0))
    assert [cue.keep for cue in found] == [1, 1, 1, 0, 1, 1]


def test_a_change_of_strength_alone_keeps_the_dream():
    found = cues(still(12), "0s: 1, 0.2s: strength=0.5")
    assert all(cue.keep == 1 for cue in found)
    assert [round(cue.strength, 3) for cue in found] == [1] * 6 + [0.9, 0.8, 0.7, 0.6, 0.5, 0.5]


def test_every_shot_takes_the_next_state_and_the_first_follows_the_last():
    found = cues(still(7, cuts=(0, 2, 3, 5)), "shot: 1, shot: 2, shot: 3")
    assert [cue.weights.index(1.0) for cue in found] == [0, 0, 1, 2, 2, 0, 0]


def test_frames_of_an_earlier_pass_keep_their_cue():
    given = Cue((0.25, 0.75))
    frames = [replace(f, cue=given) for f in reversed(still(3))]
    assert cues(frames, "0s: 1, 1s: 2") == [given] * 3


def test_where_nothing_changes_there_are_no_cues():
    assert cues(still(2)) == [None, None]
    assert cues(still(2), "0s: snail") == [None, None]


def test_a_mixture_is_the_weighted_sum_of_what_it_mixes():
    backbone = load_backbone("efficientnet-lite0", weights="random")
    terms = [
        build_terms(state.objective, backbone, read=lambda name: picture(0))
        for state in states('0s: 1, 1s: objective.layers=["blocks.2"]', "2s: 5")
    ]
    repertoire = Repertoire(backbone, terms)
    tiles = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    survey = Survey({}, 1.0)
    alone = [
        repertoire.at([float(k == n) for k in range(3)]).at(tiles, tiles, survey)(tiles)
        for n in range(3)
    ]
    mixed = repertoire.at((0.0, 0.3, 0.7)).at(tiles, tiles, survey)(tiles)
    assert torch.allclose(mixed, 0.3 * alone[1] + 0.7 * alone[2], atol=1e-5)
    assert not torch.allclose(alone[1], alone[2], atol=1e-3)
    assert repertoire.at((0.0, 0.3, 0.7)).dream is repertoire.at((0.0, 0.9, 0.1)).dream


def brighter(tiles):
    return -tiles.mean(dim=(1, 2, 3))


def darker(tiles):
    return tiles.mean(dim=(1, 2, 3))


class Two(Only):
    """Wants brightness first and darkness then."""

    def at(self, weights):
        bright, dark = (*weights, 0.0)[:2]
        return Anywhere(lambda tiles: bright * brighter(tiles) + dark * darker(tiles))


def changing(frames, *, fade=FADE, **overrides):
    made = dreamer(dream__gradient="raw", temporal__short=3000.0, **overrides)
    made.repertoire = Two(None)
    cued = cue_frames(frames, states("0s: 1, 0.4s: 2"), fade=fade)
    return [out.residual for out in dream_frames(cued, made)]


def test_the_dream_has_changed_when_the_fade_is_over_and_then_stays():
    means = [float(d.mean()) for d in changing(still(30))]
    assert min(means[:11]) > 0.01
    assert max(means[16:]) < -0.01
    swing = max(means) - min(means)
    assert max(abs(b - a) for a, b in pairwise(means)) < 0.6 * swing  # it does not jump
    # The pull of the past is back: without it the dream would go on growing.
    assert abs(means[-1] - means[-6]) < 0.02


def test_a_sudden_change_begins_the_dream_anew():
    frames = still(14)
    changed = changing(frames, fade=Fraction(0))
    assert float(changed[9].mean()) > 0.01
    assert float(changed[10].mean()) < -0.01


def test_what_was_dreamed_before_a_change_does_not_come_back():
    """An area hidden during the fade returns with nothing of the old dream."""
    by = torch.ones(1, 1, *SIZE, dtype=torch.uint8)
    by[..., :20] = 16
    frames = still(30)
    frames[20] = replace(frames[20], motion=moved(by=by))
    means = [float(d[..., :16].mean()) for d in changing(frames, temporal__long=3000.0)]
    assert means[4] > 0.01
    assert means[20] < 0
