"""Pictures of 256 colours for GIF, each with the palette that suits it best."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import av.filter


class Palette:
    """Turns `av` pictures in rgb24 into pal8 with dithering; one per output.

    Bayer dithering stays still from frame to frame where error diffusion crawls.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        graph = av.filter.Graph()
        height, width = size
        self._source = graph.add_buffer(
            width=width, height=height, format=av.VideoFormat("rgb24"), time_base=Fraction(1, 100)
        )
        split = graph.add("split")
        palette = graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
        use = graph.add("paletteuse", "dither=bayer:bayer_scale=3:new=1")
        self._sink = graph.add("buffersink")
        self._source.link_to(split)
        split.link_to(palette, 0, 0)
        split.link_to(use, 1, 0)
        palette.link_to(use, 0, 1)
        use.link_to(self._sink)
        graph.configure()
        self._graph, self._count = graph, 0

    def __call__(self, picture: Any) -> Any:
        """The picture in pal8."""
        picture.pts = self._count
        self._count += 1
        self._source.push(picture)
        return self._sink.pull()
