"""What a toolchain's rules find in a net, and how it is told."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from caffe_mnist.toolchains.checks import checks
from caffe_mnist.toolchains.facts import Facts
from caffe_mnist.toolchains.table import Rule, Toolchain

HEAD = ("", "layer", "what", "why", "what to do", "source")
SHARES = (0, 18, 18, 26, 22, 16)


@dataclass(frozen=True)
class Finding:
    """One line of the table."""

    toolchain: str
    refused: bool
    layer: str
    what: str
    why: str
    advice: str
    source: str


def examine(facts: Facts, toolchain: Toolchain) -> list[Finding]:
    """All that its rules find: refusals first, each group in the order of the rules."""
    found = [
        Finding(toolchain.name, rule.refuses, layer, what, rule.why, rule.advice, rule.source)
        for rule in toolchain.rules
        for layer, what in _found(facts, rule)
    ]
    unique = {(one.layer, one.what): one for one in reversed(found)}
    kept = [one for one in found if unique[one.layer, one.what] is one]
    return sorted(kept, key=lambda one: not one.refused)


def _found(facts: Facts, rule: Rule) -> list[tuple[str, str]]:
    return list(checks.get(rule.check)(facts, **rule.settings))


def table(findings: Sequence[Finding], width: int | None = None) -> str:
    """Columns as wide as the terminal lets them be, cells over several lines."""
    rows = [
        ("no" if one.refused else "?", one.layer, one.what, one.why, one.advice, one.source)
        for one in findings
    ]
    room = (width or max(shutil.get_terminal_size((120, 24)).columns, 80)) - 2 - 2 * len(HEAD)
    widths = [2, *(max(8, room * share // 100) for share in SHARES[1:])]
    lines = []
    for row in (HEAD, tuple("-" * size for size in widths), *rows):
        cells = [
            textwrap.wrap(cell, size, break_long_words=True) or [""]
            for cell, size in zip(row, widths)
        ]
        for k in range(max(map(len, cells))):
            parts = [
                (cell[k] if k < len(cell) else "").ljust(size) for cell, size in zip(cells, widths)
            ]
            lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def markdown(findings: Sequence[Finding]) -> str:
    """The same for a document."""
    rows = [
        (
            one.layer,
            "refused" if one.refused else "may be",
            one.what,
            one.why,
            one.advice,
            one.source,
        )
        for one in findings
    ]
    head = ("layer", "", "what", "why", "what to do", "source")
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row).replace("\n", " ") + " |" for row in rows)])


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Plain values."""
    return [asdict(one) for one in findings]
