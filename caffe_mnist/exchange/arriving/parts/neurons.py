"""Functions of each element."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np

from caffe_mnist.exchange.arriving.draft import Draft, UnfitError
from caffe_mnist.exchange.arriving.parts.arithmetic import multiplied, power
from caffe_mnist.exchange.arriving.value import Array, Value, words

# Beyond these, a bound bounds nothing.
_FAR = 1e30


def neuron(draft: Draft, kind: str, value: Value, *, role: str = "", **settings: Any) -> Value:
    """A layer of one bottom and a top of its shape."""
    value = draft.plain(value)
    return draft.layer(kind, [value], value.shape, role=role, **settings)


def clipped(draft: Draft, value: Value, low: float, high: float) -> Value:
    """At least `low`, at most `high`.

    Caffe 1.0 has ReLU alone. min(x, h) = h - relu(h - x), and what is below is moved to 0 first.
    """
    low, high = (-inf if low <= -_FAR else low), (inf if high >= _FAR else high)
    if low > high:
        raise UnfitError(f"is at least {low:g} and at most {high:g}")
    style = draft.style.clip
    if style == "ReLU6" and (low, high) == (0, 6):
        return neuron(draft, "ReLU6", value)
    if style == "Clip" and -inf < low and high < inf and low != high:
        return neuron(draft, "Clip", value, clip_param={"min": low, "max": high})
    if low == 0 and high == inf:
        return neuron(draft, "ReLU", value)
    if low > -inf:
        value = power(draft, value, shift=-low, role="from")
        value = neuron(draft, "ReLU", value, role="low")
    else:
        low = 0.0
    if high == inf:
        return power(draft, value, shift=low)
    value = power(draft, value, scale=-1, shift=high - low, role="below")
    value = neuron(draft, "ReLU", value, role="high")
    return power(draft, value, scale=-1, shift=high)


def hard_sigmoid(draft: Draft, value: Value, alpha: float, beta: float) -> Value:
    """alpha x + beta, between 0 and 1."""
    return clipped(draft, power(draft, value, scale=alpha, shift=beta, role="line"), 0, 1)


def hard_swish(draft: Draft, value: Value) -> Value:
    """x times the hard sigmoid of x / 6 + 1 / 2."""
    value = draft.plain(value)
    return multiplied(draft, [value, hard_sigmoid(draft, value, 1 / 6, 0.5)])


def swish(draft: Draft, value: Value, beta: float = 1) -> Value:
    """x times the sigmoid of beta x."""
    value = draft.plain(value)
    inside = power(draft, value, scale=beta, role="beta")
    return multiplied(draft, [value, neuron(draft, "Sigmoid", inside, role="sigmoid")])


def mish(draft: Draft, value: Value) -> Value:
    """x tanh(log(1 + exp(x)))."""
    value = draft.plain(value)
    inside = neuron(draft, "BNLL", value, role="softplus")
    return multiplied(draft, [value, neuron(draft, "TanH", inside, role="tanh")])


def tanh_gelu(draft: Draft, value: Value) -> Value:
    """x / 2 (1 + tanh(√(2/π) (x + 0.044715 x³))): the GELU that has no error function."""
    from caffe_mnist.exchange.arriving.parts.arithmetic import together

    value = draft.plain(value)
    root = float(np.sqrt(2 / np.pi))
    cube = power(draft, value, exponent=3, role="cube")
    inside = together(draft, [value, cube], [root, 0.044715 * root])
    half = power(
        draft, neuron(draft, "TanH", inside, role="tanh"), scale=0.5, shift=0.5, role="half"
    )
    return multiplied(draft, [value, half])


def prelu(draft: Draft, value: Value, slope: Array) -> Value:
    """A slope a channel, or one for all."""
    value = draft.plain(value)
    channels = value.shape[1] if len(value.shape) > 1 else 0
    if slope.size == 1:
        return neuron(
            draft, "ReLU", value, relu_param={"negative_slope": float(slope.reshape(-1)[0])}
        )
    one_a_channel = slope.shape == (channels,) or (
        slope.size == channels and slope.shape[-(len(value.shape) - 1)] == channels
    )
    if slope.size != channels or not one_a_channel:
        raise UnfitError(f"has slopes of {words(slope.shape)} for {words(value.shape)}")
    return neuron(draft, "PReLU", value, blobs=[slope.reshape(-1)])


def softmax(draft: Draft, value: Value, axis: int) -> Value:
    """Along one axis."""
    axis %= len(value.shape)
    settings: dict[str, Any] = {} if axis == 1 else {"softmax_param": {"axis": axis}}
    return neuron(draft, "Softmax", value, **settings)


def log_softmax(draft: Draft, value: Value, axis: int) -> Value:
    """Its logarithm."""
    return neuron(draft, "Log", softmax(draft, value, axis), role="log")


def never_negative(draft: Draft, value: Value) -> bool:
    """Whether zeros around such values are as good as nothing, to a maximum."""
    param = draft.makers[value.blob].param
    if param.type == "Pooling" and param.bottom:
        return never_negative(draft, Value(param.bottom[0], (), ()))
    return param.type in ("Sigmoid", "Softmax", "BNLL", "AbsVal", "Exp", "ReLU6") or (
        param.type == "ReLU" and not param.relu_param.negative_slope
    )


def concatenated(draft: Draft, values: Sequence[Value], axis: int) -> Value:
    """One after the other along an axis."""
    rank = len(values[0].shape)
    axis %= rank
    if any(
        len(one.shape) != rank
        or one.shape[:axis] + one.shape[axis + 1 :]
        != values[0].shape[:axis] + values[0].shape[axis + 1 :]
        for one in values
    ):
        raise UnfitError("joins " + " and ".join(words(one.shape) for one in values))
    if len(values) == 1:
        return values[0]
    bottoms = [draft.plain(one) for one in values]
    first = bottoms[0].shape
    shape = (*first[:axis], sum(one.shape[axis] for one in bottoms), *first[axis + 1 :])
    settings: dict[str, Any] = {} if axis == 1 else {"concat_param": {"axis": axis}}
    return draft.layer("Concat", bottoms, shape, **settings)
