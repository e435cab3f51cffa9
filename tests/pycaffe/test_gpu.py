"""The mode may change while nets and solvers are there, and arrays follow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from caffe_mnist import pycaffe as caffe
from tests.pycaffe.test_net import NET


@pytest.fixture(autouse=True)
def back_to_cpu() -> Iterator[None]:
    """Other tests run on the CPU."""
    yield
    caffe.set_mode_cpu()


@pytest.mark.gpu
def test_a_net_moves(tmp_path: Path) -> None:
    """Written on the CPU, run on the GPU, written there, and back: the values are the same."""
    (tmp_path / "net.prototxt").write_text(NET)
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TRAIN)
    net.blobs["data"].data[...] = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    on_cpu = net.forward(blobs=["a"])["a"].copy()
    net.backward()
    gradient = net.params["conv"][0].diff.copy()
    caffe.set_mode_gpu()
    held = net.forward(blobs=["a"])["a"]
    np.testing.assert_allclose(held, on_cpu, rtol=1e-4, atol=1e-5)
    net.clear_param_diffs()
    net.backward()
    np.testing.assert_allclose(net.params["conv"][0].diff, gradient, rtol=1e-3, atol=1e-4)
    net.params["a"][0].data[...] = 0
    net.params["a"][1].data[...] = 4
    net.forward()
    assert (held == 4).all()
    caffe.set_mode_cpu()
    assert (net.forward(blobs=["a"])["a"] == 4).all()
