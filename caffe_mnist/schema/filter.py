"""Which layers of a net belong to a phase, level and set of stages.

A layer with `include` rules is in when one of them holds; with `exclude` rules, when none of
them holds; without rules, always. A rule holds when each thing it mentions does.
"""

from __future__ import annotations

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2


def filter_net(net: caffe_pb2.NetParameter) -> caffe_pb2.NetParameter:
    """A copy of `net` with only the layers of its own `state`."""
    filtered = caffe_pb2.NetParameter()
    filtered.CopyFrom(net)
    del filtered.layer[:]
    for layer in net.layer:
        if layer.include and layer.exclude:
            raise CaffeMnistError(
                "has both include and exclude rules", where=f"layer {layer.name!r}"
            )
        if layer.include:
            belongs = any(holds(rule, net.state) for rule in layer.include)
        else:
            belongs = not any(holds(rule, net.state) for rule in layer.exclude)
        if belongs:
            filtered.layer.add().CopyFrom(layer)
    return filtered


def holds(rule: caffe_pb2.NetStateRule, state: caffe_pb2.NetState) -> bool:
    """Whether `state` meets everything that `rule` mentions."""
    if rule.HasField("phase") and rule.phase != state.phase:
        return False
    if rule.HasField("min_level") and state.level < rule.min_level:
        return False
    if rule.HasField("max_level") and state.level > rule.max_level:
        return False
    stages = set(state.stage)
    return stages.issuperset(rule.stage) and stages.isdisjoint(rule.not_stage)
