"""ResNet-50 with weights of the engine's, in real Caffe."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.weights import load_weights, save_weights
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text

pytestmark = pytest.mark.parity

HERE = Path(__file__).parent
DEPLOY = HERE.parents[1] / "prototxt/resnet50/resnet50_deploy.prototxt"
# BatchNorm's running means and variances come from passes over such pictures.
SEEN = (4, 3, 224, 224)


def passed(phase: int, data: torch.Tensor, weights: Path | None) -> Net:
    """The net after a pass over `data`."""
    net = Net(
        read_text(DEPLOY, caffe_pb2.NetParameter), Surroundings(phase, generator=RandomNumbers(1))
    )
    if weights is not None:
        load_weights(net, weights)
    net.blobs["data"].data = data
    net.reshape()
    net.forward()
    return net


def test_real_caffe_computes_the_same(real_caffe: Path, tmp_path: Path) -> None:
    """Every blob of one picture of 224 × 224, with the weights of one file; the scores to 1e-4."""
    random = np.random.default_rng(5)
    seen = random.normal(0, 60, SEEN).astype(np.float32)
    picture = random.normal(0, 60, (1, 3, 224, 224)).astype(np.float32)
    weights = tmp_path / "resnet50.caffemodel"
    save_weights(passed(caffe_pb2.TRAIN, torch.from_numpy(seen), None), weights)
    np.save(tmp_path / "picture.npy", picture)
    out = tmp_path / "real.npz"
    program = [real_caffe / "caffe-python", HERE / "classify.py", DEPLOY, weights]
    subprocess.run([*program, tmp_path / "picture.npy", out], check=True, capture_output=True)
    net, real = passed(caffe_pb2.TEST, torch.from_numpy(picture), weights), np.load(out)
    assert set(net.blobs) == set(real.files)
    for name, blob in net.blobs.items():
        difference = np.abs(blob.data.numpy() - real[name]).max() / np.abs(real[name]).max()
        # Rounding grows from layer to layer, as these weights have learnt nothing.
        assert difference <= (1e-4 if name in ("pool5", "fc1000", "prob") else 3e-4), name
    assert net.blobs["prob"].data.max() > 1.5e-3  # not all classes alike
