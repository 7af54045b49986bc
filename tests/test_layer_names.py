from __future__ import annotations

import pytest

from ldfilter.errors import ConfigError
from ldfilter.layers import LayerChoice, parse_layers, split_weight


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("mixed4c", LayerChoice("mixed4c")),
        ("blocks.3.1:0.5", LayerChoice("blocks.3.1", (), 0.5)),
        ("conv4_2[3, 17]", LayerChoice("conv4_2", (3, 17))),
        ("conv4_2[3]:-1", LayerChoice("conv4_2", (3,), -1.0)),
        (" conv4_2 [3,4]:2", LayerChoice("conv4_2", (3, 4), 2.0)),
    ],
)
def test_layers_are_read(text: str, choice: LayerChoice) -> None:
    assert parse_layers([text]) == (choice,)


@pytest.mark.parametrize(
    "text", ["", "a[", "a[]", "a[ ]", "a[,]", "a[x]", "[3]", "a[3]b", "a:", "a:x", "a:nan", ":2"]
)
def test_a_text_that_is_no_layer_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"a layer is written|weight of layer"):
        parse_layers([text])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dog.jpg", ("dog.jpg", 1.0)),
        ("dog.jpg:0.5", ("dog.jpg", 0.5)),
        ("/a b/dog.jpg:2", ("/a b/dog.jpg", 2.0)),
        ("http://host:80/dog.jpg", ("http://host:80/dog.jpg", 1.0)),
        ("file:dog.jpg", ("file:dog.jpg", 1.0)),
        ("style:night", ("style:night", 1.0)),
        ("style:night:2", ("style:night", 2.0)),
        ("C:\\pictures\\dog.jpg", ("C:\\pictures\\dog.jpg", 1.0)),
    ],
)
def test_a_colon_before_a_slash_is_no_weight(text: str, expected: tuple[str, float]) -> None:
    assert split_weight(text, what="guide") == expected
