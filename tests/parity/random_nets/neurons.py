"""Layers element by element, and those that norm, scale and join values of one shape."""

from __future__ import annotations

from math import prod

from tests.parity.random_nets.draft import Draft

NEURONS = (
    ("ReLU", ""), ("ReLU", "relu_param { negative_slope: 0.2 }"), ("Sigmoid", ""), ("TanH", ""),
    ("AbsVal", ""), ("BNLL", ""), ("ELU", "elu_param { alpha: 0.7 }"), ("Dropout", ""),
    ("Swish", "swish_param { beta: 1.7 }"), ("Clip", "clip_param { min: -0.6 max: 0.8 }"),
    ("Power", "power_param { power: 2 scale: 0.5 shift: 0.3 }"),
    ("Power", "power_param { power: 0 scale: 2 shift: 1 }"),
    ("Power", "power_param { scale: 0 shift: 1.5 }"), ("Exp", "exp_param { base: 2 scale: 0.5 }"),
    ("Exp", "exp_param { scale: 0.3 shift: 0.1 }"),
    ("Dropout", "dropout_param { dropout_ratio: 0.3 }"),
)  # fmt: skip
NOT_IN_PLACE = ("AbsVal", "Power", "Exp")


def neuron(net: Draft) -> None:
    """Most layers are these; often in place."""
    name = net.pick(lambda shape: True)
    if name:
        kind, settings = net.random.choice(NEURONS)
        place = kind not in NOT_IN_PLACE and net.may_change(name)
        net.layer(kind, [name], [name if place else net.top(net.blobs[name])], settings)


def prelu(net: Draft) -> None:
    """Slopes, one for each channel or for all."""
    name = net.pick(lambda shape: 2 <= len(shape) <= 4)
    if name:
        top = name if net.may_change(name) else net.top(net.blobs[name])
        settings = net.choice("", "prelu_param { channel_shared: true }")
        net.layer("PReLU", [name], [top], settings + net.rates(1))


def logarithm(net: Draft) -> None:
    """A logarithm or a root, of a Sigmoid's values: they are positive."""
    name = net.pick()
    if name:
        shape = net.blobs[name]
        positive = net.top(shape)
        net.layer("Sigmoid", [name], [positive])
        kind, settings = net.random.choice((
            ("Log", ""), ("Log", "log_param { base: 2 scale: 1.5 shift: 0.5 }"),
            ("Power", "power_param { power: 0.5 scale: 1.1 shift: 0.2 }"),
            ("Power", "power_param { power: -1 shift: 0.2 }"),
        ))  # fmt: skip
        net.layer(kind, [positive], [net.top(shape)], settings)


def scale_or_bias(net: Draft) -> None:
    """What is learnt, or a second bottom, along some axes."""
    name = net.pick()
    if not name:
        return
    shape = net.blobs[name]
    kind, start = net.choice("Scale", "Bias"), net.random.randrange(len(shape))
    settings = f"axis: {net.place(start, len(shape))} "
    bottoms, more = [name], ""
    if net.chance(0.35):
        bottoms.append(net.like(shape[start : net.random.randint(start + 1, len(shape))]))
    else:
        settings += f"num_axes: {net.choice('0', '1', '-1')} "
        settings += 'filler { type: "gaussian" std: 0.5 mean: 1 } ' if net.chance(0.6) else ""
        more = net.rates(1)
    if kind == "Scale" and net.chance(0.5):
        settings += "bias_term: true " + net.bias()
    top = name if name not in bottoms[1:] and net.may_change(name) else net.top(shape)
    net.layer(kind, bottoms, [top], f"{kind.lower()}_param {{ {settings} }} {more}")


def norm(net: Draft) -> None:
    """BatchNorm, or MVN over more than one value."""
    name = net.pick(lambda shape: 2 <= len(shape) <= 4 and prod(shape[2:]) > 1)
    if not name:
        return
    shape = net.blobs[name]
    top = name if net.may_change(name) else net.top(shape)
    if net.chance(0.6):
        more = net.choice("", "use_global_stats: false", "moving_average_fraction: 0.9")
        net.layer("BatchNorm", [name], [top], f"batch_norm_param {{ eps: 0.01 {more} }}")
        return
    settings = net.choice("", "across_channels: true", "normalize_variance: false")
    padded = (*shape, *[1] * (4 - len(shape)))
    net.layer("MVN", [name], [net.top(padded)], f"mvn_param {{ eps: 0.1 {settings} }}")


def softmax(net: Draft) -> None:
    """Along any axis."""
    name = net.pick()
    if name:
        shape = net.blobs[name]
        axis = net.place(net.random.randrange(len(shape)), len(shape))
        top = name if net.may_change(name) else net.top(shape)
        net.layer("Softmax", [name], [top], f"softmax_param {{ axis: {axis} }}")


def eltwise(net: Draft) -> None:
    """Two or three of one shape, one may come twice."""
    name = net.pick()
    if name:
        bottoms = [name, *(net.like(net.blobs[name]) for _ in range(net.random.randint(1, 2)))]
        operation = net.choice("PROD", "SUM", "MAX")
        settings = f"operation: {operation} "
        if operation == "SUM" and net.chance(0.5):
            settings += "".join(f"coeff: {net.choice('1', '-1', '0.5')} " for _ in bottoms)
        net.layer("Eltwise", bottoms, [net.top(net.blobs[name])], f"eltwise_param {{ {settings} }}")


PARTS = (*[neuron] * 5, prelu, logarithm, *[scale_or_bias] * 2, *[norm] * 2, softmax, eltwise)
