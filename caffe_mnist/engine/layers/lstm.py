"""LSTM: long short-term memory over sequences.

With [i f o g] = W x + b (+ W_static x_static) + W_h (δ h): c' = δ σ(f) c + σ(i) tanh(g),
h' = σ(o) tanh(c'). Parameters: W (4D × inputs), b (4D), W_static (4D × inputs), W_h (4D × D).
"""

from __future__ import annotations

import torch
from torch import Tensor

from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.layers.lstm_unit import Step, step, step_back
from caffe_mnist.engine.layers.recurrent import Recurrent


@layers.register("LSTM")
class LSTM(Recurrent):
    """Options: recurrent_param. The states are h and c, in this order."""

    states = 2
    gates = 4

    def recurrent_weights(self) -> list[tuple[int, ...]]:
        """The weights of h."""
        return [(4 * self.outputs, self.outputs)]

    def run(self, sums: Tensor, marks: Tensor, start: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Step by step; each step is kept for the way back."""
        hidden, cells = start
        weights = self.blobs[self.own].data.t()
        self.marks = marks
        self.kept: list[Tensor] = []
        self.done: list[Step] = []
        outputs = []
        for added, mark in zip(sums, marks):
            self.kept.append(hidden * mark)
            self.done.append(step(cells, torch.addmm(added, self.kept[-1], weights), mark))
            cells, hidden = self.done[-1].outputs
            outputs.append(hidden)
        return torch.stack(outputs), [hidden, cells]

    def run_back(self, gradient: Tensor) -> Tensor:
        """Back from the last step to the first."""
        weights = self.blobs[self.own].data
        d_sums = gradient.new_empty(*gradient.shape[:2], 4 * self.outputs)
        d_hidden = d_cells = torch.zeros_like(gradient[0])
        for t in range(len(gradient) - 1, -1, -1):
            d_cells, d_sums[t] = step_back(self.done[t], d_cells, gradient[t] + d_hidden)
            d_hidden = (d_sums[t] @ weights) * self.marks[t]
        kept = torch.cat(self.kept)
        self.blobs[self.own].add_diff(d_sums.view(len(kept), -1).t() @ kept)
        return d_sums
