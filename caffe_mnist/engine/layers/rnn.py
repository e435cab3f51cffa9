"""RNN: a simple recurrent net, h' = tanh(W x + b (+ W_static x_static) + W_h (δ h)).

The top is o = tanh(W_o h' + b_o). Parameters: W (D × inputs), b (D), W_static (D × inputs),
W_h (D × D), W_o (D × D), b_o (D).
"""

from __future__ import annotations

import torch
from torch import Tensor

from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.layers.recurrent import Recurrent


@layers.register("RNN")
class RNN(Recurrent):
    """Options: recurrent_param. The state is h."""

    def recurrent_weights(self) -> list[tuple[int, ...]]:
        """The weights of h, and weights and bias of the output."""
        return [(self.outputs, self.outputs), (self.outputs, self.outputs), (self.outputs,)]

    def run(self, sums: Tensor, marks: Tensor, start: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The state step by step, then all outputs at once."""
        weights, out, bias = (blob.data for blob in self.blobs[self.own :])
        hidden, self.marks = start[0], marks
        kept, states = [], []
        for added, mark in zip(sums, marks):
            kept.append(hidden * mark)
            hidden = torch.addmm(added, kept[-1], weights.t()).tanh_()
            states.append(hidden)
        self.kept, self.hidden = torch.stack(kept), torch.stack(states)
        self.outs = (self.hidden @ out.t()).add_(bias).tanh_()
        return self.outs, [hidden]

    def run_back(self, gradient: Tensor) -> Tensor:
        """The outputs at once, then the state back from the last step to the first."""
        weights, out, _ = (blob.data for blob in self.blobs[self.own :])
        d_outs = gradient * (1 - self.outs.square())
        d_states = d_outs @ out
        d_sums = torch.empty_like(d_states)
        d_hidden = torch.zeros_like(gradient[0])
        for t in range(len(gradient) - 1, -1, -1):
            d_sums[t] = (d_states[t] + d_hidden) * (1 - self.hidden[t].square())
            d_hidden = (d_sums[t] @ weights) * self.marks[t]
        rows = d_outs.flatten(0, 1)
        gradients = (
            d_sums.flatten(0, 1).t() @ self.kept.flatten(0, 1),
            rows.t() @ self.hidden.flatten(0, 1),
            rows.sum(0),
        )
        for index, values in enumerate(gradients, self.own):
            self.blobs[index].add_diff(values)
        return d_sums
