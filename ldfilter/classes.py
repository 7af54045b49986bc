"""ImageNet's thousand classes: names, synonyms, WordNet ids and descriptions.

The data files are timm's (`timm.data.ImageNetInfo` serves the same ones). They are read from the
installed distribution without importing timm, which would import torch.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from ldfilter.errors import ConfigError, LdfilterError


@dataclass(frozen=True, slots=True)
class ImageClass:
    """One of the 1000 classes that the networks know.

    Attributes:
        index: place of the class among the network's logits, 0 to 999.
        wordnet_id: for instance "n02317335".
        names: the synonyms, the usual one first.
        description: WordNet's definition.
    """

    index: int
    wordnet_id: str
    names: tuple[str, ...]
    description: str

    @property
    def name(self) -> str:
        """The usual name."""
        return self.names[0]

    def __str__(self) -> str:
        return f"{self.index} ({', '.join(self.names)}: {self.description})"


def list_classes(pattern: str = "") -> list[ImageClass]:
    """Classes in the order of their index.

    Args:
        pattern: keeps the classes with this text in a name or the description, or with this index
            or WordNet id. Upper and lower case are the same.
    """
    wanted = pattern.strip().casefold()
    return [c for c in _classes() if _matches(c, wanted)]


def find_class(text: str) -> ImageClass:
    """The class with this index, WordNet id or name (any synonym, in upper or lower case).

    Nineteen synonyms belong to two classes. Such a name means the class that has it as its first
    name, if that is exactly one.

    Raises:
        ConfigError: no class is called so, or two are and neither comes first.
    """
    wanted = " ".join(text.replace("_", " ").split()).casefold()
    if wanted.isascii() and wanted.isdigit():
        return _by_index(int(wanted))
    found = _by_name().get(wanted, ())
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigError(
            f"no ImageNet class is called {text!r}.{_near(wanted)} "
            "--list-classes [PATTERN] shows their names."
        )
    first = [c for c in found if c.name.casefold() == wanted]
    if len(first) == 1:
        return first[0]
    candidates = " or ".join(map(str, found))
    raise ConfigError(f"{text!r} can mean class {candidates}. Give the number instead.")


def parse_classes(texts: Iterable[str]) -> tuple[tuple[ImageClass, float], ...]:
    """Classes with their weights from texts like "starfish" or "tabby cat:2".

    Raises:
        ConfigError: an unknown class, or a weight that is not a number above 0.
    """
    return tuple(_parse_class(text) for text in texts)


def _parse_class(text: str) -> tuple[ImageClass, float]:
    name, colon, weight = text.rpartition(":")
    if not colon:
        return find_class(text), 1.0
    try:
        value = float(weight)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ConfigError(f"the weight of class {text!r} must be a number above 0, not {weight!r}.")
    return find_class(name), value


def _by_index(index: int) -> ImageClass:
    classes = _classes()
    if index >= len(classes):
        raise ConfigError(f"class {index} does not exist; they go from 0 to {len(classes) - 1}.")
    return classes[index]


def _near(wanted: str) -> str:
    """A sentence with the names nearest to a misspelt or too general one, or ""."""
    names = list(_by_name())
    # "cat" is no class, but "tabby cat" is; names that end so come before "cat bear".
    near = [name for name in names if wanted in name.split()]
    near.sort(key=lambda name: not name.endswith(wanted))
    near = near or difflib.get_close_matches(wanted, names, n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(map(repr, near[:4]))}?" if near else ""


def _matches(item: ImageClass, wanted: str) -> bool:
    texts = (*item.names, item.description)
    if wanted in (str(item.index), item.wordnet_id):
        return True
    return any(wanted in text.casefold() for text in texts)


@cache
def _by_name() -> dict[str, tuple[ImageClass, ...]]:
    """Every name and WordNet id in lower case, with the classes that it may mean."""
    table: dict[str, tuple[ImageClass, ...]] = {}
    for item in _classes():
        for name in (*item.names, item.wordnet_id):
            key = name.casefold()
            table[key] = (*table.get(key, ()), item)
    return table


@cache
def _classes() -> tuple[ImageClass, ...]:
    synsets = _read("imagenet_synsets.txt").split()
    lemmas = _table("imagenet_synset_to_lemma.txt")
    definitions = _table("imagenet_synset_to_definition.txt")
    return tuple(
        ImageClass(index, synset, tuple(lemmas[synset].split(", ")), definitions[synset])
        for index, synset in enumerate(synsets)
    )


def _table(filename: str) -> dict[str, str]:
    rows = (line.partition("\t") for line in _read(filename).splitlines())
    return {key: value for key, _, value in rows}


def _read(filename: str) -> str:
    try:
        folder = metadata.distribution("timm").locate_file("timm/data/_info")
        return (Path(str(folder)) / filename).read_text(encoding="utf-8")
    except (metadata.PackageNotFoundError, OSError) as error:
        raise LdfilterError(
            f"the names of the ImageNet classes ({filename}) come with timm, which is missing or "
            "damaged; install it with: pip install timm"
        ) from error
