"""What is wrong with nets and a solver, all of it at once, for `launch/check.py`.

A program (`python -m caffe_mnist.engine.examination`) for those that must not load torch. It reads
JSON from standard input and writes JSON:

    {"solver": base64 of a SolverParameter or null,
     "nets": [{"phase": 0, "net": base64 of a NetParameter, its layers chosen already,
               "types": [types of layers, of others too]}, …]}
    {"solver": ["what is wrong", …],
     "nets": [{"layers": [{"layer": index, "name", "type", "tops", "shapes", "parameters"}, …],
               "faults": [{"layer": index or null, "what": …}, …],
               "types": [[number in the question's types, what is wrong], …],
               "parameters": numbers, "blobs": bytes, "outputs": […]}, …]}

Nets are built without their numbers (on PyTorch's `meta` device). A layer that cannot be built is
a fault; what reads its tops is passed over.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Sequence
from typing import Any

from caffe_mnist.engine.layer import Surroundings, layers
from caffe_mnist.engine.lr_policy import learning_rate, policies
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.summary import FLOAT, clear_fillers, without_numbers
from caffe_mnist.engine.updates import rules
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.prototxt import near


class Examination(Net):
    """A net that goes on building after a fault."""

    def __init__(self, param: caffe_pb2.NetParameter, surroundings: Surroundings) -> None:
        """Build what can be built; `faults` are (layer's index in `param` or None, what)."""
        self.faults: list[tuple[int | None, str]] = []
        self.written = list(param.layer)
        self.built: dict[int, int] = {}
        self._next = 0
        self._unknown: set[str] = set()
        super().__init__(param, surroundings)

    def _append(self, param: caffe_pb2.LayerParameter, unread: set[str]) -> None:
        index = self._index(param)
        if not self._unknown.isdisjoint(param.bottom):
            self._unknown.update(set(param.top) - set(self.blobs))
            unread.difference_update(param.bottom)
            return
        lists: tuple[list[Any], ...] = (
            self.layers, self.bottoms, self.tops, self.bottom_names, self.top_names,
            self.loss_weights, self._shapes, self.propagate_down, self._works_backward,
        )  # fmt: skip
        counts, known = [len(one) for one in lists], set(self.blobs)
        try:
            super()._append(param, unread)
            if index is not None:
                self.built[counts[0]] = index
        except Exception as error:  # what a user's Python layer raises, too, is a fault of the net
            for one, count in zip(lists, counts):
                del one[count:]
            for name in set(self.blobs) - known:
                del self.blobs[name]
                unread.discard(name)
            self._unknown.update(set(param.top) - known)
            if param.type in layers:  # other types are told of all together
                self.faults.append((index, self._words(error, param, index)))

    def _index(self, param: caffe_pb2.LayerParameter) -> int | None:
        """Which of the layers as written it is; None for a Split that was put in."""
        if self._next < len(self.written):
            here = self.written[self._next]
            if (here.name, here.type) == (param.name, param.type):
                self._next += 1
                return self._next - 1
        return None

    def _words(self, error: Exception, param: caffe_pb2.LayerParameter, index: int | None) -> str:
        names = param.bottom if index is None else self.written[index].bottom
        if not isinstance(error, CaffeMnistError):
            return f"{type(error).__name__}: {error}".strip().split("\n")[0]
        where = error.where or ""
        what = str(CaffeMnistError(error.what, where=None, hint=error.hint))
        bottoms = [
            f"{name} is {'x'.join(map(str, self.blobs[blob].shape)) or 'a number'}"
            for name, blob in dict(zip(names, param.bottom)).items()
            if blob in self.blobs
        ]
        what += f" [{', '.join(bottoms)}]" if bottoms else ""
        return what if where.startswith("layer ") or not where else f"{where}: {what}"


def examine_net(param: caffe_pb2.NetParameter, phase: int) -> dict[str, Any]:
    """One net, as JSON's values."""
    param.state.phase = phase  # type: ignore[assignment]
    clear_fillers(param)
    try:
        net = Examination(param, Surroundings(phase, without_numbers(param)))
    except CaffeMnistError as error:
        fault = {"layer": None, "what": str(error)}
        return {"layers": [], "faults": [fault], "parameters": 0, "blobs": 0, "outputs": []}
    seen: set[int] = set()
    found, parameters = [], 0
    for number, layer in enumerate(net.layers):
        for blob in layer.blobs:
            owner = blob.owner or blob
            parameters += 0 if id(owner) in seen else blob.count
            seen.add(id(owner))
        if number in net.built:
            found.append(
                {
                    "layer": net.built[number],
                    "name": layer.name,
                    "type": layer.param.type,
                    "tops": net.top_names[number],
                    "shapes": [list(blob.shape) for blob in net.tops[number]],
                    "parameters": sum(blob.count for blob in layer.blobs),
                }
            )
    blobs = FLOAT * sum(blob.count for blob in net.blobs.values())
    faults = [{"layer": index, "what": what} for index, what in net.faults]
    outputs = net.outputs
    net.close()
    return {"layers": found, "faults": faults, "parameters": parameters, "blobs": blobs,
            "outputs": outputs}  # fmt: skip


def examine_solver(param: caffe_pb2.SolverParameter) -> list[str]:
    """What the settings of a solver have wrong, by themselves."""
    faults = []
    for check in (
        lambda: rules.get(param.type)(param, []),
        lambda: learning_rate(param, 0),
        lambda: learning_rate(param, max(param.max_iter - 1, 0)),
    ):
        try:
            check()
        except CaffeMnistError as error:
            close = ""
            if "unknown learning rate policy" in error.what:
                close = near(param.lr_policy, policies)
            elif "unknown solver type" in error.what:
                close = near(param.type, rules)
            faults.append(f"{error}{close}")
    return list(dict.fromkeys(faults))


def _unknown(types: Sequence[str]) -> list[tuple[int, str]]:
    return [
        (index, f"there is no layer type {kind!r}{near(kind, layers)}")
        for index, kind in enumerate(types)
        if kind and kind not in layers
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Answer what standard input asks; returns 0."""
    asked = json.load(sys.stdin)
    solver = asked.get("solver")
    answer = {
        "solver": []
        if solver is None
        else examine_solver(caffe_pb2.SolverParameter.FromString(base64.b64decode(solver))),
        "nets": [
            examine_net(
                caffe_pb2.NetParameter.FromString(base64.b64decode(one["net"])), int(one["phase"])
            )
            | {"types": _unknown(one["types"])}
            for one in asked["nets"]
        ],
    }
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
