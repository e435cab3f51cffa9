"""The old enum `solver_type` of solvers, as the name that took its place."""

from __future__ import annotations

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2

# In the order of the enum's numbers.
TYPES = ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam")


def upgrade_solver(solver: caffe_pb2.SolverParameter, where: object = "solver") -> None:
    """Give `solver` its type by name; raises CaffeMnistError if it is there both ways."""
    if not solver.HasField("solver_type"):
        return
    if solver.HasField("type"):
        raise CaffeMnistError("gives both type and the old solver_type", where=where)
    solver.type = TYPES[solver.solver_type]
    solver.ClearField("solver_type")
