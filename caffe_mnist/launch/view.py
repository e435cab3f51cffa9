"""Starting the live view of a job, a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError


def check_view() -> None:
    """Raise CaffeMnistError where what the page needs is not installed."""
    for name in ("starlette", "uvicorn"):
        if find_spec(name) is None:
            raise CaffeMnistError(
                f"the live view needs {name}",
                where="--dashboard",
                hint="pip install 'caffe-mnist[service]'",
            )


def start_view(
    folder: Path, port: int, trainer: int, total: int, store: str, say: Callable[[str], object]
) -> None:
    """Start it; `say` is told its address. It ends a while after this process and its readers."""
    process = subprocess.Popen(
        [
            sys.executable, "-m", "caffe_mnist.dashboard", str(folder), f"--port={port}",
            f"--trainer={trainer}", f"--launcher={os.getpid()}", f"--max-iter={total}",
            f"--store={store}",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )  # fmt: skip

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            say(line.strip())

    threading.Thread(target=read, daemon=True).start()
