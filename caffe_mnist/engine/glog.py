"""Log lines as glog writes them, so that every parser of Caffe's log reads ours.

`I1120 22:48:49.121243 16156 caffe.cpp:197] Use CPU.` is level, month and day, time, process,
source place, text; everything goes to standard error. The places are those of Caffe 1.0.
"""

from __future__ import annotations

import os
import sys
import time

LEVELS = "IWEF"
_least: int | None = None


def info(place: str, text: str) -> None:
    """One line of information."""
    _write("I", place, text)


def warning(place: str, text: str) -> None:
    """One line of warning."""
    _write("W", place, text)


def error(place: str, text: str) -> None:
    """One line of error that does not end the program."""
    _write("E", place, text)


def fatal(place: str, text: str) -> None:
    """One line saying why the program ends; ending it is the caller's part."""
    _write("F", place, text)


def write_from(level: int) -> None:
    """Leave out what weighs less than `level`: 0 information, 1 warnings, 2 errors, 3 fatal.

    Until then GLOG_minloglevel says so, as for Caffe.
    """
    global _least
    _least = level


def _write(level: str, place: str, text: str) -> None:
    if _least is None:
        given = os.environ.get("GLOG_minloglevel", "")  # noqa: SIM112 (glog's own name)
        write_from(int(given) if given.isdigit() else 0)
    if _least is not None and LEVELS.index(level) < min(_least, 3):
        return
    now = time.time_ns()
    stamp = time.strftime("%m%d %H:%M:%S", time.localtime(now // 10**9))
    micro = now // 1000 % 10**6
    text = text[:-1] if text.endswith("\n") else text
    line = f"{level}{stamp}.{micro:06d} {os.getpid():5d} {place}] {text}\n"
    sys.stderr.write(line)
    sys.stderr.flush()


def number(value: float) -> str:
    """A number as C++ streams print it: six significant digits."""
    if value != value:
        return "-nan" if str(value).startswith("-") else "nan"
    return f"{value:.6g}"
