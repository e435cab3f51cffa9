"""The `caffe` command over the embedded engine: train, test, time, device_query.

Flags, log lines, signals and exit status are Caffe 1.0's: `-solver S`, `-solver=S` and
`--solver S` are one; SIGINT snapshots and stops, SIGHUP snapshots; a failure is an `F` line and
ends by SIGABRT. One flag of ours: `-data_position resume|restart` says whether a resumed
training goes on in the data where the snapshot was taken (the default) or starts the database
over, as real Caffe does. Another is `-snapshot_at 10,20`: snapshots after these iterations,
beside those of the solver file. `-precision fp32|tf32|bf16|fp16` says what heavy layers compute
in. With several GPUs, `-workers` or `-nodes`, `train` runs as many processes of itself
(docs/distributed.md).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from caffe_mnist.brew.device_query import device_query
from caffe_mnist.brew.score import test
from caffe_mnist.brew.signal_requests import held
from caffe_mnist.brew.time_layers import time_layers
from caffe_mnist.brew.train import train
from caffe_mnist.engine.flags import USAGE, Flags, UsageError, from_root, parse
from caffe_mnist.engine.lean_torch import start_lean
from caffe_mnist.engine.member import quiet_library
from caffe_mnist.engine.presence import require_engine
from caffe_mnist.errors import CaffeMnistError

COMMANDS: dict[str, Callable[[Flags], int]] = {
    "train": train,
    "test": test,
    "time": time_layers,
    "device_query": device_query,
}
# The numbers of these settings in <malloc.h>.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status (a failing command ends by SIGABRT)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "-help", "--help"):
        print(USAGE, end="")
        return 0
    try:
        words, flags = parse(arguments)
    except UsageError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    if len(words) != 1 or words[0] not in COMMANDS:
        print(USAGE, end="", file=sys.stderr)
        print(f"ERROR: unknown command {' '.join(words)!r}", file=sys.stderr)
        return 1
    if "OMP_WAIT_POLICY" not in os.environ:
        # Threads spin while they wait for each other. Beside other work on the same cores they
        # take them from those that they wait for: left as it is, up to 5 times slower. So many
        # turns cost nothing there, and are 2 % faster alone than none.
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    keep_memory()
    start_lean()
    quiet_library(flags)
    from caffe_mnist.schema.reading import reading

    try:
        require_engine()
        held_or_not = held() if words[0] == "train" else nullcontext()
        with held_or_not, reading(flags.define, flags.lenient, _note):
            return COMMANDS[words[0]](from_root(flags))
    except CaffeMnistError as error:
        return _failed(error)
    except KeyboardInterrupt:
        return 130


def keep_memory() -> None:
    """Ask the C library (glibc) to keep freed memory for the next large array.

    Otherwise it gives each back to the system, and every page of the next one is made and
    zeroed anew: large nets take a tenth longer, LRN several times as long.
    """
    change = getattr(ctypes.CDLL(None), "mallopt", None)
    if change is not None:
        change(M_MMAP_MAX, 0)
        change(M_TRIM_THRESHOLD, 2**31 - 1)


def _note(text: str) -> None:
    from caffe_mnist.engine.glog import warning

    warning("upgrade_proto.cpp:1", text)


def _failed(error: CaffeMnistError) -> int:
    """End with an error's line, which the launcher of several workers says for all of them."""
    from caffe_mnist.engine import member

    if error.status > 128:  # asked to end, by the signal of that number
        print(f"caffe: {error}", file=sys.stderr)
        return error.status
    if not member.leave_reason(error):
        return _abort(str(error))
    if isinstance(error, member.LostError):
        return member.LOST
    return _abort(None)


def _abort(text: str | None) -> int:
    """End as a failed check of Caffe's does: an F line, then SIGABRT, without a core file."""
    from caffe_mnist.engine.glog import fatal

    if text is not None:
        fatal("caffe.py:1", text)
    sys.stdout.flush()
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGABRT)
    return 134


if __name__ == "__main__":
    sys.exit(main())
