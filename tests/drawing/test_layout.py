"""Places of boxes and ways of arrows."""

from __future__ import annotations

import itertools
import random

import pytest

from caffe_mnist.drawing.layout import lay_out

SIZE = (40.0, 20.0)


def test_a_chain_is_a_straight_line() -> None:
    """Boxes under each other, `step` between them, and ways that do not bend."""
    found = lay_out([SIZE, (60.0, 30.0), SIZE], [(0, 1), (1, 2)], step=10)
    assert found.centres == [(30, 10), (30, 45), (30, 80)]
    assert found.ways[0] == [(30, 20), (30, 30)]
    assert (found.across, found.along) == (60, 90)


def test_a_fork_is_symmetric() -> None:
    """What comes from one box and goes to one box has it in the middle."""
    edges = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)]
    found = lay_out([SIZE] * 5, edges, gap=20)
    places = [across for across, _ in found.centres]
    assert sorted(places[1:4]) == pytest.approx([20, 80, 140])
    assert places[0] == places[4] == pytest.approx(80)


def test_a_source_stands_right_before_what_it_feeds() -> None:
    """A label's input is not at the beginning when only the loss reads it."""
    found = lay_out([SIZE] * 4, [(0, 1), (1, 2), (3, 2)])
    assert found.centres[3][1] == found.centres[1][1]


@pytest.mark.parametrize("seed", range(5))
def test_boxes_never_overlap_and_ways_avoid_them(seed: int) -> None:
    """In graphs of any form: arrows lead forward, and pass other boxes at their sides."""
    chance = random.Random(seed)
    count = 40
    sizes = [(chance.uniform(20, 90), chance.uniform(15, 60)) for _ in range(count)]
    pairs = [(a, b) for a in range(count) for b in range(a + 1, min(count, a + 9))]
    edges = chance.sample(pairs, 60)
    found = lay_out(sizes, edges, gap=10)
    boxes = [
        (x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (x, y), (w, h) in zip(found.centres, sizes)
    ]
    for one, other in itertools.combinations(boxes, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart
    for (a, b), way in zip(edges, found.ways):
        assert found.centres[a][1] < found.centres[b][1]
        for (x0, y0), (x1, y1) in zip(way[1::2], way[2::2]):
            assert x0 == x1
            assert y0 <= y1
            for left, top, right, bottom in boxes:
                crosses = left < x0 < right and top < y1 and bottom > y0
                assert not crosses
    assert min(box[0] for box in boxes) >= -1e-9
    assert max(box[2] for box in boxes) <= found.across + 1e-9


def test_nothing_is_laid_out_too() -> None:
    """A graph without boxes has no size, one of single boxes puts them side by side."""
    assert lay_out([], []).across == 0
    assert lay_out([SIZE] * 3, [], gap=10).across == 140


def test_short_cuts_do_not_push_a_chain_aside() -> None:
    """Fifty residual blocks, one after the other, take no more room than one."""
    edges, count = [], 50
    for block in range(count):
        first = 3 * block
        edges += [(first, first + 1), (first + 1, first + 2), (first + 2, first + 3)]
        edges.append((first, first + 3))
    one = lay_out([SIZE] * 4, edges[:4])
    assert lay_out([SIZE] * (3 * count + 1), edges).across == pytest.approx(one.across, abs=1)
