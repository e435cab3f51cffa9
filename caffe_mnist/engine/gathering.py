"""Who meets where to train together, and how long is waited for whom."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# PyTorch's own of the meeting: seconds between signs of life, how many may lack, and seconds in
# which enough machines have to come.
SIGNS, MISSED, JOIN = 5, 3, 600


@dataclass(frozen=True)
class Gathering:
    """Who meets where: `workers` on this machine, on `least` to `most` machines.

    `first` says that this machine keeps the store at `endpoint` (HOST:PORT) and its first worker
    is the root; `address` is this machine's as the others see it (empty: by its name), and
    `interface` the network interface that has it. `reach` returns as soon as the first machine can
    be reached, or raises JobError.
    """

    workers: int
    least: int = 1
    most: int = 1
    endpoint: str = "localhost:0"
    first: bool = True
    address: str = ""
    interface: str = ""
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    restarts: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)
    reach: Callable[[], object] = lambda: None

    @property
    def silence(self) -> float:
        """Seconds without a sign of life after which a machine counts as lost."""
        every = int(self.settings.get("keep_alive_interval", SIGNS))
        return every * int(self.settings.get("keep_alive_max_attempt", MISSED)) + every

    @property
    def patience(self) -> int:
        """Seconds in which the least number of machines has to come."""
        return int(self.settings.get("join_timeout", JOIN))

    @property
    def waiting(self) -> str:
        """In words, for whom it waits and how long; empty for one machine."""
        if self.most == 1:
            return ""
        least = "1 machine" if self.least == 1 else f"{self.least} machines"
        return f"waiting for {least}, {self.patience} s at most"
