"""A recorder for tests: what a CUDA graph does, on the CPU.

It notes every operation with the tensors that it read and made, and plays them again into the
same memory, without running the program that asked for them. Like a CUDA graph it does nothing
while it records (what was written in place is put back), and refuses work that asks a tensor for
its value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WAITING = ("aten::_local_scalar_dense", "aten::nonzero", "aten::equal", "aten::is_nonzero")


class Tape(TorchDispatchMode):
    """Notes operations."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, Any, Any, Any]] = []
        self.before: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.name().split(".")[0] in WAITING:
            raise RuntimeError(f"{func.name()} waits for the device")
        named = {argument.name: argument for argument in func._schema.arguments}
        given = [*zip(func._schema.arguments, args), *((named[k], v) for k, v in kwargs.items())]
        for argument, value in given:
            if argument.alias_info is not None and argument.alias_info.is_write:
                for tensor in _tensors(value):
                    self.before.setdefault(id(tensor), (tensor, tensor.clone()))
        result = func(*args, **kwargs)
        self.operations.append((func, args, kwargs, result))
        return result

    def undo(self) -> None:
        """As if nothing had been done."""
        for tensor, values in self.before.values():
            tensor.copy_(values)

    def play(self) -> None:
        """Everything again, into the same memory."""
        with torch.no_grad():
            self._play()

    def _play(self) -> None:
        for func, args, kwargs, result in self.operations:
            read = {tensor.untyped_storage().data_ptr() for tensor in _tensors((args, kwargs))}
            for ours, new in zip(_tensors(result), _tensors(func(*args, **kwargs))):
                if ours.untyped_storage().data_ptr() not in read and ours.numel():
                    ours.copy_(new)


class TapeRecorder:
    """Records tapes; `recordings` says how many."""

    name = "tape"
    warm_ups = 2

    def __init__(self) -> None:
        self.recordings = 0

    def warm_up(self, work: Callable[[], None]) -> None:
        """Nothing needs it here."""
        work()

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Do, note and undo."""
        tape = Tape()
        try:
            with tape:
                work()
        finally:
            tape.undo()
        self.recordings += 1
        return tape.play


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
