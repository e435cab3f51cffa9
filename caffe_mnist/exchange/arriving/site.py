"""The place where one operator is drawn, and the registries of those who draw them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, Union

import numpy as np

from caffe_mnist.exchange.arriving.draft import Draft, UnfitError
from caffe_mnist.exchange.arriving.source import Node, Ref
from caffe_mnist.exchange.arriving.value import Array, Value
from caffe_mnist.registry import Registry

# What an operator gives: a value, a constant, or several of these.
Result = Union[Value, Array, Sequence[Any]]


class Site:
    """One node with its arguments looked up: values, constants, plain numbers and lists."""

    def __init__(self, draft: Draft, node: Node, opset: int, known: dict[str, Any]) -> None:
        self.draft, self.node, self.opset = draft, node, opset
        self._known = known

    def _found(self, argument: Any) -> Any:
        if isinstance(argument, Ref):
            return self._known[argument.name]
        if isinstance(argument, list):
            return [self._found(one) for one in argument]
        return argument

    def __len__(self) -> int:
        return len(self.node.arguments)

    def argument(self, key: int | str, default: Any = None) -> Any:
        """An argument by place or name: a Value, an array, a number or a list; None: left out."""
        if isinstance(key, str):
            found = self._found(self.node.settings.get(key))
        else:
            given = self.node.arguments
            found = self._found(given[key]) if key < len(given) else None
        return default if found is None else found

    def value(self, key: int | str = 0) -> Value:
        """An argument that is computed by the net."""
        found = self.argument(key)
        if isinstance(found, Value):
            return found
        raise UnfitError(f"takes {'nothing' if found is None else 'a constant'} as argument {key}")

    def values(self) -> list[Value]:
        """All of them."""
        return [self.value(place) for place in range(len(self))]

    def constant(self, key: int | str) -> Array:
        """An argument that must be known."""
        found = self.argument(key)
        if found is None or isinstance(found, Value):
            what = "is left out" if found is None else "is computed by the net"
            raise UnfitError(f"argument {key} {what}; only constants can be weights and settings")
        return np.asarray(found)

    def weights(self, key: int | str) -> Array:
        """A constant of numbers, as float32."""
        return self.constant(key).astype(np.float32)

    def optional(self, key: int | str) -> Array | None:
        """A constant of numbers, or None where it is left out."""
        return None if self.argument(key) is None else self.weights(key)

    def ints(self, key: int | str, default: Sequence[int] | None = None) -> list[int]:
        """A list of whole numbers; one number is a list, too."""
        if self.argument(key) is None and default is not None:
            return list(default)
        return [int(one) for one in self.constant(key).reshape(-1)]

    def number(self, key: int | str, default: float) -> float:
        """One number."""
        return default if self.argument(key) is None else float(self.constant(key).reshape(-1)[0])

    def spread(self, key: int | str, axes: int, default: int) -> list[int]:
        """A number for each axis; one stands for all, none for the default."""
        found = self.ints(key, ()) or [default]
        return found * axes if len(found) == 1 else found


Draw = Callable[[Site], Result]
_HERE = "caffe_mnist.exchange.arriving"
operators: Registry[Draw] = Registry("operator", package=f"{_HERE}.operators")
aten: Registry[Draw] = Registry("operator", package=f"{_HERE}.aten")


def several(registry: Registry[Draw], *names: str) -> Callable[[Draw], Draw]:
    """Register one function under several names."""

    def add(draw: Draw) -> Draw:
        for name in names:
            registry.add(name, draw)
        return draw

    return add
