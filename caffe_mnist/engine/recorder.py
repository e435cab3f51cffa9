"""What records work on tensors once and makes it again: CUDA graphs.

A recording reads and writes the same memory each time: what changes from outside has to be
copied into tensors that it knows. The rules are those of PyTorch's notes on CUDA graphs: warm up
on a side stream, record on it, no waiting for the device meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch


class Recorder(Protocol):
    """Something that records."""

    name: str
    warm_ups: int

    def warm_up(self, work: Callable[[], None]) -> None:
        """Do the work as it will be recorded, so that libraries make what they make once."""

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Record the work without doing it; what is returned does it.

        Raises RuntimeError for work that cannot be recorded.
        """


class CudaRecorder:
    """Records CUDA graphs."""

    name = "CUDA graph"
    warm_ups = 3

    def __init__(self, device: torch.device) -> None:
        """For work on `device`."""
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def warm_up(self, work: Callable[[], None]) -> None:
        """On the side stream, after what was asked for before, before what comes after."""
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            work()
        torch.cuda.current_stream(self._device).wait_stream(self._stream)

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Other threads may go on copying batches to the device meanwhile (`thread_local`)."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
            work()
        return graph.replay


def recorder_for(device: torch.device) -> Recorder | None:
    """What records on `device`, if anything does."""
    return CudaRecorder(device) if device.type == "cuda" else None
