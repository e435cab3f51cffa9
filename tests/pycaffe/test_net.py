"""Nets by pycaffe, without real Caffe: arrays stay true, failures are Python exceptions."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from caffe_mnist import pycaffe as caffe

NET = """
name: "net"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 2 dim: 3 dim: 4 dim: 4 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "a" type: "InnerProduct" bottom: "conv" top: "a"
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "b" type: "InnerProduct" bottom: "conv" top: "b"
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "a" bottom: "b" top: "loss" }
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The net's file."""
    file = tmp_path / "net.prototxt"
    file.write_text(NET)
    return file


@pytest.fixture
def net(path: Path) -> caffe.Net:
    """The net, from a seed."""
    caffe.set_random_seed(1)
    return caffe.Net(str(path), caffe.TRAIN)


def test_arrays_stay_while_they_are_held(net: caffe.Net) -> None:
    """An array taken before a pass shows what the pass made, and its memory comes again."""
    held = {name: (blob.data, blob.diff) for name, blob in net.blobs.items()}
    weights, gradient = net.params["conv"][0].data, net.params["conv"][0].diff
    net.blobs["data"].data[...] = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    for _ in range(3):
        loss = net.forward()["loss"]
        net.backward()
    assert held["loss"][0] == loss
    for name in ("conv", "a", "b"):
        assert np.abs(held[name][0]).sum() > 0
        assert np.abs(held[name][1]).sum() > 0
        assert np.shares_memory(net.blobs[name].data, held[name][0])
        assert np.shares_memory(net.blobs[name].diff, held[name][1])
    assert np.shares_memory(net.params["conv"][0].data, weights)
    assert np.abs(gradient).sum() > 0
    net.clear_param_diffs()
    assert not gradient.any()


def test_what_is_written_is_used(net: caffe.Net) -> None:
    """Weights, blobs in the middle and gradients of tops: the next pass goes on with them."""
    net.forward()
    net.params["a"][0].data[...] = 0
    net.params["a"][1].data[:] = (1, 2)
    assert net.forward(start="a", end="a")["a"].tolist() == [[1, 2], [1, 2]]
    net.blobs["conv"].data[...] = 1
    sums = net.params["b"][0].data.sum(1)
    split = net.bottom_names["b"][0]
    assert "split" in split
    net.forward(start="conv_relu_0_split", end="b")
    np.testing.assert_allclose(net.blobs["b"].data, [sums, sums], rtol=1e-5)
    net.blobs["a"].diff[...] = ((1, 0), (0, 0))
    net.params["a"][0].data[0] = 3
    net.backward(start="a", end="a")
    bottom = net.blobs[net.bottom_names["a"][0]]
    assert (bottom.diff[0] == 3).all()
    assert not bottom.diff[1].any()


def test_arrays_are_plain(net: caffe.Net) -> None:
    """Float32, in C order, writable, whatever order of memory the layers prefer."""
    net.forward()
    for blob in net.blobs.values():
        for values in (blob.data, blob.diff):
            assert values.dtype == np.float32
            assert values.flags.c_contiguous
            assert values.flags.writeable


def test_each_array_has_its_own_shape(net: caffe.Net) -> None:
    """What is done to one array (its shape, its flags) is not done to the next."""
    first = net.blobs["conv"].data
    first.shape = (-1,)
    first.setflags(write=False)
    assert net.blobs["conv"].data.shape == (2, 4, 2, 2)
    net.blobs["conv"].data[...] = 5
    assert (first == 5).all()


def test_no_array_no_cost(net: caffe.Net) -> None:
    """Blobs whose arrays nobody holds go their own way again."""
    first = net.blobs["conv"].data[0]
    place = first.ctypes.data
    net.forward()
    assert net.blobs["conv"].blob.data.data_ptr() == place
    del first
    gc.collect()
    net.forward()
    assert net.blobs["conv"].blob.data.data_ptr() != place


def test_blobs_outlive_their_net(net: caffe.Net) -> None:
    """Parameters and blobs are still there when the net is gone."""
    blobs = [*net.blobs.values(), *(blob for blobs in net.params.values() for blob in blobs)]
    del net
    gc.collect()
    assert np.isfinite(sum(float(blob.data.sum() + blob.diff.sum()) for blob in blobs))


def test_a_net_that_nobody_holds_is_gone(path: Path) -> None:
    """Its memory is free at once, without Python's search for circles."""
    net = caffe.Net(str(path), caffe.TRAIN)
    net.forward()
    net.backward()
    blob = weakref.ref(net._net.blobs["conv"])
    gc.disable()
    try:
        del net
        assert blob() is None
    finally:
        gc.enable()


def test_failures_are_runtime_errors(net: caffe.Net, path: Path, tmp_path: Path) -> None:
    """What would end a process of real Caffe is a RuntimeError that says what is wrong."""
    with pytest.raises(RuntimeError, match=r"Could not open file nothing\.prototxt"):
        caffe.Net("nothing.prototxt", caffe.TEST)
    with pytest.raises(RuntimeError, match=r"Could not open file nothing\.caffemodel"):
        caffe.Net(str(path), "nothing.caffemodel", caffe.TEST)
    path.write_text(NET.replace("EuclideanLoss", "EuclideanLos"))
    with pytest.raises(RuntimeError, match="unknown layer type 'EuclideanLos'"):
        caffe.Net(str(path), caffe.TEST)
    path.write_text(NET.replace('bottom: "b"', 'bottom: "c"'))
    with pytest.raises(RuntimeError, match="unknown bottom blob 'c'"):
        caffe.Net(str(path), caffe.TEST)
    with pytest.raises(RuntimeError, match="there is no layer 99"):
        net._forward(0, 99)
    with pytest.raises(RuntimeError, match="cannot have the shape"):
        net.blobs["data"].reshape(-1, 2)
    net.blobs["data"].reshape(2, 5, 4, 4)
    with pytest.raises(RuntimeError, match="3 channels"):
        net.forward()
    net.blobs["data"].reshape(1, 1, 1, 1, 1)
    with pytest.raises(RuntimeError, match="no num, channels"):
        print(net.blobs["data"].num)
    (tmp_path / "bad.caffemodel").write_bytes(b"\x07nothing")
    with pytest.raises(RuntimeError, match=r"bad\.caffemodel"):
        net.copy_from(tmp_path / "bad.caffemodel")


def test_an_input_in_batches(net: caffe.Net) -> None:
    """`forward_all` takes any number of rows, fills the last batch, and returns as many."""
    rows = np.random.default_rng(1).normal(size=(5, 3, 4, 4)).astype(np.float32)
    made = net.forward_all(blobs=["a", "conv"], data=rows)
    assert made["a"].shape == (5, 2)
    last = net.forward(data=np.stack([rows[4], rows[0]]), blobs=["a"])["a"]
    np.testing.assert_allclose(made["a"][4], last[0], rtol=1e-5)
    np.testing.assert_allclose(made["a"][0], last[1], rtol=1e-5)
