"""Where the workers beside the root are, kept in the root's snapshots for an exact resume.

The data goes on by a count of records, but what chance decides in each worker (Dropout, crops,
mirrors, drawn windows) and what recurrent layers carry on is that worker's own. All note it
together, before the root makes a snapshot or tests, as an entry `others` of a snapshot's running
state: for each but the root, in the order of ranks, a running state without test nets.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from caffe_mnist.engine.glog import warning
from caffe_mnist.engine.running_state import RunningState

if TYPE_CHECKING:
    from caffe_mnist.engine.solver import Solver

NAME = "others"


def note(solver: Solver) -> None:
    """Let the root's next snapshots hold where everybody is now; all call it at the same place."""
    team = solver.team
    if team.size == 1:
        return
    mine = RunningState.of(solver.generator, solver.net, []).to_bytes()
    found = team.gather(b"" if team.is_root else mine)
    if team.is_root:
        solver.more[NAME] = [one.decode() for one in found[1:]]


def go_on(solver: Solver) -> bool:
    """Bring each to where the root's snapshot says; all call it at the same place.

    False, with nothing changed, where it says nothing, or of another number of workers.
    """
    team = solver.team
    kept = solver.more.pop(NAME, [])
    if team.size == 1:
        return False
    known = json.loads(team.tell(json.dumps(kept).encode()))
    if not _is_of(known, team.size):
        return False
    if team.is_root:
        return True
    try:
        faults = RunningState.from_bytes(known[team.rank - 1].encode()).restore(
            solver.generator, solver.net, []
        )
    except ValueError as error:
        faults = [str(error)]
    for fault in faults:
        warning("solver.cpp:1", f"worker {team.rank} does not go on where it was: {fault}")
    return True


def _is_of(known: Any, workers: int) -> bool:
    return (
        isinstance(known, list)
        and len(known) == workers - 1
        and all(isinstance(one, str) for one in known)
    )
