"""What a solver can be asked to do beside training."""

from __future__ import annotations

import enum


class Action(enum.Enum):
    """What the solver is asked to do after an iteration."""

    NONE = 0
    STOP = 1
    SNAPSHOT = 2
