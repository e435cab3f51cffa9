"""What a Data layer's `source` may say beside a database's path: parts of datasets, and mixtures.

    PATH[?KEY=VALUE[&KEY=VALUE...]][;PATH...]

`set=val` names the set of an index, `first=0.5` or `first=1000` keeps the first records,
`sample=0.1&seed=7` keeps some that are drawn, `shuffle=1&seed=7` gives them in another order each
time through, `weight=3` is a share in a mixture. Anything else behind a question mark belongs to
the path, as in Caffe.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

KEYS = ("set", "first", "sample", "seed", "shuffle", "weight")
_QUERY = re.compile(r"(?:{0})=[^?&;]*(?:&(?:{0})=[^?&;]*)*\Z".format("|".join(KEYS)))


@dataclass(frozen=True)
class Piece:
    """One dataset of a source: its path, and the options behind the question mark."""

    path: str
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        query = "&".join(f"{key}={value}" for key, value in self.options)
        return f"{self.path}?{query}" if query else self.path


def split_source(source: str) -> list[Piece]:
    """The datasets that a source names; only one of them unless `;` stands between several."""
    return [_piece(text) for text in _texts(source)]


def with_paths(source: str, change: Callable[[str], str]) -> str:
    """`source` with its paths changed, all else to the letter."""
    paths = ((text, _piece(text).path) for text in _texts(source))
    return ";".join(text.replace(path, change(path), 1) if path else text for text, path in paths)


def _texts(source: str) -> list[str]:
    texts = source.split(";")
    return texts if all(text.strip() for text in texts) else [source]


def _piece(text: str) -> Piece:
    path, mark, query = text.strip().rpartition("?")
    if not mark or not path or not _QUERY.match(query):
        return Piece(text.strip() or text)
    options = (option.partition("=") for option in query.split("&"))
    return Piece(path, tuple((key, value) for key, _, value in options))
