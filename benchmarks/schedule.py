"""How soon the class that judges see has changed once a scheduled change has faded in.

python -m benchmarks.schedule
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.material import clip, dream, dreamed, table
from ldfilter.classes import parse_classes
from ldfilter.measure import JUDGES, control, load_judges

CLASSES = ("jellyfish", "snail", "peacock", "starfish")
EVERY, FADE = 24, 10
"""A change every so many frames, that takes so many; bunny has 25 a second."""
WITHIN = 5


def rows(look: str) -> Iterator[list[object]]:
    """Per change and judge: how many frames after its fade the new class leads the old ones, and
    its rank then."""
    judges = load_judges()
    wanted = [parse_classes([name])[0][0].index for name in CLASSES]
    entries = [f"{k * EVERY / 25}s: {name}" for k, name in enumerate(CLASSES)]
    content = clip("bunny", 0, EVERY * len(CLASSES) - 1, work_height=270)
    frames = list(dream(content, look, schedule__changes=entries, schedule__fade=FADE / 25))
    for number in range(1, len(CLASSES)):
        faded = number * EVERY + FADE
        for name, judge in zip(JUDGES, judges, strict=True):
            ranks = []
            for late in range(WITHIN + 1):
                image = dreamed(frames[faded + late])
                seen = {index: control(image, index, judge=judge).rank for index in wanted}
                ranks.append(seen[wanted[number]])
                if min(seen, key=lambda index: seen[index]) == wanted[number] and ranks[-1] == 1:
                    break
            yield [look, CLASSES[number], name, late, *ranks[-1:]]


def main() -> None:
    head = ("look", "change to", "judge", "frames after the fade, must 5", "median rank then")
    for look in ("long-term", "short-term"):
        table(head, rows(look))


if __name__ == "__main__":
    main()
