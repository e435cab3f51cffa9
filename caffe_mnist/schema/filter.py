"""Which layers of a net belong to a phase, level and set of stages.

A layer with `include` rules is in when one of them holds; with `exclude` rules, when none of
them holds; without rules, always. A rule holds when each thing it mentions does.
"""

from __future__ import annotations

from collections.abc import Callable

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2

Report = Callable[[str, str], None]


def filter_net(net: caffe_pb2.NetParameter, report: Report | None = None) -> caffe_pb2.NetParameter:
    """A copy of `net` with only the layers of its own `state`.

    `report` receives Caffe's log line for each rule that does not hold, with its place.
    """
    filtered = caffe_pb2.NetParameter()
    filtered.CopyFrom(net)
    del filtered.layer[:]
    for layer in net.layer:
        if layer.include and layer.exclude:
            raise CaffeMnistError(
                "has both include and exclude rules", where=f"layer {layer.name!r}"
            )
        if layer.include:
            belongs = any(_holds(rule, net.state, layer.name, report) for rule in layer.include)
        else:
            belongs = not any(_holds(rule, net.state, layer.name, report) for rule in layer.exclude)
        if belongs:
            filtered.layer.add().CopyFrom(layer)
    return filtered


def holds(rule: caffe_pb2.NetStateRule, state: caffe_pb2.NetState) -> bool:
    """Whether `state` meets everything that `rule` mentions."""
    return _holds(rule, state, "", None)


def _holds(
    rule: caffe_pb2.NetStateRule, state: caffe_pb2.NetState, layer: str, report: Report | None
) -> bool:
    fault = _first_fault(rule, state)
    if fault and report:
        place, what = fault
        report(place, f"The NetState {what} specified by a rule in layer {layer}")
    return fault is None


def _first_fault(rule: caffe_pb2.NetStateRule, state: caffe_pb2.NetState) -> tuple[str, str] | None:
    """What of `rule` does not hold, in Caffe's words ("above" is one of them), and their place."""
    if rule.HasField("phase") and rule.phase != state.phase:
        what = f"phase ({state.phase}) differed from the phase ({rule.phase})"
        return "net.cpp:296", what
    level = state.level
    if rule.HasField("min_level") and level < rule.min_level:
        return "net.cpp:306", f"level ({level}) is above the min_level ({rule.min_level})"
    if rule.HasField("max_level") and level > rule.max_level:
        return "net.cpp:316", f"level ({level}) is above the max_level ({rule.max_level})"
    stages = set(state.stage)
    for stage in rule.stage:
        if stage not in stages:
            return "net.cpp:332", f"did not contain stage '{stage}'"
    for stage in rule.not_stage:
        if stage in stages:
            return "net.cpp:347", f"contained a not_stage '{stage}'"
    return None
