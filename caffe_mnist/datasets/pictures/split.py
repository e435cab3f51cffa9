"""The order of pictures, and their division into those to train on and those to validate with.

Both are drawn from a seed and from the pictures' names and classes: the same on every machine.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections import defaultdict
from dataclasses import replace

from caffe_mnist.datasets.pictures.listing import Entry, Listing
from caffe_mnist.errors import CaffeMnistError


def split(listing: Listing, share: float, seed: int) -> tuple[Listing, Listing]:
    """The pictures without, and with, about `share` of each class; each side in the old order.

    Of every class with two pictures or more each side has at least one; a single one stays on
    the first. Which ones go depends on `seed` and the names, not on the order. Raises
    CaffeMnistError when nothing would go.
    """
    classes: dict[int, list[tuple[bytes, int]]] = defaultdict(list)
    for place, entry in enumerate(listing.entries):
        if entry.name:
            classes[entry.label].append((_draw(entry, seed), place))
    away: set[int] = set()
    for places in classes.values():
        places.sort()
        wanted = int(share * len(places) + 0.5)
        count = max(1, min(len(places) - 1, wanted)) if len(places) > 1 else 0
        away.update(place for _, place in places[:count])
    if not away:
        raise CaffeMnistError(
            f"--val {share:g} takes no picture", hint="no class has two of them or more"
        )
    sides = ([], [])  # type: tuple[list[Entry], list[Entry]]
    for place, entry in enumerate(listing.entries):
        if entry.name:
            sides[place in away].append(entry)
    stay, go = (replace(listing, entries=tuple(side)) for side in sides)
    return stay, go


def shuffled(listing: Listing, seed: int) -> Listing:
    """The pictures in an order drawn from `seed`."""
    entries = [entry for entry in listing.entries if entry.name]
    draw = random.Random(seed).random  # the one sequence that no version of Python changes
    order = sorted((draw(), place) for place in range(len(entries)))
    return replace(listing, entries=tuple(entries[place] for _, place in order))


def _draw(entry: Entry, seed: int) -> bytes:
    name = b"%d\0%d\0" % (seed, entry.label) + os.fsencode(entry.name)
    return hashlib.sha256(name).digest()[:16]
