"""Sums, differences, products and quotients; Concat and Split."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from caffe_mnist.exchange.arriving.draft import UnfitError
from caffe_mnist.exchange.arriving.parts import arithmetic
from caffe_mnist.exchange.arriving.parts.arranging import parted
from caffe_mnist.exchange.arriving.parts.neurons import clipped, concatenated, neuron
from caffe_mnist.exchange.arriving.site import Result, Site, operators
from caffe_mnist.exchange.arriving.value import Array, Value


def add(site: Site, one: Any, other: Any, factor: float = 1) -> Value:
    """one + factor · other, of which one may be a constant."""
    draft = site.draft
    if isinstance(one, Value) and isinstance(other, Value):
        return arithmetic.together(draft, [one, other], [1, factor])
    if isinstance(one, Value):
        return arithmetic.plus_constant(draft, one, factor * _floats(other))
    scaled = arithmetic.power(draft, other, scale=factor, role="scaled")
    return arithmetic.plus_constant(draft, scaled, _floats(one))


def multiply(site: Site, one: Any, other: Any) -> Value:
    """one · other, of which one may be a constant."""
    if isinstance(one, Value) and isinstance(other, Value):
        if one == other:
            return arithmetic.power(site.draft, one, exponent=2)
        return arithmetic.multiplied(site.draft, [one, other])
    value, constant = (one, other) if isinstance(one, Value) else (other, one)
    return arithmetic.times_constant(site.draft, value, _floats(constant))


def divide(site: Site, one: Any, other: Any) -> Value:
    """one / other, of which one may be a constant."""
    if isinstance(other, Value):
        return multiply(site, one, arithmetic.power(site.draft, other, exponent=-1, role="inverse"))
    return multiply(site, one, 1 / _floats(other).astype(np.float64))


def raised(site: Site, one: Any, other: Any) -> Value:
    """one ^ other, of which one is a number."""
    if isinstance(one, Value) and not isinstance(other, Value) and np.size(other) == 1:
        return arithmetic.power(site.draft, one, exponent=float(_floats(other).reshape(-1)[0]))
    if isinstance(other, Value) and not isinstance(one, Value) and np.size(one) == 1:
        base = float(_floats(one).reshape(-1)[0])
        if base > 0:
            return neuron(site.draft, "Exp", other, exp_param={"base": base})
    raise UnfitError("raises to a power that is not one number")


def extreme(site: Site, values: list[Any], sign: int) -> Value:
    """The largest of values and numbers, element by element; with a sign of -1 the smallest."""
    computed = [one for one in values if isinstance(one, Value)]
    numbers = [_floats(one) for one in values if not isinstance(one, Value)]
    if any(one.size != 1 for one in numbers):
        raise UnfitError("compares with a constant that is not one number")
    found = computed[0] if len(computed) == 1 else arithmetic.largest(site.draft, computed, sign)
    for one in numbers:
        bound = float(one.reshape(-1)[0])
        low, high = (bound, np.inf) if sign > 0 else (-np.inf, bound)
        found = clipped(site.draft, found, low, high)
    return found


def _floats(constant: Any) -> Array:
    return np.asarray(constant).astype(np.float32)


def _two(site: Site) -> tuple[Any, Any]:
    return site.argument(0), site.argument(1)


@operators.register("Add")
def _add(site: Site) -> Result:
    return add(site, *_two(site))


@operators.register("Sub")
def _sub(site: Site) -> Result:
    return add(site, *_two(site), factor=-1)


@operators.register("Mul")
def _mul(site: Site) -> Result:
    return multiply(site, *_two(site))


@operators.register("Div")
def _div(site: Site) -> Result:
    return divide(site, *_two(site))


@operators.register("Pow")
def _pow(site: Site) -> Result:
    return raised(site, *_two(site))


def _all(site: Site) -> list[Any]:
    return [site.argument(place) for place in range(len(site))]


@operators.register("Max")
def _max(site: Site) -> Result:
    return extreme(site, _all(site), 1)


@operators.register("Min")
def _min(site: Site) -> Result:
    return extreme(site, _all(site), -1)


@operators.register("Sum")
def _sum(site: Site) -> Result:
    given = _all(site)
    if len(given) > 1 and all(isinstance(one, Value) for one in given):
        return arithmetic.together(site.draft, given, [1] * len(given))
    found: Value = reduce(lambda one, other: add(site, one, other), given)
    return found


@operators.register("Mean")
def _mean(site: Site) -> Result:
    given = site.values()
    return arithmetic.together(site.draft, given, [1 / len(given)] * len(given))


@operators.register("Concat")
def _concat(site: Site) -> Result:
    return concatenated(site.draft, site.values(), int(site.number("axis", 1)))


@operators.register("Split")
def _split(site: Site) -> Result:
    value = site.value()
    axis = int(site.number("axis", 0)) % len(value.shape)
    count = len(site.node.outputs)
    sizes = site.ints("split" if site.opset < 13 else 1, ())
    if not sizes:
        each = -(-value.shape[axis] // count)
        sizes = [each] * (count - 1) + [value.shape[axis] - each * (count - 1)]
    return parted(site.draft, value, axis, sizes)
