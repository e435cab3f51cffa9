"""Where a solver's training begins: at the start, at a snapshot, or where its group was left.

`PREFIX_newest.json` names the newest snapshot of a run of several workers, so that a group that
is formed again finds it: {"run": "…", "snapshot": "model/lenet_iter_500.solverstate"}.
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

from caffe_mnist.engine import others
from caffe_mnist.engine.glog import info
from caffe_mnist.engine.layers.source import PictureSource
from caffe_mnist.engine.member import run_name
from caffe_mnist.engine.parts import Parts
from caffe_mnist.engine.solver import Solver
from caffe_mnist.engine.team import Team
from caffe_mnist.files import aside_of, replacing


class Beginning:
    """Begins the training of one run, and notes its newest snapshot where others take part."""

    def __init__(self, prefix: str, team: Team) -> None:
        """Of the snapshots PREFIX_iter_N."""
        self._path, self._run, self._team = Path(f"{prefix}_newest.json"), run_name(), team
        name = re.escape(Path(prefix).name)
        self._snapshot = re.compile(rf"{name}_iter_\d+\.(caffemodel|solverstate)(\.h5)?")

    def begin(self, solver: Solver, snapshot: str) -> None:
        """Bring `solver` to `snapshot`, if one is named, or to a newer one of this very run.

        In a group the root alone reads; the others get all of it from there.
        """
        team = self._team
        if team.is_root:
            newest = self._newest()
            if newest:
                self._tidy()
            snapshot = newest or snapshot
        if snapshot and team.is_root:
            info("caffe.cpp:235", f"Resuming from {snapshot}")
            solver.restore(snapshot)
        team.share(solver)
        known = Parts.of(solver.more)
        if solver.run.resume_data and solver.iteration and (team.size > 1 or known.parts):
            taken = team.agree(known.taken(solver.iteration, team.size))
            exact = others.go_on(solver)
            if exact or (team.size == 1 and known.parts[-1][1] == 1):
                _seek_pictures(solver, taken)
            else:
                _share_seeds(solver)
                solver.seek(taken)
        known.going_on(solver.iteration, team.size).keep(solver.more)
        others.note(solver)

    def wrote(self, state: str) -> None:
        """Note that `state` is the newest snapshot, complete with its weights."""
        if self._team.size > 1 and self._run:
            with replacing(self._path) as aside:
                aside.write_text(json.dumps({"run": self._run, "snapshot": state}) + "\n")

    def _tidy(self) -> None:
        """Remove what a root of this very run was writing when it was killed."""
        with contextlib.suppress(OSError):
            for path in self._path.parent.iterdir():
                if self._snapshot.fullmatch(aside_of(path.name)):
                    path.unlink()

    def _newest(self) -> str:
        """The newest snapshot of this run so far; empty where there is none."""
        try:
            found = json.loads(self._path.read_bytes())
            mine = bool(self._run) and found["run"] == self._run
            return str(found["snapshot"]) if mine else ""
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return ""


def _seek_pictures(solver: Solver, taken: int) -> None:
    """In layers that know their place by a count of batches; all else is where it was left."""
    passes = max(solver.param.iter_size, 1)
    for layer in solver.net.layers:
        if isinstance(layer, PictureSource):
            layer.skip_to(solver.iteration * passes, taken * passes)


def _share_seeds(solver: Solver) -> None:
    """Orders as the root's; crops and mirrors by a seed of each worker's own."""
    sources = [layer for layer in solver.net.layers if isinstance(layer, PictureSource)]
    content = json.dumps([layer.seeds() for layer in sources]).encode()
    for layer, state in zip(sources, json.loads(solver.team.tell(content))):
        if "seed" in state:
            state["seed"] = (int(state["seed"]) + solver.team.rank) % 2**32
        if not solver.team.is_root:
            layer.take_seeds(state)
