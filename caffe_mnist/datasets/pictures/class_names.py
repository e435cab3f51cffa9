"""Names of classes: as text files hold them, and brought into the order of their labels."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

LONGEST = 200


def decode_text(content: bytes) -> str:
    """Text as UTF-8, as UTF-16 where it begins so, else as GB 18030, in which Chinese Windows
    writes. Raises ValueError for bytes that are none of them.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030")


def class_name(text: str) -> str:
    """A class's name without blanks around it, its letters composed the usual way.

    Raises ValueError, saying why, for what is no name.
    """
    name = unicodedata.normalize("NFC", text.strip())
    if not name:
        raise ValueError("names no class")
    if len(name) > LONGEST:
        raise ValueError(f"names no class: {len(name)} characters")
    if any(unicodedata.category(letter)[0] == "C" for letter in name):
        raise ValueError(f"names no class: {name[:20]!r}")
    return name


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Each name once, in the order of their labels: numbers by value, all others by letters."""
    once = set(names)
    if all(name.isascii() and name.isdigit() for name in once):
        return tuple(sorted(once, key=lambda name: (int(name), name)))
    return tuple(sorted(once))


def lookalikes(names: Iterable[str]) -> list[str]:
    """A remark for each group of names that differ only in their letters' case."""
    groups = defaultdict(list)
    for name in names:
        groups[name.casefold()].append(name)
    return [
        f"{' and '.join(group)} differ only in case: they stay {len(group)} classes"
        for group in groups.values()
        if len(group) > 1
    ]
