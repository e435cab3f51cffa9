"""Slice, Crop and Tile in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case

Shapes = tuple[tuple[int, ...], ...]


def _slice(name: str, settings: str, shape: tuple[int, ...], tops: int) -> Case:
    return Case(f"slice-{name}", "Slice", f"slice_param {{ {settings} }}", (shape,), tops)


def _crop(name: str, settings: str, bottoms: Shapes) -> Case:
    return Case(f"crop-{name}", "Crop", f"crop_param {{ {settings} }}", bottoms)


def _tile(name: str, settings: str, shape: tuple[int, ...] = (2, 3, 4, 5)) -> Case:
    return Case(f"tile-{name}", "Tile", f"tile_param {{ {settings} }}", (shape,))


CASES = [
    _slice("equal", "", (2, 6, 3, 4), 3),
    _slice("points", "slice_point: 1 slice_point: 3", (2, 6, 3, 4), 3),
    _slice("axis-0", "axis: 0 slice_point: 3", (5, 2), 2),
    _slice("negative", "axis: -1 slice_point: 2", (2, 3, 7), 2),
    _slice("dim", "slice_dim: 2", (2, 3, 4, 2), 2),
    _slice("dim-0", "slice_dim: 0", (4, 3), 4),
    _slice("one", "", (2, 3, 4), 1),
    _slice("vector", "axis: 0 slice_point: 6", (7,), 2),
    _slice("last-one", "slice_point: 2 slice_point: 5", (2, 6, 3), 3),
    _slice("five-axes", "axis: 3", (2, 3, 2, 4, 2), 2),
    _crop("default", "", ((2, 3, 7, 8), (1, 1, 4, 5))),
    _crop("offset", "offset: 2", ((2, 3, 7, 8), (1, 9, 4, 5))),
    _crop("offsets", "offset: 2 offset: 3", ((2, 3, 7, 8), (2, 3, 4, 5))),
    _crop("axis-1", "axis: 1 offset: 1 offset: 0 offset: 3", ((2, 3, 7, 8), (5, 2, 4, 5))),
    _crop("axis-0", "axis: 0 offset: 1", ((3, 3, 4), (2, 2, 3))),
    _crop("negative", "axis: -1 offset: 2", ((2, 3, 7, 8), (2, 3, 7, 5))),
    _crop("same", "", ((2, 3, 4, 5), (2, 3, 4, 5))),
    _crop("longer-second", "axis: 1", ((2, 3, 4), (1, 2, 3, 5))),
    _crop("five-axes", "axis: 3 offset: 1", ((2, 3, 4, 5, 4), (2, 3, 4, 3, 2))),
    _tile("default", "tiles: 3"),
    _tile("axis-0", "axis: 0 tiles: 2"),
    _tile("last", "axis: -1 tiles: 4"),
    _tile("middle", "axis: 2 tiles: 2"),
    _tile("once", "tiles: 1"),
    _tile("vector", "axis: 0 tiles: 5", (3,)),
    _tile("five-axes", "axis: 3 tiles: 2", (2, 1, 3, 2, 2)),
]
