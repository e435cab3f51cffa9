"""Name → thing: one small class for layers, update rules, lr policies, fillers and layouts."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Callable, Generic, TypeVar

from caffe_mnist.errors import CaffeMnistError

T = TypeVar("T")


class UnknownNameError(CaffeMnistError):
    """A name that a registry does not hold."""


class Registry(Generic[T]):
    """The things of one `kind` by their names, e.g. layers by Caffe's type names."""

    def __init__(self, kind: str, package: str | None = None) -> None:
        """With `package`, its modules are imported (and so registered) at the first look-up."""
        self.kind = kind
        self._package = package
        self._things: dict[str, T] = {}

    def add(self, name: str, thing: T) -> T:
        """Register `thing`; raises ValueError if the name is taken (a programming error)."""
        if name in self._things:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._things[name] = thing
        return thing

    def register(self, name: str) -> Callable[[T], T]:
        """As a decorator: `@layers.register("ReLU")`."""
        return lambda thing: self.add(name, thing)

    def get(self, name: str, where: object = None) -> T:
        """The thing called `name`; raises UnknownNameError, which lists the known names."""
        self._scan()
        try:
            return self._things[name]
        except KeyError:
            known = ", ".join(self)
            raise UnknownNameError(
                f"unknown {self.kind} {name!r}", where=where, hint=f"known: {known}"
            ) from None

    def __contains__(self, name: object) -> bool:
        self._scan()
        return name in self._things

    def __iter__(self) -> Iterator[str]:
        self._scan()
        return iter(sorted(self._things))

    def _scan(self) -> None:
        if self._package is not None:
            package, self._package = importlib.import_module(self._package), None
            for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
                importlib.import_module(module.name)
