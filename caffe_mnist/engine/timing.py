"""How long each layer takes, forward and backward (`caffe time`)."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from caffe_mnist.engine.glog import info, number
from caffe_mnist.engine.net import Net


def time_net(net: Net, iterations: int) -> None:
    """Run `iterations` passes both ways and log each layer's mean time in milliseconds."""
    info("caffe.cpp:351", "Performing Forward")
    loss = float(net.forward())
    info("caffe.cpp:356", f"Initial loss: {number(loss)}")
    info("caffe.cpp:357", "Performing Backward")
    net.backward()
    info("caffe.cpp:365", "*** Benchmark begins ***")
    info("caffe.cpp:366", f"Testing for {iterations} iterations.")
    count = len(net.layers)
    sums = {"forward": [0.0] * count, "backward": [0.0] * count}
    begin = time.perf_counter()
    for iteration in range(1, iterations + 1):
        started = time.perf_counter()
        net.parameters.clear_diffs()
        for index in range(count):
            sums["forward"][index] += _seconds(net, lambda k=index: net.forward(k, k))  # type: ignore[misc]
        for index in range(count - 1, -1, -1):
            sums["backward"][index] += _seconds(net, lambda k=index: net.backward(k, k))  # type: ignore[misc]
        took = time.perf_counter() - started
        text = f"Iteration: {iteration} forward-backward time: {_ms(took)} ms."
        info("caffe.cpp:394", text)
    total = time.perf_counter() - begin
    iterations = max(iterations, 1)
    info("caffe.cpp:397", "Average time per layer: ")
    for index, name in enumerate(net.layer_names):
        for place, way in (("caffe.cpp:400", "forward"), ("caffe.cpp:403", "backward")):
            info(place, f"{name:>10}\t{way}: {_ms(sums[way][index] / iterations)} ms.")
    forward, backward = sum(sums["forward"]), sum(sums["backward"])
    info("caffe.cpp:408", f"Average Forward pass: {_ms(forward / iterations)} ms.")
    info("caffe.cpp:410", f"Average Backward pass: {_ms(backward / iterations)} ms.")
    info("caffe.cpp:412", f"Average Forward-Backward: {_ms(total / iterations)} ms.")
    info("caffe.cpp:414", f"Total Time: {_ms(total)} ms.")
    info("caffe.cpp:415", "*** Benchmark ends ***")


def _seconds(net: Net, work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    if net.surroundings.device.type == "cuda":
        torch.cuda.synchronize(net.surroundings.device)
    return time.perf_counter() - started


def _ms(seconds: float) -> str:
    return number(seconds * 1000)
