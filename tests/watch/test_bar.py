"""One bar on a terminal, the log itself elsewhere."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import termios
from collections.abc import Iterator
from typing import TextIO

import pytest

from caffe_mnist.watch.bar import Bar
from caffe_mnist.watch.log import read_line

PREFIX = "1121 07:49:13.057656 18424 "
LOG = [
    f"I{PREFIX}solver.cpp:347] Iteration 0, Testing net (#0)\n",
    f"I{PREFIX}solver.cpp:414]     Test net output #0: accuracy = 0.1\n",
    f"I{PREFIX}solver.cpp:414]     Test net output #1: loss = 2.3 (* 1 = 2.3 loss)\n",
    f"I{PREFIX}solver.cpp:239] Iteration 0 (0 iter/s, 0.2s/100 iters), loss = 2.25\n",
    f"W{PREFIX}solver.cpp:1] a warning\n",
    f"I{PREFIX}solver.cpp:239] Iteration 5000 (50 iter/s, 2s/100 iters), loss = 0.1234\n",
    f"I{PREFIX}solver.cpp:347] Iteration 10000, Testing net (#0)\n",
    f"I{PREFIX}solver.cpp:414]     Test net output #0: accuracy = 0.9876\n",
]


class Terminal:
    """A pseudo-terminal and what was written to it."""

    def __init__(self) -> None:
        self._screen, stream = pty.openpty()
        self.stream: TextIO = os.fdopen(stream, "w")

    def resize(self, rows: int, columns: int) -> None:
        """Tell its size."""
        fcntl.ioctl(self._screen, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def text(self) -> str:
        """All that was written; nothing can be written afterwards."""
        self.stream.flush()
        os.write(self.stream.fileno(), b"\0")
        text = b""
        while not text.endswith(b"\0"):
            text += os.read(self._screen, 65536)
        return text[:-1].decode()

    def close(self) -> None:
        """Close both ends."""
        self.stream.close()
        os.close(self._screen)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A terminal that tells no size, as one under `script`."""
    one = Terminal()
    yield one
    one.close()


def show(bar: Bar) -> None:
    """The whole log through a bar."""
    for line in LOG:
        bar.show(line, read_line(line))
    bar.say("uploader: iteration 5000 is safe")
    bar.close(finished=True)
    bar.say("train: done")


@pytest.mark.parametrize("size", [(0, 0), (24, 80), (50, 200)])
def test_one_bar_on_a_terminal(terminal: Terminal, size: tuple[int, int]) -> None:
    """Iteration, loss, accuracy, speed and time left fit into 80 columns; warnings stand above."""
    terminal.resize(*size)
    show(Bar(10000, stream=terminal.stream))
    text = terminal.text()
    lines = [line.rsplit("\r", 1)[-1].strip() for line in text.replace("\r\n", "\n").split("\n")]
    assert next(line for line in lines if line).endswith("a warning")
    assert lines.index("uploader: iteration 5000 is safe") > 0
    assert lines[-2] == "train: done"
    bars = [line for line in lines if "it/s" in line]
    assert len(bars) == 1
    assert "10000/10000 [" in bars[0]
    assert re.search(r"<.*it/s, loss=0.1234, accuracy=0.9876\]?$", bars[0])
    assert "5000/10000" in text
    assert "test_loss" not in text
    assert "Iteration" not in text
    if size[1] <= 80:
        assert max(map(len, lines)) <= 80, lines


def test_a_stop_leaves_the_bar_where_it_was(terminal: Terminal) -> None:
    """Only a training that ran to its end fills it."""
    bar = Bar(10000, 2000, stream=terminal.stream)
    assert bar.on_terminal
    bar.show(LOG[5], read_line(LOG[5]))
    bar.close(finished=False)
    assert not bar.on_terminal
    text = terminal.text()
    assert "5000/10000" in text
    assert "10000/10000" not in text


def test_the_log_elsewhere() -> None:
    """Every line as it is, and no bar."""
    stream = io.StringIO()
    bar = Bar(10000, stream=stream)
    assert not bar.on_terminal
    show(bar)
    assert stream.getvalue() == "".join(LOG) + "uploader: iteration 5000 is safe\ntrain: done\n"
