"""Nets written in Python, without real Caffe: the whole way to a net that runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_mnist import pycaffe as caffe
from caffe_mnist.pycaffe.coord_map import UndefinedMapException, coord_map, coord_map_from_to, crop

L, P = caffe.layers, caffe.params


def test_a_net_that_runs(tmp_path: Path) -> None:
    """Names from the spec, numbered ones for the rest; loops and repeated tops; it runs."""
    n = caffe.NetSpec()
    n.data, n.label = L.DummyData(shape=[{"dim": [2, 3, 8, 8]}, {"dim": 2}], ntop=2)
    x = n.data
    for k in range(3):
        x = n[f"conv{k}"] = L.Convolution(
            x, num_output=4, kernel_size=3, pad=1, weight_filler={"type": "msra"}
        )
        x = L.ReLU(x, in_place=True)
    n.sum = L.Eltwise(x, x, n.conv0, operation=P.Eltwise.SUM, coeff=[1, -1, 2])
    n.ip = L.InnerProduct(L.Pooling(n.sum, pool=P.Pooling.AVE, global_pooling=True), num_output=5)
    n.loss = L.SoftmaxWithLoss(n.ip, n.label)
    proto = n.to_proto()
    assert [layer.name for layer in proto.layer] == [
        "data", "conv0", "ReLU1", "conv1", "ReLU2", "conv2", "ReLU3", "sum", "Pooling1", "ip",
        "loss",
    ]  # fmt: skip
    assert list(proto.layer[2].top) == ["conv0"]
    (tmp_path / "net.prototxt").write_text(str(proto))
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TRAIN)
    assert np.isclose(net.forward()["loss"], np.log(5))


def test_wrong_specs() -> None:
    """Bottoms that are none, fields and names that there are not."""
    data = L.DummyData(ntop=2, shape={"dim": [1]})
    with pytest.raises(TypeError, match=r"^Silence input 0 is not a Top \(type is <class 'tuple'>"):
        L.Silence(data, ntop=0)
    with pytest.raises(AttributeError, match="nothing"):
        L.Convolution(data[0], nothing=1).to_proto()
    n = caffe.NetSpec()
    for missing in (KeyError, AttributeError):
        with pytest.raises(missing):
            print(n.nothing)
    assert not hasattr(n, "nothing")
    with pytest.raises(AttributeError):
        print(P.Pooling.NOTHING)


def test_crops(tmp_path: Path) -> None:
    """A crop lies over its target; what cannot be aligned says why."""
    n = caffe.NetSpec()
    n.data = L.Input(shape={"dim": [1, 1, 20, 20]})
    n.conv = L.Convolution(n.data, num_output=1, kernel_size=5, stride=1)
    n.crop = crop(n.data, n.conv)
    axis, scale, shift = coord_map_from_to(n.conv, n.data)
    assert (axis, scale.item(), shift.item()) == (1, 1, 2)
    (tmp_path / "net.prototxt").write_text(str(n.to_proto()))
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    image = np.arange(400, dtype=np.float32).reshape(1, 1, 20, 20)
    np.testing.assert_array_equal(net.forward(data=image)["crop"], image[:, :, 2:-2, 2:-2])
    n.half = L.Pooling(n.data, kernel_size=2, stride=2)
    n.even = L.Convolution(n.data, kernel_size=2, num_output=1)
    for start, end, why in (
        (n.data, n.half, "scale mismatch"),
        (n.conv, n.data, "negative offset"),
        (n.data, n.even, "noninteger offset"),
    ):
        with pytest.raises(AssertionError, match=why):
            crop(start, end)
    with pytest.raises(UndefinedMapException):
        coord_map(L.InnerProduct(n.data).fn)
    with pytest.raises(RuntimeError, match="connected by spatial layers"):
        coord_map_from_to(L.InnerProduct(n.data), n.conv)
