"""Why a trainer failed, in plain words, from its exit status and the end of its log."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from caffe_mnist.errors import JobError
from caffe_mnist.launch.known_failures import KNOWN
from caffe_mnist.launch.process import exit_code

# With less room than this on the disk of the model, a failure is put down to it (bytes).
LITTLE = 2**20
# Which layer Caffe was at, by the last of these lines.
AT_LAYER = re.compile(
    r"(?:net\.cpp|layer_factory\.hpp):\d+\] (?:Creating [Ll]ayer|Setting up) (.+?)\s*$",
    re.MULTILINE,
)
SET_UP = re.compile(r"net\.cpp:\d+\] Network initialization done|Starting Optimization")
# Exit statuses that say something where the log says nothing.
SIGNALS = {
    4: ("it met an instruction that this processor has not", "build Caffe on this machine"),
    7: ("it lost its memory or a file under it (a full /dev/shm, or disk)", "make room"),
    9: (
        "killed from outside",
        "often the machine (or the container) was short of memory: dmesg says so; "
        "a smaller batch_size needs less",
    ),
    11: (
        "it wrote or read where it must not (a segmentation fault)",
        "most often a label beyond num_output of the last layer, a damaged database, or a Caffe "
        "built for other libraries",
    ),
    15: ("told to end from outside", None),
    24: ("its time on the processor was used up", "ulimit -t"),
    25: ("a file became larger than it may", "ulimit -f"),
}


def explain(status: int, lines: Sequence[str], folder: Path) -> tuple[str, str | None]:
    """The reason in a phrase, and a hint where one is known; `folder` is the model's."""
    text = "".join(lines)
    if _is_full(folder):
        return f"the disk is full ({folder})", "make room, or give another --model-local-path"
    for known in KNOWN:
        found = re.search(known.pattern, text, re.MULTILINE)
        if found:
            return _words(known.cause, found, _layer(text[: found.start()])), known.remedy
    fatal = [line for line in lines if re.match(r"F\d{4} ", line)]
    if fatal:
        what = fatal[-1].split("] ", 1)[-1].strip()
        return what + _layer(text[: text.index(fatal[-1])]), None
    signal = status - 128 if status > 128 else -status
    if signal in SIGNALS:
        return SIGNALS[signal]
    told = [line.strip() for line in lines if line.strip() and not _is_stack(line)]
    return (told[-1] if told else "its log is empty"), None


def trainer_failure(code: int, lines: Sequence[str], log: Path) -> JobError:
    """A trainer's failure as the job's, with what its log says last."""
    status = exit_code(code)
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
    reason, hint = explain(status, lines, log.parent)
    error = JobError(f"the trainer ended {how}: {reason}", where=log, hint=hint)
    error.status = status
    return error


def _words(cause: str, found: re.Match[str], layer: str) -> str:
    groups = [one or "" for one in found.groups()]
    values = [found.group(), *groups]
    if groups and not groups[0]:  # of alternatives the one that was found
        values[1] = next((one for one in groups if one), "")
    return cause.format(*values, layer=layer)


def _layer(text: str) -> str:
    """`, in layer …` for what failed while the net was made."""
    at = AT_LAYER.findall(text)
    last = next((one.start() for one in reversed(list(AT_LAYER.finditer(text)))), 0)
    return f", in layer {at[-1]!r}" if at and not SET_UP.search(text, last) else ""


def _is_stack(line: str) -> bool:
    return line.startswith(("    @ ", "*** ", "PC: @"))


def _is_full(folder: Path) -> bool:
    """Whether the disk of a folder is; a folder that was removed meanwhile says nothing."""
    try:
        return shutil.disk_usage(folder).free < LITTLE
    except OSError:
        return False
