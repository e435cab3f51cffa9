"""What a Data layer's `source` names: a database, an index, a part of one, or a mixture of them.

`schema/sources.py` has the form. A mixture gives, of every W records (the sum of the weights in
smallest whole numbers), as many of each dataset as its weight, evenly spread and in an order
that is always the same; each dataset starts over by itself when it is through.
"""

from __future__ import annotations

import math
import os
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from caffe_mnist.datasets.chosen import Chosen, Record, Source, draw
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.index import TRAIN, index_at, read_index
from caffe_mnist.datasets.joined import Joined
from caffe_mnist.datasets.shuffled import Shuffled
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema.sources import KEYS, Piece, split_source

# Opens a path that is no index.
Open = Callable[[str], Source]
# More records than these in a round of a mixture are weights that were typed in by mistake.
LONGEST_ROUND = 100_000


def open_source(source: str, database: Open = Database) -> Source | Mixture:
    """What `source` names, opened; what is no index by `database`.

    Raises CaffeMnistError for paths that lead nowhere, and for options that make no sense.
    """
    pieces = [Piece(source)] if os.path.isdir(source) else split_source(source)
    opened = [open_piece(piece, database, mixed=len(pieces) > 1) for piece in pieces]
    if len(opened) == 1:
        return opened[0]
    return Mixture(source, opened, [_weight(piece) for piece in pieces])


def open_finite(source: str | os.PathLike[str]) -> Source:
    """A source to be read once, from its first record to its last; a mixture has none."""
    opened = open_source(os.fspath(source))
    if isinstance(opened, Mixture):
        opened.close()
        raise CaffeMnistError("a mixture of datasets has no end", where=source)
    return opened


def open_piece(piece: Piece, database: Open = Database, *, mixed: bool = False) -> Source:
    """One dataset, or the part of it that the options say."""
    options = dict(piece.options)
    where = str(piece)
    if len(options) < len(piece.options):
        raise CaffeMnistError("gives one option twice", where=where)
    if "weight" in options and not mixed:
        raise CaffeMnistError("weight is for several datasets with ; between them", where=where)
    if options.get("shuffle", "0") not in ("0", "1"):
        what = f"shuffle={options['shuffle']}: neither 1 nor 0"
        raise CaffeMnistError(what, where=where)
    if "seed" in options and not {"sample", "shuffle"} & set(options):
        raise CaffeMnistError("seed is for sample and shuffle", where=where)
    index = index_at(piece.path)
    if index is not None:
        source: Source = Joined(read_index(index), options.get("set", TRAIN))
    elif "set" in options:
        raise CaffeMnistError("is no index, so it has no sets", where=where)
    else:
        source = _opened(piece.path, database)
    if "first" in options:
        source = Chosen(source, range(_count(options["first"], "first", len(source), where)))
    if "sample" in options:
        count = _count(options["sample"], "sample", len(source), where)
        source = Chosen(source, draw(len(source), count, _seed(options.get("seed", "0"), where)))
    if options.get("shuffle") == "1":
        return Shuffled(source, _seed(options.get("seed", "0"), where))
    return source


def _opened(path: str, database: Open) -> Source:
    """What is no index; of one that is not there, what its `?` may have been meant to say."""
    try:
        return database(path)
    except CaffeMnistError as error:
        before, _, after = path.rpartition("?")
        if before and os.path.exists(before) and not os.path.lexists(path):
            error.hint = f"{after!r} is no option; known behind a ?: {', '.join(KEYS)}"
        raise


class Mixture:
    """Several sources with weights, as one stream of records without an end."""

    def __init__(self, path: str, sources: Sequence[Source], weights: Sequence[Fraction]) -> None:
        """`weights` are positive; raises CaffeMnistError where a round would be too long."""
        self.path = path
        self.sources = sources
        scale = math.lcm(*(weight.denominator for weight in weights))
        shares = [int(weight * scale) for weight in weights]
        common = math.gcd(*shares)
        self.shares = [share // common for share in shares]
        if sum(self.shares) > LONGEST_ROUND:
            what = f"the weights {self.shares} need rounds of {sum(self.shares)} records"
            raise CaffeMnistError(what, where=path, hint="round them")
        self.round = _round(self.shares)

    def __len__(self) -> int:
        """The records of all sources."""
        return sum(map(len, self.sources))

    def close(self) -> None:
        """Close the sources."""
        for source in self.sources:
            source.close()

    def endless(self, start: int, restarted: Callable[[], None]) -> Iterator[Record]:
        """Records from number `start` of the stream on; `restarted`: one is through."""
        rounds, into = divmod(start, len(self.round))
        taken = [rounds * share for share in self.shares]
        for which in self.round[:into]:
            taken[which] += 1
        streams = [endless(source, at, restarted) for source, at in zip(self.sources, taken)]
        order = self.round[into:]
        while True:
            for which in order:
                yield next(streams[which])
            order = self.round


def endless(
    source: Source | Mixture, start: int, restarted: Callable[[], None]
) -> Iterator[Record]:
    """The records over and over, from number `start` of that stream on."""
    if isinstance(source, (Mixture, Shuffled)):
        yield from source.endless(start, restarted)
        return
    start %= len(source)
    while True:
        yield from source.records(start)
        start = 0
        restarted()


def _round(shares: Sequence[int]) -> array[int]:
    """Which source gives each record of a round: number k of a share s is due at (k + 1/2) / s."""
    whole = math.lcm(*shares)
    due = sorted(
        ((2 * k + 1) * (whole // share), which)
        for which, share in enumerate(shares)
        for k in range(share)
    )
    return array("L", (which for _, which in due))


def _count(text: str, name: str, total: int, where: str) -> int:
    """How many of `total` records: a part from 0 to 1 with a point, or a number of records."""
    number = _decimal(text)
    if "." in text and 0 < number <= 1:
        return max(1, int(number * total))
    if "." not in text and 0 < number <= total:
        return int(number)
    what = f"{name}={text}: neither a part (above 0., up to 1.0) nor a number from 1 to {total}"
    raise CaffeMnistError(what, where=where)


def _seed(text: str, where: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise CaffeMnistError(f"seed={text}: no whole number", where=where)
    return int(text)


def _weight(piece: Piece) -> Fraction:
    text = dict(piece.options).get("weight", "1")
    weight = _decimal(text)
    if weight <= 0:
        raise CaffeMnistError(f"weight={text}: no positive number", where=str(piece))
    return weight


def _decimal(text: str) -> Fraction:
    """An exact decimal number; -1 for anything else."""
    return Fraction(text) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?", text) else Fraction(-1)
