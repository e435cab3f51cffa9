"""LSTMUnit: one time step of an LSTM, from the sums of its gates.

Bottoms: cells c (1 × N × D), gate sums x (1 × N × 4D: input i, forget f, output o, candidate g),
continuation marks δ (1 × N). Tops: c' = δ σ(f) c + σ(i) tanh(g) and h' = σ(o) tanh(c').
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers


@dataclass(frozen=True)
class Step:
    """What one step leaves for its way back: N × D each (`gates` N × 3D: i, f, o)."""

    cells: Tensor
    gates: Tensor
    candidate: Tensor
    bent: Tensor
    outputs: tuple[Tensor, Tensor]


def step(cells: Tensor, sums: Tensor, marks: Tensor) -> Step:
    """One step for N × D `cells`, N × 4D `sums` and N × 1 `marks`; outputs are c' and h'."""
    width = cells.shape[1]
    gates = torch.sigmoid(sums[:, : 3 * width])
    gates[:, width : 2 * width] *= marks
    candidate = torch.tanh(sums[:, 3 * width :])
    inlet, forget, outlet = torch.split(gates, width, 1)
    after = torch.addcmul(forget * cells, inlet, candidate)
    bent = torch.tanh(after)
    return Step(cells, gates, candidate, bent, (after, outlet * bent))


def step_back(done: Step, d_cells: Tensor, d_hidden: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of the cells before (N × D) and of the gate sums (N × 4D).

    As in Caffe, a forget gate's slope is that of its product with the mark.
    """
    inlet, forget, outlet = torch.split(done.gates, d_cells.shape[1], 1)
    d_after = torch.addcmul(d_cells, d_hidden * outlet, 1 - done.bent.square())
    d_gates = torch.cat((d_after * done.candidate, d_after * done.cells, d_hidden * done.bent), 1)
    d_gates *= done.gates * (1 - done.gates)
    d_candidate = d_after * inlet * (1 - done.candidate.square())
    return d_after * forget, torch.cat((d_gates, d_candidate), 1)


@layers.register("LSTMUnit")
class LSTMUnit(Layer):
    """No options. The marks have no gradient."""

    bottoms = (3, 3)
    tops = (2, 2)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Both tops have the shape of the cells."""
        cells, sums, marks = (blob.shape for blob in bottom)
        if len(cells) != 3 or cells[0] != 1:
            raise self.error(f"needs cells of 1 × N × D, found {cells}")
        if sums != (1, cells[1], 4 * cells[2]):
            raise self.error(f"needs gate sums of 1 × {cells[1]} × {4 * cells[2]}, found {sums}")
        if marks != (1, cells[1]):
            raise self.error(f"needs marks of 1 × {cells[1]}, found {marks}")
        for blob in top:
            blob.reshape(cells)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """One step."""
        cells, sums, marks = (blob.data for blob in bottom)
        self.done = step(cells[0], sums[0], marks.reshape(-1, 1))
        for blob, values in zip(top, self.done.outputs):
            blob.data = values.unsqueeze(0)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Gradients of cells and gate sums."""
        if propagate_down[2]:
            raise self.error("cannot propagate to the continuation marks")
        if any(propagate_down):
            # Caffe looks at the top again, which a layer in place may have changed.
            done = replace(self.done, bent=torch.tanh(top[0].data[0]))
            gradients = step_back(done, top[0].diff[0], top[1].diff[0])
            for blob, gradient in zip(bottom, gradients):
                blob.diff = gradient.unsqueeze(0)

    def allows_force_backward(self, index: int) -> bool:
        """The marks have no gradient."""
        return index != 2
