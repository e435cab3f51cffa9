"""Batches on their way to the device, sent by the thread that reads them.

To a GPU they go through pinned memory on a stream of their own, beside the computing; whoever
takes a batch makes the computing stream wait for it, and not the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from caffe_mnist.engine.data.transform import Floats


@dataclass(frozen=True)
class Sent:
    """The arrays of a batch on the device, complete when `event` has happened (None: at once)."""

    arrays: list[Tensor]
    event: Any = None


class Transfer:
    """To the CPU: nothing has to move."""

    def __init__(self, device: torch.device) -> None:
        """To `device`; nothing is touched yet."""
        self.device = device

    def send(self, arrays: Sequence[Floats]) -> Sent:
        """Start a batch on its way; called by the reading thread."""
        return Sent([torch.from_numpy(values) for values in arrays])

    def take(self, sent: Sent) -> list[Tensor]:
        """The batch, ready for what is computed from now on."""
        return sent.arrays


class CudaTransfer(Transfer):
    """To a GPU."""

    _stream: Any = None

    def send(self, arrays: Sequence[Floats]) -> Sent:
        """Copy from pinned memory, which the allocator keeps until the copies are done."""
        if self._stream is None:
            self._stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        with torch.cuda.stream(self._stream):
            pinned = [torch.from_numpy(values).pin_memory() for values in arrays]
            moved = [values.to(self.device, non_blocking=True) for values in pinned]
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record(self._stream)
        return Sent(moved, event)

    def take(self, sent: Sent) -> list[Tensor]:
        """Later work on the present stream waits; the memory stays until that work is done."""
        stream = torch.cuda.current_stream(self.device)
        stream.wait_event(sent.event)
        for values in sent.arrays:
            values.record_stream(stream)
        return sent.arrays


def transfer_to(device: torch.device) -> Transfer:
    """The way to `device`."""
    return (CudaTransfer if device.type == "cuda" else Transfer)(device)
