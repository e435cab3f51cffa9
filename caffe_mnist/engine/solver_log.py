"""What a solver logs of an iteration and of a test: loss, speed, the nets' outputs."""

from __future__ import annotations

import time

from caffe_mnist.engine.glog import info, number
from caffe_mnist.engine.net import Net


class Display:
    """The lines of displayed iterations; the speed is that since the last ones."""

    def __init__(self, every: int, iteration: int) -> None:
        self._every = every
        self._from = iteration, time.perf_counter()

    def log(self, net: Net, iteration: int, loss: float) -> None:
        """The smoothed loss, and each value of the net's outputs."""
        last, since = self._from
        now = time.perf_counter()
        seconds = now - since
        speed = (iteration - last) / (seconds or 1.0)
        info(
            "solver.cpp:239",
            f"Iteration {iteration} ({number(speed)} iter/s, {number(seconds)}s/"
            f"{self._every} iters), loss = {number(loss)}",
        )
        self._from = (iteration, now)
        values = [
            (name, value)
            for name in net.outputs
            for value in net.blobs[name].data.flatten().tolist()
        ]
        log_outputs(net, values, "solver.cpp:258", "Train")


def log_outputs(net: Net, values: list[tuple[str, float]], place: str, kind: str) -> None:
    """A line for each value, with its share of the loss."""
    for index, (name, value) in enumerate(values):
        weight = net.blob_loss_weights.get(name, 0.0)
        loss = f" (* {number(weight)} = {number(weight * value)} loss)" if weight else ""
        info(place, f"    {kind} net output #{index}: {name} = {number(value)}{loss}")
