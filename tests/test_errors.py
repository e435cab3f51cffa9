"""Expected failures become one line and an exit status; anything else stays a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Callable

import pytest

from caffe_mnist.errors import CaffeMnistError, JobError, exit_status


def _raising(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


def test_message_names_place_fault_and_cure() -> None:
    """Where comes first, then what was found, then what to do."""
    error = CaffeMnistError("8 bytes, expected 16", where="a.idx", hint="download it again")
    assert str(error) == "a.idx: 8 bytes, expected 16 (download it again)"
    assert str(CaffeMnistError("no such solver")) == "no such solver"


def test_message_is_one_line() -> None:
    """Whatever a library said in several lines is one line for the user."""
    assert str(CaffeMnistError("first\n  second\n", where="x")) == "x: first second"


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (CaffeMnistError("bad", where="x"), 2, "program: error: x: bad\n"),
        (JobError("failed"), 1, "program: error: failed\n"),
        (KeyboardInterrupt(), 130, "program: interrupted\n"),
    ],
)
def test_failure_is_one_line_and_a_status(
    error: BaseException, status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bad input is 2, a failed job 1, Ctrl-C 130; each says one line on standard error."""
    assert exit_status(_raising(error), "program") == status
    assert capsys.readouterr() == ("", line)


def test_an_error_may_carry_its_own_status() -> None:
    """A trainer that died by signal 6 is status 134 of the job."""
    error = JobError("aborted")
    error.status = 134
    assert exit_status(_raising(error), "program") == 134


def test_bugs_keep_their_traceback() -> None:
    """An exception that nobody expected is not dressed up."""
    with pytest.raises(ZeroDivisionError):
        exit_status(_raising(ZeroDivisionError()), "program")


def test_success_passes_through() -> None:
    """What the command returns is the status."""
    assert exit_status(lambda: 3, "program") == 3


def test_closed_output_is_141_without_traceback() -> None:
    """`command | head` ends quietly, as programs killed by SIGPIPE do."""
    script = (
        "import sys\nfrom caffe_mnist.errors import exit_status\n"
        "def command():\n    for _ in range(10**6): print('x' * 100)\n    return 0\n"
        "sys.exit(exit_status(command, 'program'))\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [sys.executable, "-c", script],
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")
