"""Schedules as people write them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ldfilter.changes import Change, parse_changes, parse_clock, plan_states, weights_at
from ldfilter.config import Config, apply
from ldfilter.errors import ConfigError


def states(*texts: str, **settings: object):  # type: ignore[no-untyped-def]
    return plan_states(apply(Config(), {"schedule.changes": texts, **settings}))


def test_entries_read_as_they_are_written() -> None:
    text = "0s: jellyfish, 4.5s: snail + conch:0.5 + strength=0.3, 1:02: tabby cat"
    assert parse_changes([text]) == (
        Change(Fraction(0), ("jellyfish",)),
        Change(Fraction(9, 2), ("snail", "conch:0.5"), ("strength=0.3",)),
        Change(Fraction(62), ("tabby cat",)),
    )
    assert parse_changes(["0s: jellyfish", "4s: snail"]) == parse_changes(
        ["0s: jellyfish, 4s: snail"]
    )


def test_a_comma_inside_a_setting_belongs_to_it() -> None:
    (first, second) = parse_changes(
        ['0s: objective.layers=["blocks.3[1, 2]", "blocks.4"], 2s: 107']
    )
    assert first.settings == ('objective.layers=["blocks.3[1, 2]", "blocks.4"]',)
    assert second.classes == ("107",)


def test_shots_take_one_after_the_other() -> None:
    assert parse_changes(["shot: jellyfish, shot: snail"]) == (
        Change(None, ("jellyfish",)),
        Change(None, ("snail",)),
    )
    assert [state.objective.classes for state in states("shot: 1, shot: 2")] == [("1",), ("2",)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jellyfish", "is written"),
        ("4: jellyfish", "is written"),
        ("0s:", "is written"),
        ("0s: jellyfish + ", "is written"),
        ("0s: jellyfish, shot: snail", "by times or by shots"),
        ("4s: jellyfish, 2s: snail", "2s follows 4s"),
        ("0s: jellyfish, 0s: snail", "0s follows 0s"),
        ("0s: dream.jitter=0", "not dream.jitter"),
        ("0s: strength=much", r"output.strength must be a number, not 'much'"),
        ("0s: objective.clases=[]", "objective.clases"),
    ],
)
def test_what_does_not_read_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        states(text)


def test_a_change_lasts_until_another_replaces_it() -> None:
    found = states("0s: jellyfish, 4s: strength=0.3, 8s: snail + objective.style.weight=2")
    assert [s.objective.classes for s in found] == [("jellyfish",), ("jellyfish",), ("snail",)]
    assert [s.strength for s in found] == [1.0, 0.3, 0.3]
    assert [s.objective.style.weight for s in found] == [1.0, 1.0, 2.0]


def test_before_the_first_change_the_look_is_what_it_is() -> None:
    found = states("4s: snail")
    assert [s.objective.classes for s in found] == [("starfish",), ("snail",)]
    assert len(states()) == 1


def test_a_change_fades_in_and_the_weights_add_up_to_one() -> None:
    found = states("0s: 1, 4s: 2, 4.5s: 3")
    for time, wanted in (
        ("0", (1, 0, 0)),
        ("3.9", (1, 0, 0)),
        ("4.25", (0.5, 0.5, 0)),  # the fade is as short as the gap
        ("4.5", (0, 1, 0)),
        ("5", (0, 0.5, 0.5)),
        ("5.5", (0, 0, 1)),
        ("99", (0, 0, 1)),
    ):
        assert weights_at(found, Fraction(time), fade=Fraction(1)) == pytest.approx(wanted), time


def test_without_a_fade_a_change_is_sudden() -> None:
    found = states("0s: 1, 4s: 2")
    assert weights_at(found, Fraction("3.99"), fade=Fraction(0)) == (1, 0)
    assert weights_at(found, Fraction(4), fade=Fraction(0)) == (0, 1)


@pytest.mark.parametrize("text", ["1:2:3:4", "x", "-1", ""])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no time"):
        parse_clock(text)
