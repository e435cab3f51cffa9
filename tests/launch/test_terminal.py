"""A job on a terminal: one bar, and above it what needs to be read."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess

from tests.fixtures.jobs import Job, until


class Screen:
    """A job whose standard error is a terminal."""

    def __init__(self, job: Job, *arguments: str, **fake: str) -> None:
        self._screen, stderr = pty.openpty()
        self.process = subprocess.Popen(
            job.command(*arguments),
            cwd=job.folder,
            env=job.surroundings(fake),
            stdin=subprocess.DEVNULL,
            stderr=stderr,
        )
        os.close(stderr)

    def lines(self) -> list[str]:
        """What stands there in the end: of each line, what was written last."""
        text = b""
        while True:
            try:
                text += os.read(self._screen, 65536)
            except OSError:
                break
        os.close(self._screen)
        whole = text.decode().replace("\r\n", "\n").replace("\x1b[A", "")
        return [line.rsplit("\r", 1)[-1].strip() for line in whole.split("\n")]


def test_one_bar(job: Job) -> None:
    """The log stays in its file; the uploader's lines do not break the bar."""
    screen = Screen(job, FAKE_PACE="0.1")
    lines = screen.lines()
    assert screen.process.wait(timeout=120) == 0
    bars = [line for line in lines if "it/s" in line]
    assert len(bars) == 1
    assert re.search(r"100%.* 30/30 \[.*loss=0.03846, accuracy=0.99", bars[0])
    assert not any("solver.cpp" in line for line in lines)
    safe = [line for line in lines if re.fullmatch(r"uploader: iteration \d+ is safe in .*", line)]
    assert len(safe) == 3
    assert lines[-2].startswith("train: done: test0_accuracy 0.99")


def test_a_failure(job: Job) -> None:
    """The end of the log that the bar has hidden is shown."""
    screen = Screen(job, FAKE_FAIL_AT="25", FAKE_STATUS="9")
    lines = screen.lines()
    assert screen.process.wait(timeout=120) == 9
    assert any("solver.cpp:239] Iteration 25 (" in line for line in lines)
    assert any(re.match(r"F.*the fake trainer failed as it was told", line) for line in lines)
    assert lines[-2].startswith("python -m caffe_mnist.train: error: ")


def test_ctrl_c(job: Job) -> None:
    """The bar stays where it was."""
    screen = Screen(job, FAKE_WAIT_AT="22")
    until(lambda: "Iteration 20 (" in job.log())
    screen.process.send_signal(signal.SIGINT)
    lines = screen.lines()
    assert screen.process.wait(timeout=120) == 130
    assert "train: stopping; the trainer writes a snapshot" in lines
    (bar,) = [line for line in lines if "it/s" in line]
    assert " 20/30 [" in bar
    assert sorted(job.snapshots().values()) == [10, 20, 22]
