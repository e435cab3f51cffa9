"""Functions of each element."""

from __future__ import annotations

from math import inf

from caffe_mnist.exchange.arriving.draft import UnfitError
from caffe_mnist.exchange.arriving.parts import neurons
from caffe_mnist.exchange.arriving.parts.arithmetic import multiplied, power
from caffe_mnist.exchange.arriving.parts.neurons import clipped, neuron
from caffe_mnist.exchange.arriving.site import Result, Site, aten, several

_PLAIN = {
    "relu": "ReLU", "sigmoid": "Sigmoid", "tanh": "TanH", "abs": "AbsVal", "exp": "Exp",
    "log": "Log",
}  # fmt: skip


def _plain(site: Site) -> Result:
    return neuron(site.draft, _PLAIN[site.node.kind], site.value("self"))


for _name in _PLAIN:
    aten.add(_name, _plain)


@aten.register("relu6")
def _relu6(site: Site) -> Result:
    return clipped(site.draft, site.value("self"), 0, 6)


@aten.register("hardtanh")
def _hardtanh(site: Site) -> Result:
    low, high = site.number("min_val", -1), site.number("max_val", 1)
    return clipped(site.draft, site.value("self"), low, high)


@several(aten, "clamp", "clamp_min", "clamp_max", "clip")
def _clamp(site: Site) -> Result:
    low, high = site.number("min", -inf), site.number("max", inf)
    return clipped(site.draft, site.value("self"), low, high)


@aten.register("hardswish")
def _hardswish(site: Site) -> Result:
    return neurons.hard_swish(site.draft, site.value("self"))


@aten.register("hardsigmoid")
def _hardsigmoid(site: Site) -> Result:
    return neurons.hard_sigmoid(site.draft, site.value("self"), 1 / 6, 0.5)


@aten.register("silu")
def _silu(site: Site) -> Result:
    return neurons.swish(site.draft, site.value("self"))


@aten.register("mish")
def _mish(site: Site) -> Result:
    return neurons.mish(site.draft, site.value("self"))


@aten.register("gelu")
def _gelu(site: Site) -> Result:
    if site.argument("approximate", "none") != "tanh":
        raise UnfitError("needs the error function", hint="train with GELU(approximate='tanh')")
    return neurons.tanh_gelu(site.draft, site.value("self"))


@aten.register("leaky_relu")
def _leaky(site: Site) -> Result:
    param = {"negative_slope": site.number("negative_slope", 0.01)}
    return neuron(site.draft, "ReLU", site.value("self"), relu_param=param)


@several(aten, "elu", "selu", "celu")
def _elu(site: Site) -> Result:
    alpha, scale, inside = (site.number(name, 1) for name in ("alpha", "scale", "input_scale"))
    if site.node.kind == "selu":
        alpha, scale = 1.6732632423543772, 1.0507009873554805
    elif site.node.kind == "celu":
        scale, inside, alpha = alpha, 1 / alpha, 1.0
    value = power(site.draft, site.value("self"), scale=inside, role="inside")
    role = "elu" if scale != 1 else ""
    made = neuron(site.draft, "ELU", value, role=role, elu_param={"alpha": alpha})
    return power(site.draft, made, scale=scale)


@several(aten, "prelu", "_prelu_kernel")
def _prelu(site: Site) -> Result:
    return neurons.prelu(site.draft, site.value("self"), site.weights("weight"))


@aten.register("softplus")
def _softplus(site: Site) -> Result:
    beta = site.number("beta", 1)
    value = power(site.draft, site.value("self"), scale=beta, role="beta")
    made = neuron(site.draft, "BNLL", value, role="bnll" if beta != 1 else "")
    return power(site.draft, made, scale=1 / beta)


@aten.register("threshold")
def _threshold(site: Site) -> Result:
    value = site.draft.plain(site.value("self"))
    if site.number("value", 0):
        raise UnfitError("puts another number than 0 where it is below the threshold")
    param = {"threshold": site.number("threshold", 0)}
    mark = neuron(site.draft, "Threshold", value, role="mark", threshold_param=param)
    return multiplied(site.draft, [value, mark])


@aten.register("sqrt")
def _sqrt(site: Site) -> Result:
    return power(site.draft, site.value("self"), exponent=0.5)


@aten.register("rsqrt")
def _rsqrt(site: Site) -> Result:
    return power(site.draft, site.value("self"), exponent=-0.5)


@aten.register("square")
def _square(site: Site) -> Result:
    return power(site.draft, site.value("self"), exponent=2)


@aten.register("neg")
def _neg(site: Site) -> Result:
    return power(site.draft, site.value("self"), scale=-1)


@aten.register("reciprocal")
def _reciprocal(site: Site) -> Result:
    return power(site.draft, site.value("self"), exponent=-1)


@several(aten, "softmax", "_softmax")
def _softmax(site: Site) -> Result:
    return neurons.softmax(site.draft, site.value("self"), int(site.number("dim", 1)))


@several(aten, "log_softmax", "_log_softmax")
def _log_softmax(site: Site) -> Result:
    return neurons.log_softmax(site.draft, site.value("self"), int(site.number("dim", 1)))


@several(aten, "batch_norm", "_native_batch_norm_legit_no_training")
def _batch_norm(site: Site) -> Result:
    import numpy as np

    from caffe_mnist.exchange.arriving.parts.scaling import normalised

    if site.argument("training", False):
        raise UnfitError("normalises in training mode", hint="export it after model.eval()")
    mean, variance = site.weights("running_mean"), site.weights("running_var")
    gamma, beta = site.optional("weight"), site.optional("bias")
    return normalised(
        site.draft, site.value("input"),
        np.ones_like(mean) if gamma is None else gamma,
        np.zeros_like(mean) if beta is None else beta,
        mean, variance, epsilon=site.number("eps", 1e-5),
    )  # fmt: skip
