"""Functions of each element."""

from __future__ import annotations

from math import inf

from caffe_mnist.exchange.arriving.draft import UnfitError
from caffe_mnist.exchange.arriving.parts import neurons
from caffe_mnist.exchange.arriving.parts.arithmetic import multiplied, power
from caffe_mnist.exchange.arriving.parts.neurons import neuron
from caffe_mnist.exchange.arriving.parts.shaping import shaped
from caffe_mnist.exchange.arriving.site import Result, Site, operators
from caffe_mnist.exchange.arriving.value import count

_PLAIN = {
    "Relu": "ReLU", "Sigmoid": "Sigmoid", "Tanh": "TanH", "Softplus": "BNLL", "Abs": "AbsVal",
    "Exp": "Exp", "Log": "Log",
}  # fmt: skip


def _plain(site: Site) -> Result:
    return neuron(site.draft, _PLAIN[site.node.kind], site.value())


for _name in _PLAIN:
    operators.add(_name, _plain)


@operators.register("LeakyRelu")
def leaky(site: Site) -> Result:
    """One slope."""
    slope = site.number("alpha", 0.01)
    return neuron(site.draft, "ReLU", site.value(), relu_param={"negative_slope": slope})


@operators.register("PRelu")
def prelu(site: Site) -> Result:
    """Learnt slopes."""
    return neurons.prelu(site.draft, site.value(), site.weights(1))


@operators.register("Elu")
def elu(site: Site) -> Result:
    """alpha (exp(x) - 1) below 0."""
    return neuron(site.draft, "ELU", site.value(), elu_param={"alpha": site.number("alpha", 1)})


@operators.register("Selu")
def selu(site: Site) -> Result:
    """gamma ELU(x)."""
    alpha = site.number("alpha", 1.6732632423543772)
    made = neuron(site.draft, "ELU", site.value(), role="elu", elu_param={"alpha": alpha})
    return power(site.draft, made, scale=site.number("gamma", 1.0507009873554805))


@operators.register("Clip")
def clip(site: Site) -> Result:
    """Bounds are settings up to opset 6, arguments since 11."""
    low = site.number("min" if site.opset < 11 else 1, -inf)
    high = site.number("max" if site.opset < 11 else 2, inf)
    return neurons.clipped(site.draft, site.value(), low, high)


@operators.register("HardSigmoid")
def hard_sigmoid(site: Site) -> Result:
    """alpha x + beta, between 0 and 1."""
    alpha, beta = site.number("alpha", 0.2), site.number("beta", 0.5)
    return neurons.hard_sigmoid(site.draft, site.value(), alpha, beta)


@operators.register("HardSwish")
def hard_swish(site: Site) -> Result:
    """x hardsigmoid(x)."""
    return neurons.hard_swish(site.draft, site.value())


@operators.register("Swish")
def swish(site: Site) -> Result:
    """x sigmoid(alpha x)."""
    return neurons.swish(site.draft, site.value(), site.number("alpha", 1))


@operators.register("Mish")
def mish(site: Site) -> Result:
    """x tanh(softplus(x))."""
    return neurons.mish(site.draft, site.value())


@operators.register("Gelu")
def gelu(site: Site) -> Result:
    """The one by tanh only: Caffe has no error function."""
    if site.argument("approximate", "none") != "tanh":
        raise UnfitError("needs the error function", hint="train with GELU(approximate='tanh')")
    return neurons.tanh_gelu(site.draft, site.value())


@operators.register("Softsign")
def softsign(site: Site) -> Result:
    """x / (1 + |x|)."""
    value = site.draft.plain(site.value())
    below = power(site.draft, neuron(site.draft, "AbsVal", value, role="abs"), shift=1,
                  exponent=-1, role="below")  # fmt: skip
    return multiplied(site.draft, [value, below])


@operators.register("ThresholdedRelu")
def thresholded(site: Site) -> Result:
    """x where it is above alpha."""
    value = site.draft.plain(site.value())
    alpha = site.number("alpha", 1)
    mark = neuron(site.draft, "Threshold", value, role="mark", threshold_param={"threshold": alpha})
    return multiplied(site.draft, [value, mark])


@operators.register("Sqrt")
def sqrt(site: Site) -> Result:
    """x ^ 0.5."""
    return power(site.draft, site.value(), exponent=0.5)


@operators.register("Reciprocal")
def reciprocal(site: Site) -> Result:
    """1 / x."""
    return power(site.draft, site.value(), exponent=-1)


@operators.register("Neg")
def negative(site: Site) -> Result:
    """-x."""
    return power(site.draft, site.value(), scale=-1)


def _softmax(site: Site) -> Result:
    """Along an axis; before opset 13 over all axes from it on."""
    value = site.value()
    rank = len(value.shape)
    axis = int(site.number("axis", 1 if site.opset < 13 else -1)) % rank
    draw = neurons.softmax if site.node.kind == "Softmax" else neurons.log_softmax
    shape = value.shape
    if site.opset < 13 and count(shape[axis:]) != shape[axis]:
        flat = shaped(site.draft, value, (count(shape[:axis]), count(shape[axis:])))
        return draw(site.draft, flat, 1).seen_as(shape)
    return draw(site.draft, value, axis)


operators.add("Softmax", _softmax)
operators.add("LogSoftmax", _softmax)


@operators.register("Celu")
def celu(site: Site) -> Result:
    """alpha ELU(x / alpha)."""
    alpha = site.number("alpha", 1)
    inside = power(site.draft, site.value(), scale=1 / alpha, role="inside")
    return power(site.draft, neuron(site.draft, "ELU", inside, role="elu"), scale=alpha)


@operators.register("ArgMax")
def argmax(site: Site) -> Result:
    """The place of the largest; a float in Caffe."""
    value = site.draft.plain(site.value())
    axis = int(site.number("axis", 0)) % len(value.shape)
    if site.number("select_last_index", 0) or axis == 0:
        raise UnfitError("takes the last of equal ones" if axis else "goes along the batch")
    shape = tuple(1 if place == axis else size for place, size in enumerate(value.shape))
    made = site.draft.layer("ArgMax", [value], shape, argmax_param={"axis": axis})
    keep = site.number("keepdims", 1)
    return made if keep else made.seen_as((*shape[:axis], *shape[axis + 1 :]))
