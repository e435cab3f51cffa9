"""The confusion matrix and what follows from it, against plain counting."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from caffe_mnist.evaluation.confusion import Confusion


def test_precision_and_recall_are_those_of_plain_counting() -> None:
    """Of random answers, class by class; a class without pictures has no recall."""
    random = np.random.default_rng(3)
    names = ["a", "b", "c", "never"]
    pairs = [(int(t), int(p)) for t, p in random.integers(0, 3, (200, 2))]
    found = Confusion(names)
    for true, predicted in pairs:
        found.add(true, predicted)
    assert found.total == 200
    assert found.accuracy == pytest.approx(sum(t == p for t, p in pairs) / 200)
    for index, one in enumerate(found.classes()[:3]):
        right = sum(t == p == index for t, p in pairs)
        assert one.precision == pytest.approx(right / sum(p == index for _, p in pairs))
        assert one.recall == pytest.approx(right / sum(t == index for t, _ in pairs))
        assert one.precision is not None
        assert one.recall is not None
        f1 = 2 * one.precision * one.recall / (one.precision + one.recall)
        assert one.f1 == pytest.approx(f1)
    never = found.classes()[3]
    assert (never.precision, never.recall, never.f1) == (None, None, None)


def test_as_text_and_as_a_table() -> None:
    """Aligned on a terminal; with all names in CSV; commonest mistakes where there are many."""
    found = Confusion(["cat", "a long name, with a comma"])
    for pair in [(0, 0), (0, 1), (0, 1), (1, 1)]:
        found.add(*pair)
    head, first, second = found.text()
    assert head.split() == ["cat", "a", "long", "…"]
    assert [line.split()[-2:] for line in (first, second)] == [["1", "2"], [".", "1"]]
    rows = list(csv.reader(io.StringIO(found.csv())))
    assert rows == [
        ["true \\ predicted", "cat", "a long name, with a comma"],
        ["cat", "1", "2"],
        ["a long name, with a comma", "0", "1"],
    ]
    many = Confusion([str(number) for number in range(30)])
    for _ in range(3):
        many.add(4, 9)
    many.add(7, 1)
    many.add(7, 7)
    assert [line.split() for line in many.text()] == [
        ["3", "×", "4", "taken", "for", "9"],
        ["1", "×", "7", "taken", "for", "1"],
    ]
