"""LMDBs that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated, mutated_pages
from tests.fuzz.targets import database

PAGE = 4096
MANY = database.seeds()[1]


def changed(content: bytes, at: int, new: bytes) -> bytes:
    """`content` with other bytes at one place."""
    return content[:at] + new + content[at + len(new) :]


def last_page(content: bytes, kind: int) -> int:
    """Where the last page of a kind (1 branch, 2 leaf) begins."""
    starts = range(2 * PAGE, len(content), PAGE)
    return next(at for at in reversed(starts) if content[at + 10] == kind)


# What is changed, and what is said. With each of them the library ended the process.
FOUND = {
    "branch-without-keys": (changed(MANY, last_page(MANY, 1) + 12, b"\x12\0"), "damaged"),
    "leaf-for-a-branch": (changed(MANY, last_page(MANY, 1) + 10, b"\2"), "damaged"),
    "branch-for-a-leaf": (changed(MANY, last_page(MANY, 2) + 10, b"\1"), "damaged"),
    "value-beside-the-file": (
        changed(MANY, last_page(MANY, 2) + PAGE - 90, b"\xff" * 90), "damaged",
    ),
    "no-page-size": (changed(changed(MANY, 40, bytes(4)), PAGE + 40, bytes(4)), "pages of 0 bytes"),
    "no-such-last-page": (changed(MANY, PAGE + 136, b"\xff" * 7), "truncated"),
    "records-without-end": (changed(MANY, PAGE + 120, b"\xff" * 7), "records"),
    "cut": (MANY[: 5 * PAGE], "truncated"),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_found(judge: Judge, case: str) -> None:
    """What is said now, to everyone who reads it."""
    data, line = FOUND[case]
    judge.expect("database", data, line)


@pytest.mark.parametrize("number", range(len(database.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge.expect("database", database.seeds()[number], None)


@cases(100)
@given(data=mutated_pages(database.seeds(), PAGE))
def test_other_numbers(judge: Judge, data: bytes) -> None:
    """Heads of pages, with other sizes, kinds and places."""
    judge("database", data)


@cases(40)
@given(data=mutated(database.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any bytes."""
    judge("database", data)
