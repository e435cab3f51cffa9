"""What becomes of a path: maps first, then the folder of its role."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.layout import Layout


@dataclass(frozen=True)
class Rules:
    """How prototxts are changed.

    `folders` gives a folder for roles code, data and model (a role that is missing keeps its
    paths); `maps` are pairs of path beginnings, old and new, which go before the folders;
    `settings` are new values of scalar fields of the solver.
    """

    folders: dict[str, str] = field(default_factory=dict)
    maps: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of_layout(cls, layout: Layout, suffix: str | None = None) -> Rules:
        """The rules that put every path into `layout`."""
        return cls({role: layout.folder(role, suffix) for role in ("code", "data", "model")})

    def path(self, old: str, role: str) -> str:
        """The new path for `old`, which leads to something of `role`."""
        mapped = self._mapped(old)
        if mapped is not None:
            return mapped
        folder = self.folders.get(role)
        if folder is None or not old:
            return old
        is_folder = old.endswith("/")
        name = os.path.basename(old.rstrip("/"))
        if is_folder and role == "model":
            return folder.rstrip("/") + "/"
        return os.path.join(folder, name) + ("/" if is_folder else "")

    def _mapped(self, old: str) -> str | None:
        """By the longest map whose old beginning is `old` or one of the folders above it."""
        for start, new in sorted(self.maps, key=lambda pair: -len(pair[0])):
            start = start.rstrip("/") or "/"
            if old.rstrip("/") == start:
                return new.rstrip("/") + ("/" if old.endswith("/") else "")
            if old.startswith(start if start == "/" else start + "/"):
                rest = old[len(start) :].lstrip("/")
                return os.path.join(new, rest) if new else rest
        return None


def parse_map(text: str) -> tuple[str, str]:
    """`OLD=NEW` as a pair."""
    old, equals, new = text.partition("=")
    if not equals or not old:
        raise CaffeMnistError(f"{text!r} is no map", where="--map", hint="OLD=NEW")
    return old, new


def parse_setting(text: str) -> tuple[str, str]:
    """`KEY=VALUE` as a pair."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise CaffeMnistError(f"{text!r} is no setting", where="--set", hint="KEY=VALUE")
    return key.strip(), value.strip()
