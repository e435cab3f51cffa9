"""Written pages on their way to the disk while more are made, so that the end waits less."""

from __future__ import annotations

import contextlib
import os
import threading

# So many new bytes are worth a call.
STEP = 1 << 24


class WriteBack:
    """The growing file at `path`, synced by a thread of its own while it grows.

    It promises nothing: who needs the file on the disk syncs it. What fails here fails there, too,
    for the system tells each of a file's descriptors.
    """

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._begun = 0
        self._grown = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        """Let go of the file."""
        self._closed = True
        if self._thread is not None:
            self._grown.set()
            self._thread.join()
        os.close(self._descriptor)

    def go_on(self) -> None:
        """Begin with what the file has grown by."""
        size = os.fstat(self._descriptor).st_size
        if size - self._begun < STEP:
            return
        self._begun = size
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="write back", daemon=True)
            self._thread.start()
        self._grown.set()

    def _work(self) -> None:
        while not self._closed:
            self._grown.wait()
            self._grown.clear()
            if not self._closed:
                with contextlib.suppress(OSError):
                    getattr(os, "fdatasync", os.fsync)(self._descriptor)
