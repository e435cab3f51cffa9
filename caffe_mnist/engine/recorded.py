"""An iteration recorded: forward, backward and update as one piece, which is made again each time.

Before it, the layers that take something from outside (data, random numbers) do so, and it is
copied to where the recording reads; the learning rate is a tensor, too. Where shapes change, or
something in a net cannot be recorded, iterations are computed one operation after the other, and
the log says why. After each iteration the net's blobs show the memory that the recording writes,
whoever ran the net in between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.glog import info
from caffe_mnist.engine.layers.source import Source
from caffe_mnist.engine.net import Given, Net
from caffe_mnist.engine.recorder import Recorder
from caffe_mnist.errors import CaffeMnistError


class RecordedIteration:
    """The iterations of one net; `compute` makes the passes and updates by a rate.

    `compute(given, rate)` gets for each pass what comes from outside, and returns the loss.
    """

    def __init__(
        self,
        net: Net,
        passes: int,
        compute: Callable[[list[Given], Tensor], Tensor],
        recorder: Recorder,
    ) -> None:
        """Nothing is recorded yet: some iterations warm up first."""
        self._net, self._passes, self._compute, self._recorder = net, passes, compute, recorder
        self._rate = torch.zeros((), device=net.surroundings.device)
        self._given: list[Given] = []
        self._loss = self._rate
        self._warm = 0
        self._shown: list[tuple[Blob, dict[str, Any]]] = []
        self._replay: Callable[[], None] | None = None
        self.why_not = cannot_record(net)
        if self.why_not:
            self._say_why_not()

    def run(self, rate: float) -> Tensor:
        """One iteration with this learning rate; its loss."""
        self._rate.fill_(rate)
        given = [self._net.draw() for _ in range(self._passes)]
        if self._given and self._shapes(given) != self._shapes(self._given):
            self._give_up("the shapes of the data change")
            given = [self._only_sources(one) for one in given]
        if self.why_not:
            self._given = given
            self._work()
        elif self._replay is not None:
            self._copy(given)
            self._replay()
            for blob, content in self._shown:
                vars(blob).update(content)
        elif self._warm < self._recorder.warm_ups:
            self._warm += 1
            self._given = given
            self._recorder.warm_up(self._work)
        else:
            self._record(given)
        return self._loss.clone()

    def _work(self) -> None:
        self._loss = self._compute(self._given, self._rate)

    def _record(self, given: list[Given]) -> None:
        self._given = [
            {index: [values.clone() for values in arrays] for index, arrays in one.items()}
            for one in given
        ]
        try:
            self._replay = self._recorder.record(self._work)
        except (RuntimeError, CaffeMnistError) as error:
            self._give_up(str(error).strip().split("\n")[0])
            self._work()
            return
        info("recorded.py:1", f"Iterations run as one {self._recorder.name} from here on")
        self._replay()
        learnt = [item.parameter for item in self._net.parameters.learnables]
        blobs = [*self._net.blobs.values(), *learnt]
        self._shown = [(blob, dict(vars(blob))) for blob in blobs]

    def _copy(self, given: list[Given]) -> None:
        """Into the tensors that the recording reads."""
        for ours, new in zip(self._given, given):
            for index, arrays in ours.items():
                for target, values in zip(arrays, new[index]):
                    if target is not values:
                        target.copy_(values, non_blocking=True)

    def _give_up(self, reason: str) -> None:
        self._replay, self.why_not = None, reason
        self._say_why_not()

    def _say_why_not(self) -> None:
        info("recorded.py:1", f"No {self._recorder.name}: {self.why_not}")

    def _only_sources(self, given: Given) -> Given:
        """What does not depend on the shapes that were before."""
        layers = self._net.layers
        return {index: one for index, one in given.items() if isinstance(layers[index], Source)}

    @staticmethod
    def _shapes(given: list[Given]) -> list[list[torch.Size]]:
        return [[values.shape for arrays in one.values() for values in arrays] for one in given]


def cannot_record(net: Net) -> str | None:
    """The layer of a net whose passes are not the same operations each time; None if all are."""
    for layer in net.layers:
        if not layer.repeats:
            return f"layer {layer.name!r} ({layer.param.type}) does not repeat itself exactly"
    return None
