"""Pages of an LMDB: the same records as the library gives, and nothing damaged is followed."""

from __future__ import annotations

import struct
from pathlib import Path

import lmdb
import pytest

from caffe_mnist.datasets.pages import Cursor, DamagedError, Tree, find_tree

PAGE = 4096


def made(folder: Path, count: int, length: int) -> bytes:
    """The file of a database of `count` values, of about `length` bytes each."""
    environment = lmdb.open(str(folder), map_size=1 << 26)
    with environment, environment.begin(write=True) as transaction:
        for number in range(0, 2 * count, 2):
            transaction.put(b"%08d" % number, b"%d" % number * (length // 4))
    return (folder / "data.mdb").read_bytes()


def opened(content: bytes) -> tuple[Cursor, Tree]:
    """A cursor in a file that is an LMDB."""
    tree = find_tree(content)
    assert tree is not None
    return Cursor(memoryview(content), tree), tree


def here(cursor: Cursor) -> tuple[bytes, bytes]:
    """Key and value where the cursor is."""
    key, value = cursor.record()
    return key, bytes(value)


def read(content: bytes) -> list[bytes]:
    """All keys."""
    cursor = opened(content)[0]
    assert cursor.first()
    return [key for key, _ in cursor]


@pytest.mark.parametrize(("count", "length"), [(1, 4), (5, 40), (3000, 900), (40, 5000), (9, 9000)])
def test_records_are_those_of_the_library(tmp_path: Path, count: int, length: int) -> None:
    """On one page or many, inside pages or beside them; in order, from any place."""
    cursor, tree = opened(made(tmp_path, count, length))
    with lmdb.open(str(tmp_path), readonly=True) as environment, environment.begin() as transaction:
        wanted = list(transaction.cursor())
    assert (tree.records, cursor.first()) == (count, True)
    assert [(key, bytes(value)) for key, value in cursor] == wanted
    assert cursor.last()
    assert here(cursor) == wanted[-1]
    for number in {0, count // 2, count - 1}:
        for key in (b"%08d" % (2 * number), b"%08d" % (2 * number - 1) if number else b""):
            assert cursor.set_range(key)
            assert here(cursor) == wanted[number]
        assert cursor.first()
        assert cursor.forward(number)
        assert here(cursor) == wanted[number]
    assert not cursor.set_range(b"%08d" % (2 * count))
    assert cursor.first()
    assert not cursor.forward(count)


def test_a_transaction_keeps_its_state(tmp_path: Path) -> None:
    """What was there before the last one is still found by its number."""
    content = made(tmp_path, 10, 4)
    _, newest = opened(content)
    before = find_tree(content, newest.transaction - 1)
    assert before is not None
    assert (before.records, newest.records) == (0, 10)
    assert not Cursor(memoryview(content), before).first()


def test_other_files_are_no_lmdb() -> None:
    """Neither short ones nor those without the number."""
    assert find_tree(b"") is None
    assert find_tree(bytes(3 * PAGE)) is None


# A place in the file of 3000 values of 900 bytes (root: page `root`), what is written there.
DAMAGE = {
    "no page size": ("meta", 40, struct.pack("<I", 0), "pages of 0 bytes"),
    "longer than it is": ("meta", 16 + 120, struct.pack("<Q", 2**60), "truncated"),
    "too many records": ("meta", 16 + 104, struct.pack("<Q", 2**50), "records 3 pages deep"),
    "several values": ("meta", 16 + 76, b"\4", "several values"),
    "no such root": ("meta", 16 + 112, struct.pack("<Q", 2**40), "there is no page"),
    "not its number": ("root", 0, b"\xff", "none of its kind"),
    "not its kind": ("root", 10, b"\2", "none of its kind"),
    "no nodes": ("root", 12, b"\x10\0", "none of its kind"),
    "a node outside": ("root", 16, b"\xff\xff", "places outside"),
    "a circle": ("root", "first", None, "none of its kind"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named(tmp_path: Path, what: str) -> None:
    """Where the library ends the process or reads beside the file."""
    page, place, new, line = DAMAGE[what]
    content = bytearray(made(tmp_path, 3000, 900))
    tree = opened(bytes(content))[1]
    start = tree.root * PAGE if page == "root" else PAGE * (tree.transaction % 2)
    at = place if isinstance(place, int) else struct.unpack_from("<H", content, start + 16)[0]
    new = struct.pack("<HHH", tree.root, 0, 0) if new is None else new
    for begin in {start, 0} if what == "no page size" else {start}:
        content[begin + at : begin + at + len(new)] = new
    with pytest.raises(DamagedError, match=line):
        read(bytes(content))


def test_a_leaf_met_twice_is_damage(tmp_path: Path) -> None:
    """Two branches with one leaf would never end, deep enough."""
    content = bytearray(made(tmp_path, 60, 900))
    root = opened(bytes(content))[1].root * PAGE
    first, second = (root + at for at in struct.unpack_from("<HH", content, root + 16))
    content[second : second + 6] = content[first : first + 6]
    with pytest.raises(DamagedError, match="follows"):
        read(bytes(content))
