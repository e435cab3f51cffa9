"""PyTorch's start without what only its compilers need: a third less to import.

`import torch` brings `torch._meta_registrations` and all that it imports: how operations are
computed without numbers, in Python. Compiling, exporting and the device `meta` need it; a net that
is trained or asked does not. It is left out in programs of ours alone, never in those of others.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

PACKAGE, NAME = "torch", "_meta_registrations"
LATER = f"{PACKAGE}.{NAME}"
# Whoever imports one of these needs what was left out.
COMPILERS = ("torch._dynamo", "torch._export", "torch._functorch.aot_autograd", "torch._inductor")


def start_lean() -> None:
    """Have torch imported without it, once it is imported; nothing if it is already.

    The rest comes by `complete_torch`, and by itself before one of PyTorch's compilers.
    """
    if PACKAGE not in sys.modules and not any(isinstance(one, _Start) for one in sys.meta_path):
        sys.meta_path.insert(0, _Start())


def complete_torch() -> None:
    """Import what was left out; nothing where nothing was."""
    for finder in [one for one in sys.meta_path if isinstance(one, _Completion)]:
        sys.meta_path.remove(finder)
        importlib.import_module(LATER)


class _Start(MetaPathFinder):
    """Finds torch, and puts an empty module in the place of the other while torch is imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != PACKAGE:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(PACKAGE)
        if spec is None or spec.loader is None:
            return spec
        loader, execute = spec.loader, spec.loader.exec_module

        def lean(module: ModuleType) -> None:
            delattr(loader, "exec_module")
            sys.modules[LATER] = ModuleType(LATER)
            try:
                execute(module)
            finally:
                del sys.modules[LATER]
            if hasattr(module, NAME):  # as `from torch import ...` left it
                delattr(module, NAME)
                sys.meta_path.insert(0, _Completion())

        setattr(loader, "exec_module", lean)  # noqa: B010 - of this one loader, for this once
        return spec


class _Completion(MetaPathFinder):
    """Finds no module, but notices who needs what was left out."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in COMPILERS:
            complete_torch()
        return None
