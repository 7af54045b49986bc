"""Random tiles (LucidDream, A.1): roll the picture to a random origin, cut it, put it back.

Convention: an origin is (y, x), the pixel that becomes the first one after the roll.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

COVERED = 0.7
"""How much less a pixel needs a second origin than a first one."""

Origin = tuple[int, int]


def draw_origins(
    count: int, *, size: tuple[int, int], sampling: str, generator: torch.Generator
) -> list[Origin]:
    """`count` origins over a picture of `size` (h, w).

    "uniform" draws them independently, as the paper does. "low-discrepancy" walks Roberts'
    R2 sequence from a random start, so that few draws cover the picture evenly.
    """
    if sampling == "uniform":
        points = torch.rand(count, 2, generator=generator, dtype=torch.float64)
    else:
        # 1/g and 1/g^2 for the plastic number g (M. Roberts, 2018).
        stride = torch.tensor([0.7548776662466927, 0.5698402909980532], dtype=torch.float64)
        start = torch.rand(1, 2, generator=generator, dtype=torch.float64)
        points = (start + torch.arange(count).unsqueeze(1) * stride) % 1
    return [(int(y * size[0]), int(x * size[1])) for y, x in points.tolist()]


def aim_origins(count: int, candidates: list[Origin], *, mask: Tensor, tile: int) -> list[Origin]:
    """The `count` of `candidates` whose tiles cover most of `mask` (1, 1, h, w), greedily.

    What one origin has covered counts less for the next, so that nothing of the mask is left out.
    """
    # Coarse is enough to choose by, and costs nothing beside a network call.
    grid = max(1, tile // 16)
    need = F.avg_pool2d(mask, grid, ceil_mode=True)[0, 0]
    rows, columns = (
        torch.stack([_covered(mask.shape[axis], o[axis - 2], tile, grid) for o in candidates])
        for axis in (2, 3)
    )
    covers = (rows.unsqueeze(2) * columns.unsqueeze(1)).to(need)
    chosen = []
    for _ in range(count):
        best = int((covers * need).sum(dim=(1, 2)).argmax())
        chosen.append(candidates[best])
        need = need * (1 - COVERED * covers[best])
    return chosen


def _covered(length: int, start: int, tile: int, grid: int) -> Tensor:
    """The part of every `grid` px of a line that the tiles from `start` on cover."""
    line = torch.zeros(1, length)
    line[:, : length // tile * tile] = 1
    return F.avg_pool1d(line.roll(start, 1), grid, ceil_mode=True)[0]


def cut(image: Tensor, origin: Origin, tile: int) -> Tensor:
    """The floor(h/tile) x floor(w/tile) tiles of `image` (1, C, h, w) from `origin` on.

    Returns:
        (B, C, tile, tile), row by row.

    Raises:
        ValueError: a side of the image is shorter than the tile.
    """
    _, channels, height, width = image.shape
    rows, columns = height // tile, width // tile
    if not rows or not columns:
        raise ValueError(f"a picture of {height}x{width} has no tile of {tile}x{tile}")
    rolled = torch.roll(image, (-origin[0], -origin[1]), dims=(2, 3))
    inner = rolled[0, :, : rows * tile, : columns * tile]
    grid = inner.reshape(channels, rows, tile, columns, tile)
    return grid.permute(1, 3, 0, 2, 4).reshape(rows * columns, channels, tile, tile)


def cover_tiles(image: Tensor, tile: int) -> Iterator[Tensor]:
    """Tiles (1, C, tile, tile) that cover `image`, spread evenly, overlapping where they must."""
    _, _, height, width = image.shape
    rows, columns = (_spread(length, tile) for length in (height, width))
    for top in rows:
        for left in columns:
            yield image[:, :, top : top + tile, left : left + tile]


def _spread(length: int, tile: int) -> list[int]:
    """Where as few tiles as cover `length` begin."""
    count = max(1, -(-length // tile))
    room = max(0, length - tile)
    return [round(room * k / max(1, count - 1)) for k in range(count)]


def paste(image: Tensor, tiles: Tensor, origin: Origin) -> Tensor:
    """`image` with `tiles` put back where `cut` took them; the margin keeps its pixels."""
    _, channels, height, width = image.shape
    tile = tiles.shape[-1]
    rows, columns = height // tile, width // tile
    grid = tiles.reshape(rows, columns, channels, tile, tile).permute(2, 0, 3, 1, 4)
    rolled = torch.roll(image, (-origin[0], -origin[1]), dims=(2, 3))
    rolled[0, :, : rows * tile, : columns * tile] = grid.reshape(
        channels, rows * tile, columns * tile
    )
    return torch.roll(rolled, origin, dims=(2, 3))


def octave_sizes(
    size: tuple[int, int], octaves: tuple[float, ...], *, tile: int
) -> dict[tuple[int, int], int]:
    """Sizes (h, w) to dream at, smallest first, with how many octaves each stands for.

    An octave whose shorter side is below `tile` becomes the size whose shorter side is `tile`;
    octaves that become equal merge and keep the work of each.
    """
    merged: dict[tuple[int, int], int] = {}
    for octave in sorted(octaves):
        scale = max(octave, tile / min(size))
        scaled = (max(tile, round(size[0] * scale)), max(tile, round(size[1] * scale)))
        merged[scaled] = merged.get(scaled, 0) + 1
    return merged
