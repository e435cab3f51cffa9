"""Which nets a solver trains and tests: its many ways to name them, and their states."""

from __future__ import annotations

from collections.abc import Iterator

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text

Net = caffe_pb2.NetParameter


def train_net_param(solver: caffe_pb2.SolverParameter) -> Net:
    """The net to train, with phase TRAIN and the solver's train_state merged into its state.

    Raises CaffeMnistError unless it is given in exactly one way.
    """
    ways = ("net", "net_param", "train_net", "train_net_param")
    given = [way for way in ways if solver.HasField(way)]
    if len(given) != 1:
        found = ", ".join(given) or "none"
        raise CaffeMnistError(
            f"a solver names its train net in one of {', '.join(ways)}; found {found}",
            where="solver",
        )
    value = getattr(solver, given[0])
    net = _copy(value if given[0].endswith("_param") else read_text(value, Net))
    return _with_state(net, caffe_pb2.TRAIN, solver.train_state)


def train_net_source(solver: caffe_pb2.SolverParameter) -> tuple[str, str]:
    """Caffe's log line on where the train net comes from, with its place."""
    if solver.HasField("train_net_param"):
        return "solver.cpp:88", "Creating training net specified in train_net_param."
    if solver.HasField("train_net"):
        return "solver.cpp:92", f"Creating training net from train_net file: {solver.train_net}"
    if solver.HasField("net_param"):
        return "solver.cpp:97", "Creating training net specified in net_param."
    return "solver.cpp:102", f"Creating training net from net file: {solver.net}"


def test_net_sources(solver: caffe_pb2.SolverParameter) -> Iterator[str]:
    """Where each test net comes from, in Caffe's words; the last one for all that follow."""
    yield from ["test_net_param"] * len(solver.test_net_param)
    yield from [f"test_net file: {path}" for path in solver.test_net]
    while True:
        yield "net_param" if solver.HasField("net_param") else f"net file: {solver.net}"


def test_net_params(solver: caffe_pb2.SolverParameter) -> list[Net]:
    """The nets to test, each with phase TEST and its test_state merged into its state.

    First those of test_net_param, then of test_net; then `net` or `net_param`, as often as
    there are values of test_iter left. Raises CaffeMnistError when the counts do not fit.
    """
    nets = list(_test_nets(solver))
    if len(solver.test_iter) != len(nets):
        raise CaffeMnistError(
            f"gives test_iter {len(solver.test_iter)} times for {len(nets)} test net(s)",
            where="solver",
        )
    if solver.test_state and len(solver.test_state) != len(nets):
        raise CaffeMnistError(
            f"gives test_state {len(solver.test_state)} times for {len(nets)} test net(s)",
            where="solver",
        )
    if nets and solver.test_interval < 1:
        raise CaffeMnistError("has test nets, but no positive test_interval", where="solver")
    states = list(solver.test_state) or [caffe_pb2.NetState()] * len(nets)
    return [_with_state(net, caffe_pb2.TEST, state) for net, state in zip(nets, states)]


def _test_nets(solver: caffe_pb2.SolverParameter) -> Iterator[Net]:
    explicit = len(solver.test_net_param) + len(solver.test_net)
    for net in solver.test_net_param:
        yield _copy(net)
    for path in solver.test_net:
        yield _copy(read_text(path, Net))
    left = len(solver.test_iter) - explicit
    for _ in range(left):
        if solver.HasField("net_param"):
            yield _copy(solver.net_param)
        elif solver.HasField("net"):
            yield _copy(read_text(solver.net, Net))


def _with_state(net: Net, phase: int, state: caffe_pb2.NetState) -> Net:
    merged = caffe_pb2.NetState(phase=phase)  # type: ignore[arg-type]
    merged.MergeFrom(net.state)
    merged.MergeFrom(state)
    net.state.CopyFrom(merged)
    return net


def _copy(net: Net) -> Net:
    copy = Net()
    copy.CopyFrom(net)
    return copy
