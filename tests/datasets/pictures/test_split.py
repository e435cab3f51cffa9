"""Pictures to train with and to validate with: balanced, and drawn the same on every machine."""

from __future__ import annotations

from collections import Counter

import pytest

from caffe_mnist.datasets.pictures.listing import Entry, Listing
from caffe_mnist.datasets.pictures.split import shuffled, split
from caffe_mnist.errors import CaffeMnistError

DRAWN = ["0/3.jpg", "0/4.jpg", "0/8.jpg"]
ORDER = [0, 3, 5, 4, 6, 2, 7, 1]
COUNTS = {0: 100, 1: 10, 2: 3, 3: 2, 4: 1}


def listing(counts: dict[int, int] = COUNTS) -> Listing:
    """So many pictures of each label, and a line of a list with nothing on it."""
    entries = [Entry(f"{label}/{k}.jpg", label) for label, n in counts.items() for k in range(n)]
    return Listing("/p/", (*entries[:5], Entry("", 0), *entries[5:]), ("a", "b"), "folders")


def test_each_class_gives_its_share() -> None:
    """The share of each class goes; one picture at least stays and goes, of two or more."""
    stay, go = split(listing(), 0.2, seed=3)
    assert Counter(entry.label for entry in go.entries) == {0: 20, 1: 2, 2: 1, 3: 1}
    assert Counter(entry.label for entry in stay.entries) == {0: 80, 1: 8, 2: 2, 3: 1, 4: 1}
    _, most = split(listing(), 0.99, seed=3)
    assert Counter(entry.label for entry in most.entries) == {0: 99, 1: 9, 2: 2, 3: 1}


def test_no_picture_is_lost_or_on_both_sides() -> None:
    """The two sides are the whole, in the old order, and empty lines are on none."""
    whole = [entry for entry in listing().entries if entry.name]
    stay, go = split(listing(), 0.3, seed=0)
    assert sorted([*stay.entries, *go.entries]) == sorted(whole)
    for side in (stay, go):
        assert list(side.entries) == [entry for entry in whole if entry in set(side.entries)]
        assert (side.root, side.classes, side.form) == ("/p/", ("a", "b"), "folders")


def test_the_draw_follows_from_seed_and_names_alone() -> None:
    """Not from the order; another seed draws others; these very pictures on every machine."""
    found = listing({0: 10})
    turned = Listing(found.root, found.entries[::-1], found.classes, found.form)
    _, go = split(found, 0.3, seed=7)
    _, again = split(turned, 0.3, seed=7)
    _, others = split(found, 0.3, seed=8)
    assert set(go.entries) == set(again.entries) != set(others.entries)
    assert [entry.name for entry in go.entries] == DRAWN


def test_nothing_to_validate_with_is_refused() -> None:
    """Classes of one picture each give none away."""
    with pytest.raises(CaffeMnistError, match="takes no picture"):
        split(listing({0: 1, 1: 1}), 0.5, seed=0)


def test_shuffled() -> None:
    """All pictures, in an order that follows from the seed: this one, on every machine."""
    found = shuffled(listing({0: 8}), seed=1)
    assert sorted(found.entries) == sorted(entry for entry in listing({0: 8}).entries if entry.name)
    assert [int(entry.name[2]) for entry in found.entries] == ORDER
    assert shuffled(listing({0: 8}), seed=2) != found
