"""Files change places one by one, all of them or none, also when a kill cuts it short."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Sequence

# In the folder of what was there before: the names that are to come.
PLAN = ".plan.json"


def move_in(staged: str, target: str, new: Sequence[str], away: Iterable[str]) -> None:
    """Move `away` from the folder `target` to `staged/old`, then `new` from `staged` to `target`.

    When a move fails all are taken back, and the failure raised.
    """
    os.makedirs(target, exist_ok=True)
    old = os.path.join(staged, "old")
    os.makedirs(old, exist_ok=True)
    plan = os.path.join(old, PLAN)
    with open(plan, "w", encoding="ascii") as file:
        json.dump(new, file)
    try:
        for name in away:
            os.rename(os.path.join(target, name), os.path.join(old, name))
        for name in new:
            os.rename(os.path.join(staged, name), os.path.join(target, name))
    except BaseException:
        take_back(staged, target)
        raise
    os.unlink(plan)


def take_back(staged: str, target: str) -> None:
    """Undo moves that were cut short; nothing where none were."""
    old = os.path.join(staged, "old")
    plan = os.path.join(old, PLAN)
    try:
        with open(plan, encoding="ascii") as file:
            new = json.load(file)
    except (FileNotFoundError, ValueError):  # cut short before the first move
        return
    for name in new:
        if not os.path.lexists(os.path.join(staged, name)):
            with contextlib.suppress(OSError):
                os.rename(os.path.join(target, name), os.path.join(staged, name))
    for name in os.listdir(old):
        if name != PLAN:
            with contextlib.suppress(OSError):
                os.rename(os.path.join(old, name), os.path.join(target, name))
    os.unlink(plan)
