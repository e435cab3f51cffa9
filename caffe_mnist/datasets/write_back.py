"""Written pages on their way to the disk while more are made, so that syncing them waits less."""

from __future__ import annotations

import os
from typing import Any

# So many new bytes are worth a call.
STEP = 1 << 23
WRITE = 2  # SYNC_FILE_RANGE_WRITE: begin with the range, and do not wait for it


class WriteBack:
    """The growing file at `path`; only a hint to the system, which syncs nothing by itself.

    Where the system has no such call (Linux's `sync_file_range`), nothing is done.
    """

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._begun = 0
        self._call: Any = None

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def go_on(self) -> None:
        """Let the system begin with what the file has grown by."""
        size = os.fstat(self._descriptor).st_size
        if size - self._begun < STEP:
            return
        if self._call is None:
            self._call = _system_call()
        begun, self._begun = self._begun, size
        self._call(self._descriptor, begun, size - begun, WRITE)


def _system_call() -> Any:
    import ctypes

    call = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if call is None:
        return lambda *_: None
    call.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return call
