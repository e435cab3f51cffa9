"""Who has a place in a store: a run, the process behind it, and whether that is still alive."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

VERSION = 1


@dataclass(frozen=True)
class Holder:
    """What `owner.json` says; times are the owner's own, in UTC, for people to read."""

    run: str
    host: str = ""
    pid: int = 0
    boot: str = ""
    started: str = ""
    heartbeat: str = ""
    beats: int = 0
    ending: bool = False

    def to_json(self) -> bytes:
        """The bytes of `owner.json`."""
        return (json.dumps({"version": VERSION, **asdict(self)}, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes) -> Holder:
        """Read one; what cannot be read is an owner too, of an unknown run."""
        try:
            found = json.loads(content)
            kinds = {name: type(value) for name, value in asdict(cls("")).items()}
            holder = cls(**{name: kind(found[name]) for name, kind in kinds.items()})
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return cls("(unknown)", host="(unknown)")
        return holder


def new_run() -> str:
    """A name for a run that no other has."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def now() -> str:
    """The time in UTC, for people."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def this_boot() -> str:
    """What tells apart boots of a machine, and containers on it; empty where nothing does."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def runs_here(holder: Holder) -> bool:
    """Whether the holder's process, or another of its run, is alive on this machine."""
    if _is_alive(Path(f"/proc/{holder.pid}")):
        return True
    sought = f"--owner={holder.run}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if sought in (place / "cmdline").read_bytes().split(b"\0") and _is_alive(place):
                return True
    return False


def _is_alive(place: Path) -> bool:
    try:
        return (place / "stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
