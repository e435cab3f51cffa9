"""Who says what became of a fuzzed file, and how many of them a test makes."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[2]
SPARE_MIB = 1024
SECONDS = 120  # by far: machines that run tests are busy


def cases(number: int) -> settings:
    """So many cases ($FUZZ_SCALE times as many), without chance, clock or memory of a run."""
    return settings(
        derandomize=True,
        deadline=None,
        database=None,
        max_examples=number * int(os.environ.get("FUZZ_SCALE", "1")),
        suppress_health_check=list(HealthCheck),
    )


class Judge:
    """Gives cases to a process of its own, which may die or be killed, and is started again."""

    def __init__(self, spare_mib: int = SPARE_MIB) -> None:
        """The process may take so much memory beside what a valid case takes."""
        self._spare = str(spare_mib)
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, target: str, data: bytes) -> str | None:
        """What the case was refused with, or None if it was taken; all else fails the test."""
        process = self._process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(b"%s %d\n" % (target.encode(), len(data)) + data)
            process.stdin.flush()
            ready = bool(select.select([process.stdout], [], [], SECONDS)[0])
            line = process.stdout.readline() if ready else b""
        except BrokenPipeError:
            ready, line = True, b""
        if not line:
            if ready:
                process.wait(SECONDS)
            self.close()
            ended = f"ended by signal {-process.returncode}" if ready else "does not end"
            pytest.fail(f"{target} {ended}: {data!r}")
        answer: dict[str, str] = json.loads(line)
        if "fault" in answer:
            pytest.fail(f"{target}: {data!r}\n{answer['fault']}")
        return answer.get("refused")

    def expect(self, target: str, data: bytes, line: str | None) -> None:
        """The case is refused with a line that holds `line`, or taken (None)."""
        answer = self(target, data)
        assert (answer is None) == (line is None), answer
        assert (line or "") in (answer or "")

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill() if self._process.poll() is None else None
            self._process.communicate()
            self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.fuzz.worker", self._spare]
        # glibc takes 64 MiB of address space for every thread unless told otherwise.
        one_arena = {"MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env={**os.environ, **one_arena},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
