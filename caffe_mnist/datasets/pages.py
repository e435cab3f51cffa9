"""The pages of an LMDB, read without trust.

The library follows whatever a damaged page says: it ends the process, or reads beside the file.
Here each page is checked when it is entered. `data.mdb` as LMDB 0.9 writes it on 64-bit machines
(little-endian), in pages of one size:

    page         number 8, padding 2, flags 2 (1 branch, 2 leaf, 4 overflow, 8 meta), end of the
                 offsets 2, begin of the nodes 2; offsets of nodes, 2 each; free; nodes
    node         size of the value 4 (branch: 6 bytes of a page's number), flags 2, size of the
                 key 2, key, value; with flag 1, instead of the value the number of an overflow
                 page, 8: the value follows that page's head and fills pages without heads
    meta page    (0 and 1; the one of the higher transaction holds) head, magic 4, version 4,
                 address 8, map size 8, two databases of 48: pad 4, flags 2, depth 2, branch, leaf
                 and overflow pages 8 each, records 8, root 8; last page 8, transaction 8
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Callable, NamedTuple, Union

Content = Union[bytes, memoryview]

MAGIC, VERSION = 0xBEEFC0DE, 1
HEAD = struct.Struct("<QHHHH")
NODE = struct.Struct("<HHHH")
META = struct.Struct("<IIQQ 48s 48s QQ")
TREE = struct.Struct("<IHH QQQ QQ")
NUMBER = struct.Struct("<Q")
BRANCH, LEAF, META_PAGE = 1, 2, 8
KINDS = 0x6F  # of a page's flags, those that say what it is
BIG = 1
NO_PAGE = 2**64 - 1
DEEPEST = 32
SMALLEST_RECORD = 10  # an offset and the head of a node


# Which of a page's nodes to enter, of these on this level.
_Choose = Callable[["list[int]", int], int]


class DamagedError(Exception):
    """What is wrong with the pages."""


class Tree(NamedTuple):
    """One state of a database: where its records are."""

    page_size: int
    last_page: int
    transaction: int
    flags: int
    depth: int
    records: int
    root: int


def find_tree(content: Content, transaction: int | None = None) -> Tree | None:
    """The newest state of a file, or that of a transaction; checked against the file's length.

    None where the file is no LMDB of a version that is known. Raises DamagedError for sizes that
    cannot be, and for a file that is shorter than it says.
    """
    first = _meta(content, 0)
    if first is None:
        return None
    if first.page_size not in [2**power for power in range(8, 17)]:
        raise DamagedError(f"pages of {first.page_size} bytes")
    second = _meta(content, first.page_size)
    if second is None:
        return None
    tree = second if second.transaction > first.transaction else first
    if transaction is not None and tree.transaction != transaction:
        tree = first if tree is second else second
    _check(tree._replace(page_size=first.page_size), len(content))
    return tree._replace(page_size=first.page_size)


def _meta(content: Content, at: int) -> Tree | None:
    if len(content) < at + HEAD.size + META.size:
        return None
    flags = HEAD.unpack_from(content, at)[2]
    magic, version, _, _, free, main, last, transaction = META.unpack_from(content, at + HEAD.size)
    if not flags & META_PAGE or (magic, version) != (MAGIC, VERSION):
        return None
    size = TREE.unpack(free)[0]
    _, kind, depth, _, _, _, records, root = TREE.unpack(main)
    return Tree(size, last, transaction, kind, depth, records, root)


def _check(tree: Tree, length: int) -> None:
    needed = (tree.last_page + 1) * tree.page_size
    if length < needed:
        raise DamagedError(f"truncated: {length} bytes of {needed}")
    if tree.flags:
        raise DamagedError("keys in another order, or with several values (Caffe writes none)")
    if tree.records * SMALLEST_RECORD > length or tree.depth > DEEPEST:
        raise DamagedError(f"{tree.records} records {tree.depth} pages deep in {length} bytes")
    if (tree.root == NO_PAGE) != (not tree.records):
        raise DamagedError(f"{tree.records} records from page {tree.root} on")


class Leaves(NamedTuple):
    """Of a tree, each leaf's page, and the number of records up to its end."""

    tree: Tree
    pages: array[int]
    ends: array[int]


class Cursor:
    """A place in a tree; before the first move, none. Raises DamagedError on the way."""

    def __init__(self, content: memoryview, tree: Tree) -> None:
        self._content, self._tree = content, tree
        self.tree = tree
        # From the root down: each page's nodes, as places in the file, and which of them it is.
        self._path: list[tuple[list[int], int]] = []

    def first(self) -> bool:
        """Go to the first record; False if there is none."""
        return self._descend(self._tree.root, lambda nodes, level: 0)

    def last(self) -> bool:
        """Go to the last record; False if there is none."""
        return self._descend(self._tree.root, lambda nodes, level: len(nodes) - 1)

    def set_range(self, key: bytes) -> bool:
        """Go to the first record whose key is not below `key`; False if there is none."""

        def choose(nodes: list[int], level: int) -> int:
            if level == self._tree.depth:
                return bisect_left(_Keys(self._content, nodes), key)
            return bisect_right(_Keys(self._content, nodes), key, 1) - 1

        if not self._descend(self._tree.root, choose):
            return False
        nodes, at = self._path[-1]
        return at < len(nodes) or self._next_leaf()

    def forward(self, steps: int) -> bool:
        """Pass `steps` records; False, at the end, if there are not so many."""
        if not self._path:
            return False
        nodes, at = self._path[-1]
        while at + steps >= len(nodes):
            steps -= len(nodes) - at
            if not self._next_leaf():
                return False
            nodes, at = self._path[-1]
        self._path[-1] = nodes, at + steps
        return True

    def record(self) -> tuple[bytes, memoryview]:
        """Key and value here; the value is a window into the file."""
        nodes, at = self._path[-1]
        return self._record(nodes[at])

    def leaves(self) -> Leaves:
        """Where all records are."""
        pages, ends, total = array("Q"), array("Q"), 0
        found = self.first()
        while found:
            nodes, _ = self._path[-1]
            total += len(nodes)
            pages.append(nodes[0] // self._tree.page_size)
            ends.append(total)
            found = self._next_leaf()
        if total != self._tree.records:
            raise DamagedError(f"{total} of {self._tree.records} records")
        return Leaves(self._tree, pages, ends)

    def at(self, leaves: Leaves, number: int) -> tuple[bytes, memoryview]:
        """Key and value of record `number`, without moving."""
        leaf = bisect_right(leaves.ends, number)
        nodes = self._nodes(leaves.pages[leaf], self._tree.depth)
        return self._record(nodes[number - leaves.ends[leaf] + len(nodes)])

    def __iter__(self) -> Iterator[tuple[bytes, memoryview]]:
        """Keys and values from here to the end."""
        before = b""
        while self._path:
            nodes, at = self._path[-1]
            for node in nodes[at:]:
                record = self._record(node)
                if record[0] <= before:
                    raise DamagedError(f"key {record[0]!r} follows {before!r}")
                before = record[0]
                yield record
            if not self._next_leaf():
                return

    def _descend(self, page: int, choose: _Choose, level: int = 1) -> bool:
        """To a leaf below `page`, which is on `level`."""
        del self._path[level - 1 :]
        if not self._tree.records:
            return False
        while True:
            nodes = self._nodes(page, level)
            at = choose(nodes, level)
            self._path.append((nodes, at))
            if level == self._tree.depth:
                return True
            low, high, top, _ = NODE.unpack_from(self._content, nodes[at])
            page, level = low | high << 16 | top << 32, level + 1

    def _next_leaf(self) -> bool:
        while self._path:
            nodes, at = self._path.pop()
            if at + 1 < len(nodes) and len(self._path) + 1 < self._tree.depth:
                self._path.append((nodes, at + 1))
                low, high, top, _ = NODE.unpack_from(self._content, nodes[at + 1])
                page = low | high << 16 | top << 32
                return self._descend(page, lambda nodes, level: 0, len(self._path) + 1)
        return False

    def _nodes(self, page: int, level: int) -> list[int]:
        """The places of a page's nodes, every one inside the page."""
        content, size = self._content, self._tree.page_size
        wanted = LEAF if level == self._tree.depth else BRANCH
        if not 2 <= page <= self._tree.last_page:
            raise DamagedError(f"there is no page {page}")
        start = page * size
        number, _, flags, lower, upper = HEAD.unpack_from(content, start)
        count = (lower - HEAD.size) // 2
        if number != page or flags & KINDS != wanted or not HEAD.size + 2 <= lower <= upper <= size:
            raise DamagedError(f"page {page} is none of its kind")
        offsets = struct.unpack_from(f"<{count}H", content, start + HEAD.size)
        if min(offsets) < upper or max(offsets) > size - NODE.size:
            raise DamagedError(f"page {page} names places outside it")
        return [start + offset for offset in offsets]

    def _record(self, node: int) -> tuple[bytes, memoryview]:
        """Key and value of a leaf's node, both inside the file."""
        content, size = self._content, self._tree.page_size
        low, high, flags, key = NODE.unpack_from(content, node)
        length, start, end = low | high << 16, node + NODE.size + key, (node // size + 1) * size
        if start + (8 if flags & BIG else length) > end:
            raise DamagedError(f"page {node // size} holds a record that does not fit")
        found = bytes(content[node + NODE.size : start])
        if flags & BIG:
            page = NUMBER.unpack_from(content, start)[0]
            start = page * size + HEAD.size
            if page < 2 or start + length > (self._tree.last_page + 1) * size:
                raise DamagedError(f"a value of {length} bytes on page {page}")
        return found, content[start : start + length]


class _Keys:
    """The keys of a page's nodes, as a sequence to search in."""

    def __init__(self, content: Content, nodes: list[int]) -> None:
        self._content, self._nodes = content, nodes

    def __len__(self) -> int:
        return len(self._nodes)

    def __getitem__(self, index: int) -> bytes:
        start = self._nodes[index] + NODE.size
        return bytes(self._content[start : start + NODE.unpack_from(self._content, start - 8)[3]])
