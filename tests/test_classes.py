"""Names of the ImageNet classes, against timm's own reading of the same files."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ldfilter.classes import find_class, list_classes, parse_classes
from ldfilter.errors import ConfigError


def test_the_classes_are_those_of_timm() -> None:
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    classes = list_classes()
    assert [c.index for c in classes] == list(range(1000))
    for item in classes:
        assert item.wordnet_id == info.index_to_label_name(item.index)
        assert ", ".join(item.names) == info.index_to_description(item.index)
        detailed = f"{', '.join(item.names)}: {item.description}"
        # timm reads the definitions as CSV and so drops quotation marks.
        plain = info.index_to_description(item.index, detailed=True)
        assert detailed.replace('"', "") == plain.replace('"', "")


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("starfish", 327),
        ("Sea Star", 327),
        ("n02317335", 327),
        ("N02317335", 327),
        (" 327 ", 327),
        ("tabby cat", 281),
        ("tabby_cat", 281),
        ("jack-o'-lantern", 607),
        ("0", 0),
        ("ai", 364),
    ],
)
def test_a_class_has_many_names(text: str, index: int) -> None:
    assert find_class(text).index == index


@pytest.mark.parametrize(
    ("text", "index"),
    [("partridge", 86), ("polecat", 358), ("missile", 657), ("Harp", 594), ("tub", 876)],
)
def test_a_shared_name_means_the_class_that_has_it_first(text: str, index: int) -> None:
    assert find_class(text).index == index


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("crane", (134, 517)),
        ("maillot", (638, 639)),
        ("panther", (286, 290)),
        ("Cardigan", (264, 474)),
    ],
)
def test_an_ambiguous_name_lists_the_candidates(text: str, indices: tuple[int, int]) -> None:
    with pytest.raises(ConfigError) as caught:
        find_class(text)
    message = str(caught.value)
    for index in indices:
        assert f"{index} (" in message
        assert list_classes(str(index))[0].description in message


def test_nineteen_names_belong_to_two_classes() -> None:
    names = [name.casefold() for c in list_classes() for name in c.names]
    shared = {name for name in names if names.count(name) > 1}
    assert len(shared) == 19
    undecided = set()
    for name in shared:
        try:
            assert find_class(name).names[0].casefold() == name
        except ConfigError:
            undecided.add(name)
    assert {"crane", "maillot", "panther"} <= undecided
    assert not undecided & {"missile", "partridge"}


@pytest.mark.parametrize(
    ("text", "hint"), [("starfsh", "starfish"), ("tabbi cat", "tabby cat"), ("cat", "tabby cat")]
)
def test_a_miss_suggests_names(text: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=rf"Did you mean .*{hint}"):
        find_class(text)


def test_a_miss_without_a_neighbour_says_where_to_look() -> None:
    with pytest.raises(ConfigError, match=r"'qqqqqq'.*--list-classes"):
        find_class("qqqqqq")


def test_an_index_out_of_range_names_the_range() -> None:
    with pytest.raises(ConfigError, match=r"1000 does not exist.*0 to 999"):
        find_class("1000")


def test_a_pattern_looks_in_names_descriptions_and_ids() -> None:
    assert list_classes("STARFISH")[0].index == 327
    assert [c.index for c in list_classes("n02317335")] == [327]
    assert [c.index for c in list_classes("327")] == [327]
    assert 327 in [c.index for c in list_classes("echinoderm")]
    assert list_classes("no such thing") == []
    assert len(list_classes()) == 1000


def test_weights_follow_a_colon() -> None:
    parsed = parse_classes(("starfish", "tabby cat:2", "n02317335:0.5", "7:3"))
    assert [(c.index, weight) for c, weight in parsed] == [
        (327, 1.0),
        (281, 2.0),
        (327, 0.5),
        (7, 3.0),
    ]


@pytest.mark.parametrize("weight", ["", "x", "0", "-1", "nan", "inf"])
def test_a_weight_that_is_none_is_refused(weight: str) -> None:
    with pytest.raises(ConfigError, match=r"weight of class .* above 0"):
        parse_classes((f"starfish:{weight}",))


def test_reading_the_classes_imports_no_torch() -> None:
    code = (
        "import sys; from ldfilter.classes import list_classes; list_classes('cat');"
        "sys.exit(any(m in sys.modules for m in ('torch', 'timm', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
