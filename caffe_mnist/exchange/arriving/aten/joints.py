"""Sums, differences, products and quotients; numbers of sizes."""

from __future__ import annotations

import operator
from typing import Any, Callable

import numpy as np

from caffe_mnist.exchange.arriving.draft import UnfitError
from caffe_mnist.exchange.arriving.operators import joints
from caffe_mnist.exchange.arriving.parts.neurons import concatenated
from caffe_mnist.exchange.arriving.site import Result, Site, aten, several
from caffe_mnist.exchange.arriving.value import Value, count

_SIZES: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul,
    "floordiv": operator.floordiv, "neg": operator.neg, "mod": operator.mod,
}  # fmt: skip


def _two(site: Site) -> tuple[Any, Any]:
    return site.argument("self"), site.argument("other")


def _of_sizes(site: Site) -> Any:
    """Python's own operators compute with sizes alone."""
    if not site.node.origin.startswith("_operator."):
        return None
    numbers = [site.argument(name) for name in site.node.settings]
    if any(isinstance(one, Value) for one in numbers):
        raise UnfitError("computes with a value as if it were a size")
    return _SIZES[site.node.kind](*numbers)


@several(aten, "add", "sub")
def _add(site: Site) -> Result:
    if (size := _of_sizes(site)) is not None:
        return size  # type: ignore[no-any-return]
    sign = -1 if site.node.kind == "sub" else 1
    return joints.add(site, *_two(site), factor=sign * site.number("alpha", 1))


@aten.register("rsub")
def _rsub(site: Site) -> Result:
    one, other = _two(site)
    if site.number("alpha", 1) != 1:
        raise UnfitError("subtracts with a factor")
    return joints.add(site, other, one, factor=-1)


@aten.register("mul")
def _mul(site: Site) -> Result:
    if (size := _of_sizes(site)) is not None:
        return size  # type: ignore[no-any-return]
    return joints.multiply(site, *_two(site))


@several(aten, "floordiv", "mod")
def _sizes(site: Site) -> Result:
    return _of_sizes(site)  # type: ignore[no-any-return]


@aten.register("div")
def _div(site: Site) -> Result:
    if site.argument("rounding_mode") is not None:
        raise UnfitError("rounds its quotients")
    return joints.divide(site, *_two(site))


@aten.register("pow")
def _pow(site: Site) -> Result:
    return joints.raised(site, site.argument("self"), site.argument("exponent"))


@aten.register("maximum")
def _maximum(site: Site) -> Result:
    return joints.extreme(site, list(_two(site)), 1)


@aten.register("minimum")
def _minimum(site: Site) -> Result:
    return joints.extreme(site, list(_two(site)), -1)


@several(aten, "cat", "concat")
def _cat(site: Site) -> Result:
    values = site.argument("tensors")
    if not all(isinstance(one, Value) for one in values):
        raise UnfitError("joins a constant to values")
    return concatenated(site.draft, values, int(site.number("dim", 0)))


@aten.register("sym_size")
def _size(site: Site) -> Result:
    return site.value("self").shape[int(site.number("dim", 0))]  # type: ignore[return-value]


@aten.register("sym_numel")
def _numel(site: Site) -> Result:
    return np.asarray(count(site.value("self").shape))
