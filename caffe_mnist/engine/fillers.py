"""The values that parameters start with: from the same seed, the very ones of Caffe.

Formulas are Caffe's. `fan_in` is count / first axis, `fan_out` count / second axis (blobs of
one axis count as N × 1); `n` is one of them or their average, by `variance_norm`.
"""

from __future__ import annotations

import math
from typing import Callable

import numpy as np
import torch
from torch import Tensor

from caffe_mnist.engine.blob import Parameter
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.registry import Registry
from caffe_mnist.schema import caffe_pb2

Filler = Callable[[Tensor, caffe_pb2.FillerParameter, RandomNumbers], None]
fillers: Registry[Filler] = Registry("filler")


def fill(
    parameter: Parameter,
    filler: caffe_pb2.FillerParameter,
    generator: RandomNumbers,
    where: object,
) -> None:
    """Fill `parameter` as `filler` says.

    Raises CaffeMnistError for an unknown type, an empty parameter, and numbers that describe no
    distribution, as Caffe's checks do.
    """
    rule = fillers.get(filler.type, where=where)
    if not parameter.count:
        raise CaffeMnistError(f"cannot fill an empty blob of shape {parameter.shape}", where=where)
    values = torch.zeros(parameter.shape)
    try:
        rule(values, filler, generator)
    except ValueError as error:
        raise CaffeMnistError(f"filler {filler.type!r} {error}", where=where) from None
    parameter.data = values.to(parameter.device)


@fillers.register("constant")
def constant(values: Tensor, filler: caffe_pb2.FillerParameter, generator: RandomNumbers) -> None:
    """Every element is `value`."""
    values.fill_(filler.value)


@fillers.register("uniform")
def uniform(values: Tensor, filler: caffe_pb2.FillerParameter, generator: RandomNumbers) -> None:
    """Even between `min` and `max`."""
    if not -math.inf < filler.min <= filler.max < math.inf:
        raise ValueError(f"has no numbers between {filler.min:g} and {filler.max:g}")
    values.copy_(generator.uniform(values.shape, filler.min, filler.max))


@fillers.register("gaussian")
def gaussian(values: Tensor, filler: caffe_pb2.FillerParameter, generator: RandomNumbers) -> None:
    """Normal with `mean` and `std`; with `sparse`, about that many non-zero inputs a unit."""
    if not filler.std > 0:
        raise ValueError(f"needs a positive std, found {filler.std:g}")
    if filler.sparse < -1:
        raise ValueError(f"has sparse {filler.sparse}, which is neither -1 nor more")
    values.copy_(generator.normal(values.shape, filler.mean, filler.std))
    if filler.sparse >= 0:
        outputs = values.shape[0] if values.dim() else 0
        if filler.sparse > outputs:
            raise ValueError(f"has sparse {filler.sparse} for {outputs} outputs")
        probability = filler.sparse / outputs
        values.mul_(generator.bernoulli(values.shape, probability))


@fillers.register("xavier")
def xavier(values: Tensor, filler: caffe_pb2.FillerParameter, generator: RandomNumbers) -> None:
    """Even between ±sqrt(3 / n)."""
    scale = _root(3, _fan(values, filler))
    values.copy_(generator.uniform(values.shape, -scale, scale))


@fillers.register("msra")
def msra(values: Tensor, filler: caffe_pb2.FillerParameter, generator: RandomNumbers) -> None:
    """Normal with mean 0 and standard deviation sqrt(2 / n)."""
    values.copy_(generator.normal(values.shape, 0.0, _root(2, _fan(values, filler))))


@fillers.register("positive_unitball")
def positive_unitball(
    values: Tensor, filler: caffe_pb2.FillerParameter, generator: RandomNumbers
) -> None:
    """Even between 0 and 1, then divided so that the inputs of each output sum to 1."""
    if not values.dim():
        raise ValueError("needs a blob with axes")
    values.copy_(generator.uniform(values.shape, 0.0, 1.0))
    rows = values.view(values.shape[0], -1)
    rows.div_(rows.sum(dim=1, keepdim=True))


@fillers.register("bilinear")
def bilinear(values: Tensor, filler: caffe_pb2.FillerParameter, generator: RandomNumbers) -> None:
    """The kernel of bilinear interpolation, for upsampling by a Deconvolution."""
    if values.dim() != 4 or values.shape[2] != values.shape[3]:
        raise ValueError(f"needs a blob of 4 axes with a square kernel, not {tuple(values.shape)}")
    size = values.shape[3]
    factor = math.ceil(size / 2.0)
    centre = (2 * factor - 1 - factor % 2) / (2.0 * factor)
    ramp = 1 - (torch.arange(size) / factor - centre).abs()
    values.copy_(ramp.outer(ramp).expand_as(values))


def _root(number: float, fan: float) -> float:
    """sqrt(number / fan) in single precision, as Caffe computes it."""
    return float(np.sqrt(np.float32(number) / np.float32(fan)))


def _fan(values: Tensor, filler: caffe_pb2.FillerParameter) -> float:
    count = max(values.numel(), 1)
    if not values.dim():
        raise ValueError("needs a blob with axes")
    fan_in = count / values.shape[0]
    fan_out = count / values.shape[1] if values.dim() > 1 else float(count)
    norm = filler.variance_norm
    if norm == caffe_pb2.FillerParameter.FAN_OUT:
        return fan_out
    if norm == caffe_pb2.FillerParameter.AVERAGE:
        return (fan_in + fan_out) / 2
    return fan_in
