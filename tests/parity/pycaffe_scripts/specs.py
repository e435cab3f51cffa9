"""Nets written with NetSpec, and the coordinate maps and crops of their tops."""

import caffe
import numpy as np
from caffe import layers as L  # noqa: N812 (pycaffe's way to say it)
from caffe import params as P  # noqa: N812
from caffe.coord_map import coord_map_from_to, crop
from caffe.net_spec import param_name_dict
from notes import note, save


def small():
    """A net with most ways to give settings."""
    n = caffe.NetSpec()
    n.data, n.label = L.DummyData(
        shape=[{"dim": [1, 3, 4, 4]}, {"dim": [1]}], ntop=2, transform_param={"scale": 0.5}
    )
    n.conv = L.Convolution(
        n.data,
        kernel_size=3,
        stride=[1, 2],
        num_output=4,
        weight_filler={"type": "xavier"},
        param=[{"lr_mult": 1}, {"lr_mult": 2}],
    )
    n.relu = L.ReLU(n.conv, in_place=True)
    unnamed = L.InnerProduct(L.Pooling(n.relu, pool=P.Pooling.AVE, kernel_size=2), num_output=3)
    n.ip = L.InnerProduct(unnamed, num_output=3, name="other")
    n.silent = L.Silence(n.label, ntop=0)
    n.up = L.Deconvolution(n.data, convolution_param={"num_output": 2, "kernel_size": [2]})
    n.py = L.Python(n.data, module="m", layer="l", param_str="'a'")
    n["sum"] = L.Eltwise(n.ip, n.ip, operation=P.Eltwise.SUM, coeff=[1, -1])
    n.loss = L.SoftmaxWithLoss(
        n.ip,
        n.label,
        loss_param={"ignore_label": 3},
        include={"phase": caffe.TRAIN},
        loss_weight=2,
        propagate_down=[True, False],
    )
    return n


n = small()
note("small", n.to_proto())
note("again", n.to_proto())
a, b = L.DummyData(ntop=2, shape={"dim": [1]})
note("unnamed", caffe.to_proto(L.Sigmoid(a), L.ReLU(L.Sigmoid(b)), b))
note("one top", L.TanH(a).to_proto())
note("in place", L.ReLU(a, in_place=True).to_proto())
note("a unknown type", L.Nothing(a).to_proto())
note("parameter messages", param_name_dict())
for name, fault in {
    "a list of tops": lambda: L.Silence([a, b], ntop=0),
    "another type's field": lambda: L.Deconvolution(a, num_output=3).to_proto(),
    "no field": lambda: L.Convolution(a, nothing=3).to_proto(),
    "no whole number": lambda: L.Convolution(a, kernel_size=3.5).to_proto(),
    "no top": lambda: n.nothing,
    "no item": lambda: n["nothing"],
    "no value": lambda: P.Pooling.NOTHING,
    "no parameters": lambda: P.Nothing.MAX,
}.items():
    note(name, fault)


def windows(kernel=3, stride=1, pad=0, pool=2, up=2, up_pad=0):
    """Down by a convolution and pooling, up by a deconvolution."""
    n = caffe.NetSpec()
    n.data = L.Input(shape={"dim": [2, 1, 100, 100]})
    n.aux = L.Input(shape={"dim": [2, 1, 20, 20]})
    n.conv = L.Convolution(n.data, num_output=10, kernel_size=kernel, stride=stride, pad=pad)
    n.pool = L.Pooling(n.conv, pool=P.Pooling.MAX, kernel_size=pool, stride=pool, pad=0)
    n.up = L.Deconvolution(
        n.pool, convolution_param={"num_output": 10, "kernel_size": up, "stride": up, "pad": up_pad}
    )
    n.relu = L.ReLU(n.up, in_place=True)
    n.wide = L.Convolution(n.up, num_output=10, kernel_size=3, dilation=2, pad=[1, 2])
    n.ip = L.InnerProduct(n.pool, num_output=10)
    n.axis = L.Convolution(n.conv, kernel_size=3, axis=2, num_output=1)
    return n


def mapped(top_from, top_to):
    """A map as lists."""
    axis, scale, shift = coord_map_from_to(top_from, top_to)
    return [axis, np.asarray(scale, float), np.asarray(shift, float)]


for settings in (
    {},
    {"pad": 1},
    {"kernel": 5, "stride": 2, "pad": 1},
    {"pool": 3, "up": 3},
    {"kernel": [3, 5]},
    {"kernel": [3, 3, 3]},
    {"pad": 1, "up_pad": 1},
    {"up": 4},
):
    n = windows(**settings)
    for start in ("data", "conv", "pool", "up", "relu", "wide", "ip", "axis"):
        for end in ("data", "up", "aux"):
            where = f"{sorted(settings.items())} of {start} to {end}"
            note("map " + where, lambda: mapped(n[start], n[end]))  # noqa: B023 (called at once)
            if start != end and (start, end) != ("relu", "up"):  # there, pycaffe stumbles
                note("crop " + where, lambda: crop(n[start], n[end]).fn.params)  # noqa: B023
n = windows()
cropped = crop(n.data, n.up)
note("through a crop", mapped(cropped, n.data))
note("cropped", cropped.to_proto())
save()
