"""Pooling in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case


def _pooling(
    name: str, settings: str, shape: tuple[int, ...] = (2, 3, 8, 9), tops: int = 1
) -> Case:
    return Case(f"pooling-{name}", "Pooling", f"pooling_param {{ {settings} }}", (shape,), tops)


CASES = [
    _pooling("max", "pool: MAX kernel_size: 2 stride: 2"),
    _pooling("max-ceil", "pool: MAX kernel_size: 3 stride: 2"),
    _pooling("max-pad", "pool: MAX kernel_size: 3 stride: 2 pad: 1"),
    _pooling("max-wide-pad", "pool: MAX kernel_size: 3 stride: 2 pad: 2"),
    _pooling("max-wide-mask", "pool: MAX kernel_size: 5 stride: 3 pad: 3", tops=2),
    _pooling("ave-wider-pad", "pool: AVE kernel_size: 5 stride: 4 pad: 4"),
    _pooling("max-floor", "pool: MAX kernel_size: 3 stride: 2 round_mode: FLOOR"),
    _pooling("max-mask", "pool: MAX kernel_size: 3 stride: 2", tops=2),
    _pooling("max-global", "pool: MAX global_pooling: true"),
    _pooling("max-sparse", "pool: MAX kernel_size: 1 stride: 3", (2, 3, 7, 7)),
    _pooling("max-uneven", "pool: MAX kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 2"),
    _pooling("max-beyond", "pool: MAX kernel_size: 4 stride: 3", (2, 3, 2, 9)),
    _pooling("max-beyond-mask", "pool: MAX kernel_size: 3 stride: 2", (2, 3, 2, 2), tops=2),
    _pooling("ave-beyond", "pool: AVE kernel_size: 6 stride: 2 pad: 1", (2, 3, 3, 8)),
    _pooling("ave", "pool: AVE kernel_size: 2 stride: 2"),
    _pooling("ave-ceil", "pool: AVE kernel_size: 3 stride: 2"),
    _pooling("ave-pad", "pool: AVE kernel_size: 3 stride: 2 pad: 1"),
    _pooling("ave-wide-pad", "pool: AVE kernel_size: 3 stride: 1 pad: 2"),
    _pooling("ave-behind", "pool: AVE kernel_size: 1 stride: 3", (2, 3, 8, 7)),
    _pooling("ave-global", "pool: AVE global_pooling: true"),
]
