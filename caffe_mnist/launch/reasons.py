"""Why a trainer failed, in plain words, from its exit status and the end of its log."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from caffe_mnist.errors import JobError
from caffe_mnist.launch.process import exit_code

# What the log says, what it means, what to do.
KNOWN = (
    (
        r"Cannot use GPU in CPU-only Caffe",
        "this Caffe was built without CUDA and cannot use -gpu",
        "train on the CPU (--num-gpus 0), or give another Caffe by --caffe",
    ),
    (r"out of memory|bad_alloc", "out of memory", "make the batch_size smaller"),
    (r"No space left on device|MDB_FULL", "the disk is full", "make room, or fewer snapshots"),
    (
        r"proto\.SerializeToOstream",
        "a snapshot could not be written",
        "is there room on the disk?",
    ),
    (
        r"Check failed: mdb_status == 0 .* No such file",
        "a database that the net reads is not there",
        "check the source paths (python -m caffe_mnist.template --check)",
    ),
)


# With less room than this on the disk of the model, a failure is put down to it (bytes).
LITTLE = 2**20


def explain(status: int, lines: Sequence[str], folder: Path) -> tuple[str, str | None]:
    """The reason in a phrase, and a hint where one is known; `folder` is the model's."""
    text = "".join(lines)
    if _is_full(folder):
        return f"the disk is full ({folder})", "make room, or give another --model-local-path"
    for pattern, reason, hint in KNOWN:
        if re.search(pattern, text):
            return reason, hint
    fatal = [line for line in lines if re.match(r"F\d{4} ", line)]
    if fatal:
        return fatal[-1].split("] ", 1)[-1].strip(), None
    if status == 137:
        return "killed from outside", "often the machine was short of memory"
    told = [line.strip() for line in lines if line.strip() and not line.startswith("    @ ")]
    return (told[-1] if told else "its log is empty"), None


def trainer_failure(code: int, lines: Sequence[str], log: Path) -> JobError:
    """A trainer's failure as the job's, with what its log says last."""
    status = exit_code(code)
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
    reason, hint = explain(status, lines, log.parent)
    error = JobError(f"the trainer ended {how}: {reason}", where=log, hint=hint)
    error.status = status
    return error


def _is_full(folder: Path) -> bool:
    """Whether the disk of a folder is; a folder that was removed meanwhile says nothing."""
    try:
        return shutil.disk_usage(folder).free < LITTLE
    except OSError:
        return False
