"""The tables of toolchains: TOML files in `tables/`, a toolchain each.

    title = "…"                  what it is
    [sources]                    key = "title and version of a document, where it is public"
    [types]                      known = [layer types], source = key, more = what to do
    [[rule]]                     check = name of a check, with its settings;
                                 why, advice, source = key or "practice"; warns = true: no refusal

`practice` marks what users of such tools know, without a document that says it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError

HERE = Path(__file__).parent / "tables"
PRACTICE = "practice"
PRACTICE_WORDS = "general practice, no document found"


@dataclass(frozen=True)
class Rule:
    """One refusal: the check that finds it, its settings, and what is told then."""

    check: str
    settings: dict[str, Any]
    why: str
    advice: str
    source: str
    refuses: bool


@dataclass(frozen=True)
class Toolchain:
    """One table."""

    name: str
    title: str
    rules: tuple[Rule, ...]
    sources: dict[str, str]


def names() -> list[str]:
    """All toolchains that there is a table for."""
    return sorted(path.stem for path in HERE.glob("*.toml") if path.stem != "any")


def read_toolchain(name: str) -> Toolchain:
    """The table of that name, with the rules that hold everywhere (`any.toml`) before its own."""
    if name not in names():
        raise CaffeMnistError(
            f"there is no table for {name!r}", where="--for", hint="known: " + ", ".join(names())
        )
    own, common = (_parsed(HERE / f"{one}.toml") for one in (name, "any"))
    sources = {**common.get("sources", {}), **own.get("sources", {})}
    rules = [_rule(one, sources, name) for one in [*common["rule"], *own.get("rule", [])]]
    if "types" in own:
        types = own["types"]
        rules.append(
            Rule(
                "type",
                {"known": types["known"]},
                types.get("why", "the tool's list has no such layer"),
                types.get("more", "replace the layer, or cut the net before it"),
                sources[types["source"]],
                not types.get("warns", False),
            )
        )
    return Toolchain(name, own["title"], tuple(rules), own.get("sources", {}))


def _rule(one: dict[str, Any], sources: dict[str, str], name: str) -> Rule:
    settings = dict(one)
    check, why, advice = (settings.pop(key) for key in ("check", "why", "advice"))
    key = settings.pop("source")
    if key != PRACTICE and key not in sources:
        raise KeyError(f"{name}: source {key!r}")
    refuses = not settings.pop("warns", False)
    return Rule(check, settings, why, advice, sources.get(key, PRACTICE_WORDS), refuses)


def _parsed(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    with path.open("rb") as file:
        return tomllib.load(file)
