"""A case of the parity suite on one device: what comes out of both passes, as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from tests.parity.cases.case import Case

SEED = 1701
Arrays = dict[str, Tensor]


class SameNumbers(RandomNumbers):
    """Draws masks on the CPU for every device, so that devices can be compared."""

    def mask(self, like: Tensor, probability: float) -> Tensor:
        """As on the CPU."""
        return self.bernoulli(like.shape, probability).to(like.device)


def outcome(case: Case, folder: Path, device: torch.device) -> Arrays:
    """Tops of each forward pass, and in training the gradients of bottoms and parameters."""
    param = parse_text(case.net(folder), caffe_pb2.NetParameter, case.name)
    phase = caffe_pb2.TEST if case.phase == "TEST" else caffe_pb2.TRAIN
    net = Net(param, Surroundings(phase, device, SameNumbers(SEED)))
    random = np.random.default_rng(sum(map(ord, case.name)))
    last, layer, out = len(net.layers) - 1, net.layers[-1], Arrays()
    for index, (shape, limit) in enumerate(zip(case.shapes(), case.limits())):
        values = random.integers(0, limit, shape) if limit else random.normal(size=shape)
        values = np.abs(values) + 0.5 if case.positive else values
        net.blobs[f"in{index}"].data = torch.tensor(values, dtype=torch.float32, device=device)
    for blob in layer.blobs:
        values = random.normal(size=blob.shape)
        values = np.abs(values) + 0.5 if case.positive_parameters else values
        blob.data = torch.tensor(values, dtype=torch.float32, device=device)
    for blob in net.bottoms[-1]:
        blob.diff = torch.zeros(blob.shape, device=device)
    for turn in range(case.passes):
        net.forward()
        out.update(
            (f"top{k}_{turn}", blob.data.cpu().clone()) for k, blob in enumerate(net.tops[-1])
        )
    out.update((f"p{k}", blob.data.cpu().clone()) for k, blob in enumerate(layer.blobs))
    if case.phase == "TRAIN":
        for blob in net.tops[-1] if not layer.loss_layer else []:
            gradient = random.normal(size=blob.shape)
            blob.diff = torch.tensor(gradient, dtype=torch.float32, device=device)
        net.parameters.clear_diffs()
        net.backward(last, last)
        for name, blob in zip(net.bottom_names[-1], net.bottoms[-1]):
            out[f"diff_{name}"] = blob.diff.cpu().clone()
        out.update((f"dp{k}", blob.diff.cpu().clone()) for k, blob in enumerate(layer.blobs))
    net.close()
    return out


def differences(ours: Arrays, theirs: Arrays) -> dict[str, float]:
    """How far each array is from its counterpart, relative to the largest value there."""
    assert set(ours) == set(theirs)
    found = {}
    for name, values in theirs.items():
        assert ours[name].shape == values.shape, name
        if not values.numel():
            continue
        scale = max(float(values.abs().max()), 1e-6)
        found[name] = float((ours[name] - values).abs().max()) / scale
    return found
