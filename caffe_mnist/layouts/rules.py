"""What becomes of a path: exact places first, then maps, then the folder of its role."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.layout import Layout


@dataclass(frozen=True)
class Rules:
    """How prototxts are changed.

    `folders` gives a folder for roles code, data and model (a role that is missing or empty
    keeps its paths); `maps` are pairs of path beginnings, old and new, which go before the
    folders; `exact` are pairs of whole paths, which go before the maps; `settings` are new
    values of scalar fields.
    """

    folders: dict[str, str] = field(default_factory=dict)
    maps: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    exact: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of_layout(cls, layout: Layout, suffix: str | None = None) -> Rules:
        """The rules that put every path into `layout`."""
        return cls({role: layout.folder(role, suffix) for role in ("code", "data", "model")})

    def path(self, old: str, role: str) -> str:
        """The new path for `old`, which leads to something of `role`."""
        known = dict(self.exact).get(old)
        if known is None:
            known = self._mapped(old)
        if known is not None:
            return known
        folder, parts = self.folders.get(role), _parts(old)
        if not folder or old in ("", "/") or parts[-1:] == [".."]:
            return old
        if role == "model" and old.endswith("/"):
            parts = []  # a snapshot_prefix that is a folder: Caffe adds the solver's name
        return _inside(folder, parts[-1:], old)

    def keeping_apart(self, paths: Iterable[tuple[str, str]]) -> Rules:
        """These rules, so that of `paths` (path, role) no two different ones become the same.

        `train/lmdb` and `test/lmdb` keep as much of their folders as tells them apart.
        """
        new: dict[str, set[str]] = {}
        for old, role in paths:
            new.setdefault(self.path(old, role), set()).add(old)
        exact = []
        for place, olds in new.items():
            parts = {old: _parts(old) for old in olds}
            if len(set(map(tuple, parts.values()))) < 2 or not self._moved(olds):
                continue
            longest = max(map(len, parts.values()))
            needed = next(
                size
                for size in range(1, longest + 1)
                if len({tuple(one[-size:]) for one in parts.values()}) == len(parts)
                or size == longest
            )
            folder = os.path.dirname(place.rstrip("/"))
            exact += [(old, _inside(folder, one[-needed:], old)) for old, one in parts.items()]
        return replace(self, exact=(*self.exact, *exact))

    def _moved(self, olds: Iterable[str]) -> bool:
        """Whether folders decide about all of `olds` (what is given by hand is meant so)."""
        given = dict(self.exact)
        return all(old not in given and self._mapped(old) is None for old in olds)

    def _mapped(self, old: str) -> str | None:
        """By the longest map whose old beginning is `old` or one of the folders above it."""
        old = _tidy(old)
        for start, new in sorted(self.maps, key=lambda pair: -len(_tidy(pair[0]).rstrip("/"))):
            start = _tidy(start).rstrip("/\\")
            rest = old[len(start) :]
            if not old or not old.startswith(start) or (rest and rest[0] not in "/\\"):
                continue
            if rest.startswith("\\"):
                rest = rest.replace("\\", "/")
            end = "/" if rest.endswith("/") else ""
            return os.path.join(new, rest.strip("/")).rstrip("/") + end or "."
        return None


def parse_map(text: str) -> tuple[str, str]:
    """`OLD=NEW` as a pair."""
    old, equals, new = text.partition("=")
    if not equals or not old:
        raise CaffeMnistError(f"{text!r} is no map", where="--map", hint="OLD=NEW")
    return old, new


def parse_setting(text: str) -> tuple[str, str]:
    """`KEY=VALUE` as a pair; `=` may stand between the brackets of a KEY."""
    match = re.match(r"\s*(?=[^\s=])((?:\[[^\]]*\]|[^=\[])+?)\s*=\s*(.*?)\s*$", text, re.DOTALL)
    if match is None:
        raise CaffeMnistError(f"{text!r} is no setting", where="--set", hint="KEY=VALUE")
    return match.group(1), match.group(2)


def _tidy(path: str) -> str:
    """A path without `//` and `./`, which mean nothing."""
    return re.sub(r"(^|(?<=/))(?:\./+)+", "", re.sub(r"//+", "/", path))


def _parts(path: str) -> list[str]:
    """The components of a path, of Windows too; nothing for the root and for `.`."""
    parts: list[str] = []
    for part in re.split(r"[/\\]", re.sub(r"^[A-Za-z]:(?=[/\\])", "", path)):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return parts


def _inside(folder: str, parts: list[str], old: str) -> str:
    """`parts` in `folder`, with a slash at the end where `old` has one."""
    place = os.path.join(folder, *parts)
    return place.rstrip("/") + "/" if old.endswith("/") else place
