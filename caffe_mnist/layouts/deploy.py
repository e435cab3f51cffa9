"""The deploy net of a train_val net: data in by hand, scores out, nothing to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf import text_format

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2

# Layers that only train or measure; what a loss turns scores into is kept as a layer of its own.
LOSSES = {"SoftmaxWithLoss": ("Softmax", "prob"), "SigmoidCrossEntropyLoss": ("Sigmoid", "prob")}
DROPPED = frozenset(
    {"Accuracy", "ContrastiveLoss", "EuclideanLoss", "HingeLoss", "HDF5Output", "InfogainLoss",
     "MultinomialLogisticLoss", "Silence"}
)  # fmt: skip
SOURCES = frozenset({"Data", "ImageData", "HDF5Data", "MemoryData", "WindowData", "DummyData"})


def deploy_net(net: Any, shape: Sequence[int], where: object) -> Any:
    """A NetParameter for inference on blobs of `shape` (N × C × H × W).

    The TEST phase's data layer becomes an Input that keeps its transform_param (Caffe ignores
    it there; programs that feed pictures read it). Raises CaffeMnistError when there is no data
    layer with one data top.
    """
    kept = [layer for layer in net.layer if _in_test(layer)]
    sources = [layer for layer in kept if layer.type in SOURCES]
    if len(sources) != 1 or not sources[0].top:
        raise CaffeMnistError(
            f"needs one data layer in the TEST phase, found {len(sources)}", where=where
        )
    source = sources[0]
    deploy = caffe_pb2.NetParameter(name=net.name)
    first = deploy.layer.add(name=source.name, type="Input", top=[source.top[0]])
    first.input_param.shape.add(dim=shape)
    if source.HasField("transform_param"):
        first.transform_param.CopyFrom(source.transform_param)
        first.transform_param.ClearField("mirror")
    gone = set(source.top[1:])
    for layer in kept:
        if layer is source or layer.type in DROPPED or not gone.isdisjoint(layer.bottom):
            if layer.type in LOSSES:
                _add_scores(deploy, layer)
            elif layer is not source:
                gone.update(set(layer.top) - set(layer.bottom))
            continue
        copy = deploy.layer.add()
        copy.CopyFrom(layer)
        for name in ("include", "exclude", "phase"):
            copy.ClearField(name)
    return deploy


def deploy_text(net: Any, shape: Sequence[int], where: object) -> str:
    """`deploy_net` as prototxt."""
    return str(text_format.MessageToString(deploy_net(net, shape, where)))


def _in_test(layer: Any) -> bool:
    test = caffe_pb2.TEST
    if layer.include:
        return any(not rule.HasField("phase") or rule.phase == test for rule in layer.include)
    return not any(rule.HasField("phase") and rule.phase == test for rule in layer.exclude)


def _add_scores(deploy: Any, loss: Any) -> None:
    kind, name = LOSSES[loss.type]
    taken = {layer.name for layer in deploy.layer} | {
        top for one in deploy.layer for top in one.top
    }
    name = name if name not in taken else f"{name}_{loss.name}"
    scores = deploy.layer.add(name=name, type=kind, bottom=[loss.bottom[0]], top=[name])
    if loss.HasField("softmax_param"):
        scores.softmax_param.CopyFrom(loss.softmax_param)
