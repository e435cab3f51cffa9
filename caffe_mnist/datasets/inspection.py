"""What `convert info` and `convert check` tell of a database, or of a dataset by its index.

They look in a process of its own: LMDB ends the one in which it meets a damaged page.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from caffe_mnist.datasets.index import index_at, read_index
from caffe_mnist.datasets.index_summary import faults, lines
from caffe_mnist.datasets.receipt import receipt_of
from caffe_mnist.datasets.stopping import StoppableProgress
from caffe_mnist.datasets.summary import summarise
from caffe_mnist.errors import JobError, exit_status

# So many broken records are named; a person reads no more.
MOST_FAULTS = 20
# What looks, for a path and the program's name; returns an exit status.
Look = Callable[[str, str], int]


def info(path: str, program: str) -> int:
    """Print what is at `path`; raises CaffeMnistError where that is nothing to read."""
    index = index_at(path)
    if index is not None:
        print("\n".join(lines(read_index(index))))
        return 0
    with StoppableProgress(program) as progress:
        found = summarise(path, progress=progress)
    print("\n".join(found.lines()))
    return 0


def check(path: str, program: str) -> int:
    """Read every record and print the broken ones; raises JobError if there are any."""
    where = index_at(path) or index_at(receipt_of(path))
    with StoppableProgress(program) as progress:
        if where is None:
            found = summarise(path, keep_going=True, progress=progress)
            wrong, count = found.faults, found.records
        else:
            index = read_index(where)
            wrong = list(faults(index, progress))
            count = sum(one.records for one in index.sets.values())
    for fault in wrong[:MOST_FAULTS]:
        print(fault)
    if wrong:
        raise JobError(f"faults: {len(wrong)} in {count} records", where=path)
    print(f"{path}: {count} records, all whole")
    return 0


def in_child(path: str, look: Look, program: str) -> int:
    """Do it in a process of its own; raises JobError where that was ended by a signal."""
    child = os.fork()
    if not child:
        status = exit_status(lambda: look(path, program), program)
        sys.stdout.flush()
        os._exit(status)
    try:
        with StoppableProgress(program) as nothing, nothing.at_once():
            status = os.waitpid(child, 0)[1]
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        raise JobError(f"damaged: reading it ended in {name}", where=path)
    return os.WEXITSTATUS(status)
