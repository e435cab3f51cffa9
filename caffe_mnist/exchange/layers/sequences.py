"""LSTM, RNN, LSTMUnit: step by step, so the number of steps is that of the net.

ONNX has recurrent operators, but without Caffe's marks of where a sequence begins. A layer that
does not expose its state begins each run with zeros (in Caffe: where the last run ended).
"""

from __future__ import annotations

from collections.abc import Sequence

from caffe_mnist.engine.layers.lstm import LSTM
from caffe_mnist.engine.layers.recurrent import Recurrent
from caffe_mnist.engine.layers.rnn import RNN
from caffe_mnist.engine.weights import array
from caffe_mnist.exchange.site import Site, writers


@writers.register("LSTM")
def lstm(site: Site) -> Sequence[str]:
    """One LSTMUnit after the other."""
    layer = site.layer
    assert isinstance(layer, LSTM)
    sums, marks, (hidden, cells) = _steps(site, layer)
    weights, outputs = _transposed(site, layer, layer.own), []
    for added, mark in zip(sums, marks):
        if hidden is not None:
            kept = site.add("Mul", hidden, mark)
            added = site.add("Add", added, site.add("MatMul", kept, weights))
        cells, hidden = unit(site, cells, added, mark, layer.outputs)
        outputs.append(hidden)
    last = [hidden, cells] if layer.exposed else []
    return [_joined(site, outputs), *(one for one in last if one is not None)]


@writers.register("RNN")
def rnn(site: Site) -> Sequence[str]:
    """The states, then all outputs at once."""
    layer = site.layer
    assert isinstance(layer, RNN)
    sums, marks, (hidden,) = _steps(site, layer)
    weights, states = _transposed(site, layer, layer.own), []
    for added, mark in zip(sums, marks):
        if hidden is not None:
            kept = site.add("Mul", hidden, mark)
            added = site.add("Add", added, site.add("MatMul", kept, weights))
        hidden = site.add("Tanh", added)
        states.append(hidden)
    outs = site.add("MatMul", _joined(site, states), _transposed(site, layer, layer.own + 1))
    outs = site.add("Tanh", site.add("Add", outs, site.parameter(layer.own + 2)))
    return [outs, *([hidden] if layer.exposed and hidden is not None else [])]


@writers.register("LSTMUnit")
def lstm_unit(site: Site) -> Sequence[str]:
    """One step."""
    cells, sums, marks = site.bottoms
    mark = site.reshaped(marks, site.before[2], (*site.before[2], 1))
    return unit(site, cells, sums, mark, site.known(site.before[0][2:])[0])


def unit(site: Site, cells: str | None, sums: str, mark: str, width: int) -> tuple[str, str]:
    """The cells and outputs after a step, 1 × N × D each; `cells` None are zeros."""
    gates, candidate = _split(site, sums, [3 * width, width], 2)
    inlet, forget, outlet = _split(site, site.add("Sigmoid", gates), [width] * 3, 2)
    after = site.add("Mul", inlet, site.add("Tanh", candidate))
    if cells is not None:
        kept = site.add("Mul", site.add("Mul", forget, mark), cells)
        after = site.add("Add", kept, after)
    return after, site.add("Mul", outlet, site.add("Tanh", after))


def _steps(site: Site, layer: Recurrent) -> tuple[list[str], list[str], list[str | None]]:
    """For each step what the inputs add and the marks; the states to begin with."""
    before = site.before
    steps, number = site.known(before[0][:1])[0], before[0][1]
    rows = site.joined(before[0][:2])
    width = layer.gates * layer.outputs
    x = site.reshaped(site.bottoms[0], before[0], (rows, layer.inputs[0]))
    sums = site.add("Gemm", x, site.parameter(0), site.parameter(1), transB=1)
    sums = site.reshaped(sums, (rows, width), (steps, number, width))
    if layer.static:
        x = site.reshaped(site.bottoms[2], before[2], (number, layer.inputs[1]))
        sums = site.add("Add", sums, site.add("Gemm", x, site.parameter(2), transB=1))
    marks = site.reshaped(site.bottoms[1], before[1], (*before[1], 1))
    start: list[str | None] = [None] * layer.states
    if layer.exposed:
        start = list(site.bottoms[-layer.exposed :])
    ones = [1] * steps
    return _split(site, sums, ones, 0), _split(site, marks, ones, 0), start


def _transposed(site: Site, layer: Recurrent, index: int) -> str:
    return site.values(array(layer.blobs[index].data.t()))


def _split(site: Site, x: str, sizes: Sequence[int], axis: int) -> list[str]:
    if len(sizes) == 1:
        return [x]
    return site.several("Split", len(sizes), x, site.ints(*sizes), axis=axis)


def _joined(site: Site, parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else site.add("Concat", *parts, axis=0)
