"""Expected failures: what went wrong, where, what was found and what to do.

Everything that a user can cause raises a `CaffeMnistError`; the commands turn it into one
line on stderr and an exit status. Any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable, NoReturn

if TYPE_CHECKING:
    import argparse


class CaffeMnistError(Exception):
    """One expected failure.

    `where` names the file, layer or key; `what` says what was found; `hint` what to do.
    `status` is the exit status of a command that ends with it: 2 for bad input or usage
    (the default), 1 for a job that failed.
    """

    status = 2

    def __init__(self, what: str, *, where: object = None, hint: str | None = None) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.hint = hint
        super().__init__(str(self))

    @property
    def faults(self) -> list[str]:
        """One line for each thing that is wrong."""
        return [str(self)]

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" ({self.hint})" if self.hint else ""
        return " ".join(f"{place}{self.what}{advice}".split())


class ManyFaultsError(CaffeMnistError):
    """Everything that is wrong with one input, reported together, a line each."""

    def __init__(self, faults: Sequence[str]) -> None:
        self._faults = list(dict.fromkeys(faults))
        super().__init__("; ".join(self._faults))

    @property
    def faults(self) -> list[str]:
        """One line for each thing that is wrong."""
        return self._faults


class JobError(CaffeMnistError):
    """A job that was asked for correctly and failed: exit status 1."""

    status = 1


def one_line_usage(parser: argparse.ArgumentParser) -> None:
    """Let wrong arguments of a command be an expected failure, without the whole usage."""

    def fail(message: str) -> NoReturn:
        raise CaffeMnistError(message, hint=f"{parser.prog} --help")

    parser.error = fail  # type: ignore[method-assign]


def exit_status(command: Callable[[], int], program: str) -> int:
    """Run `command` and return its exit status, turning expected failures into lines.

    Ctrl-C gives 130; a reader that closed our standard output gives 141, both without a
    traceback; a full disk below it is an expected failure.
    """
    try:
        status = command()
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where its failures are still understood
        return status
    except CaffeMnistError as error:
        for fault in error.faults:
            print(f"{program}: error: {fault}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_output()
        return 141
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"{program}: error: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
        _drop_output()
        return CaffeMnistError.status


def _drop_output() -> None:
    """Send what is still to be written nowhere, so that the end of the process is quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
