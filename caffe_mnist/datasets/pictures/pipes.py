"""Messages between the crew and its workers: lines of JSON in pipes."""

from __future__ import annotations

import json
from typing import IO, Any


class Sender:
    """The end of a pipe at which messages are sent; BrokenPipeError if nobody reads them."""

    def __init__(self, descriptor: int) -> None:
        self._file: IO[bytes] = open(descriptor, "wb", buffering=0)  # noqa: SIM115 - see `close`

    def send(self, message: list[Any]) -> None:
        """Send numbers, texts (also names that are no UTF-8) and lists of them."""
        rest = memoryview(json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n")
        while rest:
            rest = rest[self._file.write(rest) :]

    def close(self) -> None:
        """Close the end; the other one then reads the end of the messages."""
        self._file.close()


class Receiver:
    """The end at which they are read; `fileno` for waiting until there are some."""

    def __init__(self, descriptor: int) -> None:
        self._file: IO[bytes] = open(descriptor, "rb", buffering=0)  # noqa: SIM115 - see `close`
        self._read = b""

    def fileno(self) -> int:
        """The descriptor."""
        return self._file.fileno()

    def receive(self) -> list[list[Any]]:
        """All messages that have come, at least one; EOFError after the last."""
        while True:
            some = self._file.read(1 << 16)
            if not some:
                raise EOFError
            *lines, self._read = (self._read + some).split(b"\n")
            if lines:
                return [json.loads(line) for line in lines]

    def close(self) -> None:
        """Close the end."""
        self._file.close()
