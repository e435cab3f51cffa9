"""The names of all files that `convert images` makes in a folder, and how to know them there."""

from __future__ import annotations

import re
from collections.abc import Iterable

PART = r"-\d{5}-of-\d{5}"
OURS = re.compile(
    rf"(train|val)(_label)?_lmdb({PART})?|(dataset|report)({PART})?\.json|skipped({PART})?\.csv"
    rf"|(sums|moments){PART}\.binaryproto|labels\.txt|(mean|std)\.binaryproto|contact_sheet\.png"
)
# What says that the files beside it were made here.
SIGNS = re.compile(rf"dataset({PART})?\.json")
REPORTS = re.compile(rf"report({PART})?\.json")


def own(names: Iterable[str]) -> set[str]:
    """Those of a folder's names that were made here; none where no dataset is."""
    names = list(names)
    if not any(map(SIGNS.fullmatch, names)) or not any(map(REPORTS.fullmatch, names)):
        return set()
    return {name for name in names if OURS.fullmatch(name)}
