"""Trainings of several workers, all in one group: run by torchrun for test_group.py.

Usage: group_cases.py FOLDER, with FOLDER/NAME.prototxt the solvers and FOLDER/names their names
(NAME.RANK.prototxt is that of one worker alone, where it is).
Writes FOLDER/NAME-RANK.pt: the weights after max_iter iterations, and the last labels seen.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from caffe_mnist.engine.asked import Action
from caffe_mnist.engine.glog import write_from
from caffe_mnist.engine.group import Group
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.solver import Solver
from caffe_mnist.engine.solver_file import read_solver
from caffe_mnist.engine.solver_run import Run
from caffe_mnist.engine.team import Team


def trained(path: Path, team: Team) -> dict[str, list[torch.Tensor]]:
    """The weights and the labels of the last batch, after all iterations of the solver."""
    solver = Solver(read_solver(str(path)), Run(team=team))
    team.share(solver)
    solver.step(solver.param.max_iter)
    found = {"weights": weights(solver.net), "labels": [solver.net.blobs["label"].data.clone()]}
    solver.close()
    return found


def weights(net: Net) -> list[torch.Tensor]:
    """All parameters of a net, in order."""
    return [blob.data.clone() for layer in net.layers for blob in layer.blobs]


def main(folder: Path) -> None:
    """All cases, one after the other."""
    write_from(3)
    team = Group(lambda: Action.NONE, torch.device("cpu"), 120)
    for name in (folder / "names").read_text().split():
        own = folder / f"{name}.{team.rank}.prototxt"
        path = own if own.exists() else folder / f"{name}.prototxt"
        torch.save(trained(path, team), folder / f"{name}-{team.rank}.pt")
    team.close()


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    main(Path(sys.argv[1]))
