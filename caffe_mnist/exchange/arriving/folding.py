"""Operators whose arguments are all known, computed while the net is drawn.

ONNX's own reference implementation says what they give. Shapes are constants here, with an open
batch as a number that nothing else has, so that what programs compute of shapes comes out, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from caffe_mnist.exchange.arriving.draft import UnfitError
from caffe_mnist.exchange.arriving.source import Node
from caffe_mnist.exchange.arriving.value import Array, count

# A constant of more numbers was made of the size of the batch, or is no weight of a net.
MOST = 2**28
_FILLING = ("ConstantOfShape", "Expand", "Tile", "Range", "Resize", "Upsample", "EyeLike")


def fold(node: Node, given: list[Any], opset: int) -> list[Array]:
    """What the node gives; raises UnfitError for what cannot be computed now."""
    if node.kind in _FILLING:
        _check_size(node, given)
    if node.kind.startswith("Random"):
        raise UnfitError("draws random numbers")
    names = [name for name in node.origin.input if name]
    feeds = {name: np.asarray(one) for name, one in zip(names, (x for x in given if x is not None))}
    try:
        return _run(node, feeds, opset)
    except Exception as error:  # of many kinds, from within any operator
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UnfitError(f"cannot be computed: {reason}") from None


def _run(node: Node, feeds: dict[str, Array], opset: int) -> list[Array]:
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(one.dtype), one.shape)
        for name, one in feeds.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.outputs if name]
    graph = helper.make_graph([node.origin], "one", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    found = iter(ReferenceEvaluator(model).run(None, feeds))
    return [np.asarray(next(found)) if name else np.zeros(0) for name in node.outputs]


def _check_size(node: Node, given: list[Any]) -> None:
    if node.kind == "Range":
        start, end, step = (float(np.asarray(one).reshape(-1)[0]) for one in given)
        size = abs((end - start) / step) if step else 0.0
    elif node.kind == "ConstantOfShape":
        size = count(tuple(int(one) for one in np.asarray(given[0]).reshape(-1)))
    elif node.kind == "Expand":
        shape = tuple(int(one) for one in np.asarray(given[1]).reshape(-1))
        size = max(count(shape), 0)
    elif node.kind == "Tile":
        size = count(np.asarray(given[0]).shape) * count(tuple(np.asarray(given[1]).tolist()))
    else:
        size = 0
    if size > MOST:
        raise UnfitError("makes a constant as large as the batch", hint="--input-shape")
