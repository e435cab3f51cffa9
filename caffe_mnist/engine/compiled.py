"""Compiled passes (`-compile`): forward and backward of a net through PyTorch's compiler.

The passes are traced as operations on tensors (parameters and what comes from outside) and given
to torch.compile, which fuses what lies between the heavy layers. Whether that helps depends on
net and machine, so it is measured in the training itself: some iterations without, some with,
and the faster way stays. The choice is remembered (`compile_choice.py`).
"""

from __future__ import annotations

import logging
import os
import shutil
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from caffe_mnist.engine.compile_choice import Choice, Choices
from caffe_mnist.engine.glog import info
from caffe_mnist.engine.lean_torch import complete_torch
from caffe_mnist.engine.net import Given, Net, Watch
from caffe_mnist.engine.recorded import cannot_record

# So many iterations of each kind, the first ones not counted: they make what is made once.
TURNS, WARM = 6, 2
# What compiled passes must save to be kept.
GAIN = 0.03

Pass = Callable[[Given], Tensor]
Compiler = Callable[[torch.fx.GraphModule], Callable[..., Any]]


class CompiledPasses:
    """The passes of one net: plain ones first, then compiled ones, then the faster ones."""

    clock = staticmethod(time.perf_counter)

    def __init__(
        self, net: Net, plain: Pass, choices: Choices, compiler: Compiler | None = None
    ) -> None:
        """`plain` makes both passes; `compiler` is torch.compile unless a test says otherwise."""
        self._net, self._plain, self._choices = net, plain, choices
        self._compiler = compiler or _torch_compile
        self._compiled: Pass | None = None
        self._times: dict[bool, list[float]] = {False: [], True: []}
        self.kept: bool | None = None
        reason = cannot_record(net) or _no_compiler(net.surroundings.device, compiler)
        before = None if reason else choices.read(net)
        if reason:
            self._drop(reason)
        elif before is not None:
            self.kept = before.kept
            info("compiled.py:1", f"Compiled passes: {before.words}, as measured before")

    @property
    def undecided(self) -> bool:
        """Whether both ways are still being measured."""
        return self.kept is None

    def run(self, given: Given) -> Tensor:
        """One forward and backward pass; its loss."""
        if self.kept is not None:
            return self._compiled_pass(given) if self.kept else self._plain(given)
        with_it = len(self._times[False]) >= TURNS
        if with_it and self._compiled is None:
            self._say("compiling the passes, which takes a while once")
            self._compile(given)
            if self.kept is not None:
                return self._plain(given)
        started = self.clock()
        loss = (self._compiled if with_it and self._compiled else self._plain)(given)
        if self._net.surroundings.device.type == "cuda":
            torch.cuda.synchronize(self._net.surroundings.device)
        self._times[with_it].append(self.clock() - started)
        if len(self._times[True]) >= TURNS:
            self._decide()
        return loss

    def _decide(self) -> None:
        plain, compiled = (statistics.median(self._times[way][WARM:]) for way in (False, True))
        choice = Choice(compiled < (1 - GAIN) * plain, 1e3 * plain, 1e3 * compiled)
        self.kept = choice.kept
        where = self._choices.write(self._net, choice)
        self._say(f"{choice.words}; remembered in {where}")

    def _compiled_pass(self, given: Given) -> Tensor:
        if self._compiled is None:
            self._compile(given)
        return self._compiled(given) if self._compiled else self._plain(given)

    def _compile(self, given: Given) -> None:
        try:
            self._compiled = compiled_pass(self._net, given, self._compiler)
        except Exception as error:  # the compiler's faults are of every kind
            self._drop(str(error).strip().split("\n")[0][:200] or type(error).__name__)

    def _drop(self, reason: str) -> None:
        self.kept, self._compiled = False, None
        self._say(f"not compiled: {reason}")

    def _say(self, what: str) -> None:
        info("compiled.py:1", f"-compile: {what}")


def compiled_pass(net: Net, given: Given, compiler: Compiler) -> Pass:
    """Both passes of `net` as one compiled function of what comes from outside.

    Afterwards the net shows its outputs, the data and the gradients of its parameters; blobs
    between are not kept. Raises what the tracing and the compiler raise.
    """
    learnt = [item.parameter for item in net.parameters.learnables]
    places = [(index, k) for index, arrays in given.items() for k in range(len(arrays))]
    graph, graded = _trace(net, given)
    function = compiler(graph)
    sources = {index for index in given if not net.bottoms[index]}

    def run(given: Given) -> Tensor:
        arrays = [given[index][k] for index, k in places]
        with torch.no_grad():
            found = function([blob.data for blob in learnt], arrays)
        loss, outputs, gradients = found
        for name, values in zip(net.outputs, outputs):
            net.blobs[name].data = values
        for index in sources:
            net.layers[index].forward_with(given[index], [], net.tops[index])
        for number, gradient in zip(graded, gradients):
            learnt[number].add_diff(gradient)
        result: Tensor = loss
        return result

    return run


def _trace(net: Net, given: Given) -> tuple[torch.fx.GraphModule, list[int]]:
    """The passes as a graph of operations, and the numbers of the parameters with gradients."""
    from torch.fx.experimental.proxy_tensor import make_fx

    complete_torch()
    learnt = [item.parameter for item in net.parameters.learnables]
    every = {id(blob): blob for tops in net.tops for blob in tops}
    every.update((id(blob), blob) for blob in learnt)
    before = [(blob, dict(vars(blob))) for blob in every.values()]
    graded: list[int] = []
    watch, net.watch = net.watch, Watch()

    def passes(parameters: list[Tensor], arrays: list[Tensor]) -> Any:
        rest = iter(arrays)
        for blob, values in zip(learnt, parameters):
            vars(blob)["_data"] = values
        net.parameters.clear_diffs()
        net.given = {index: [next(rest) for _ in one] for index, one in given.items()}
        loss = net.forward()
        net.backward()
        graded[:] = [k for k, blob in enumerate(learnt) if blob.has_gradient]
        return loss, [net.blobs[n].data for n in net.outputs], [learnt[k].diff for k in graded]

    try:
        trace = make_fx(passes, tracing_mode="fake", _allow_non_fake_inputs=True)
        arrays = [values for one in given.values() for values in one]
        graph = trace([blob.data for blob in learnt], arrays)
    finally:
        net.given, net.watch = {}, watch
        for blob, content in before:
            vars(blob).clear()
            vars(blob).update(content)
    return graph, graded


def _torch_compile(graph: torch.fx.GraphModule) -> Callable[..., Any]:
    logging.getLogger("torch").setLevel(logging.ERROR)
    compiled: Callable[..., Any] = torch.compile(graph, dynamic=False)
    return compiled


def _no_compiler(device: torch.device, given: Compiler | None) -> str | None:
    """Why this machine cannot compile; None if it can."""
    if given is not None or device.type == "cuda":
        return None
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "clang++", "c++"]
    if any(shutil.which(name) for name in names):
        return None
    return f"there is no C++ compiler here ({' or '.join(names)}); install one, or set CXX"
