"""Functions of each element."""

from __future__ import annotations

from collections.abc import Sequence

from caffe_mnist.engine.layers import elementwise, neurons, powers
from caffe_mnist.exchange.site import Site, writers

PLAIN = {
    "AbsVal": "Abs",
    "BNLL": "Softplus",
    "Sigmoid": "Sigmoid",
    "TanH": "Tanh",
}


def _plain(kind: str) -> None:
    @writers.register(kind)
    def write(site: Site) -> Sequence[str]:
        """One operator without settings."""
        return [site.add(PLAIN[kind], site.bottoms[0])]


for _kind in PLAIN:
    _plain(_kind)


@writers.register("ReLU")
def relu(site: Site) -> Sequence[str]:
    """With `negative_slope`, LeakyRelu."""
    leak = site.layer.param.relu_param.negative_slope
    if leak:
        return [site.add("LeakyRelu", site.bottoms[0], alpha=leak)]
    return [site.add("Relu", site.bottoms[0])]


@writers.register("ELU")
def elu(site: Site) -> Sequence[str]:
    """Elu has the same alpha."""
    return [site.add("Elu", site.bottoms[0], alpha=site.layer.param.elu_param.alpha)]


@writers.register("PReLU")
def prelu(site: Site) -> Sequence[str]:
    """Slopes along the channels, which are the axis 1."""
    axes = len(site.before[0])
    slopes = [site.layer.blobs[0].count, *[1] * (axes - 2)]
    return [site.add("PRelu", site.bottoms[0], site.parameter(0, slopes))]


@writers.register("Dropout")
def dropout(site: Site) -> Sequence[str]:
    """Nothing happens in testing."""
    layer = site.layer
    if isinstance(layer, neurons.Dropout) and layer.training:
        raise layer.error("is in the TRAIN phase", "a deploy net does not drop anything")
    return [site.bottoms[0]]


@writers.register("Clip")
def clip(site: Site) -> Sequence[str]:
    """The same bounds."""
    layer = site.layer
    assert isinstance(layer, elementwise.Clip)
    bounds = site.number(layer.least), site.number(layer.most)
    return [site.add("Clip", site.bottoms[0], *bounds)]


@writers.register("Threshold")
def threshold(site: Site) -> Sequence[str]:
    """A comparison, then numbers again."""
    bound = site.number(site.layer.param.threshold_param.threshold)
    return [site.add("Cast", site.add("Greater", site.bottoms[0], bound), to="float32")]


@writers.register("Swish")
def swish(site: Site) -> Sequence[str]:
    """x / (1 + exp(-beta x))."""
    x = site.bottoms[0]
    gate = site.add("Sigmoid", linear(site, x, site.layer.param.swish_param.beta, 0))
    return [site.add("Mul", x, gate)]


@writers.register("Exp")
def exponential(site: Site) -> Sequence[str]:
    """base ^ (scale x + shift), as a power of e."""
    layer = site.layer
    assert isinstance(layer, powers.Exp)
    return [site.add("Exp", linear(site, site.bottoms[0], layer.scale, layer.shift))]


@writers.register("Log")
def logarithm(site: Site) -> Sequence[str]:
    """log(scale x + shift) / log(base)."""
    layer, param = site.layer, site.layer.param.log_param
    assert isinstance(layer, powers.Log)
    y = site.add("Log", linear(site, site.bottoms[0], param.scale, param.shift))
    return [y if layer.base == 1 else site.add("Div", y, site.number(layer.base))]


@writers.register("Power")
def power(site: Site) -> Sequence[str]:
    """(scale x + shift) ^ power."""
    param = site.layer.param.power_param
    y = linear(site, site.bottoms[0], param.scale, param.shift)
    return [y if param.power == 1 else site.add("Pow", y, site.number(param.power))]


def linear(site: Site, x: str, scale: float, shift: float) -> str:
    """scale x + shift, without what changes nothing."""
    if scale != 1:
        x = site.add("Mul", x, site.number(scale))
    return x if shift == 0 else site.add("Add", x, site.number(shift))
