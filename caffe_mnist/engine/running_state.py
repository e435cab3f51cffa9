"""What a training needs to go on exactly, beside weights and histories: places and chance.

Caffe's solver state holds the iteration, the histories and a step. This is kept beside them: where
each data layer is, the seeds it drew, where the random numbers are, the state of recurrent layers,
and the losses that the display is the mean of. In a `.solverstate` it is a field of bytes of a
number that Caffe does not know and passes over, in a `.solverstate.h5` a dataset `running_state`:

    JSON: {"version": 1, "random": {…}, "train": [[layer, {…}], …], "tests": [[…]], "losses": […],
           "more": {…}}

An array of whole or of floating point numbers is {"array": type, "shape": […], "bytes": base64}.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers

VERSION = 1
TYPES = ("uint8", "int32", "uint32", "int64", "uint64", "float32", "float64")


@dataclass(frozen=True)
class RunningState:
    """A training between two iterations; `more` is what others have to remember."""

    random: dict[str, Any]
    train: list[tuple[str, dict[str, Any]]]
    tests: list[list[tuple[str, dict[str, Any]]]]
    losses: list[float] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, generator: RandomNumbers, train: Net, tests: list[Net]) -> RunningState:
        """Where these nets and this stream are now."""
        return cls(generator.state(), _of_net(train), [_of_net(net) for net in tests])

    def restore(self, generator: RandomNumbers, train: Net, tests: list[Net]) -> list[str]:
        """Bring stream and nets there; returns the layers that could not be, in words.

        A test net beyond those that there were begins its data anew.
        """
        faults = []
        try:
            generator.restore(self.random, train.surroundings.device)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            faults.append(f"random numbers ({error})")
        faults += _restore_net(train, self.train)
        for net, found in zip(tests, self.tests):
            faults += _restore_net(net, found)
        return faults

    def to_bytes(self) -> bytes:
        """As it stands in a file."""
        content = {
            "version": VERSION,
            "random": self.random,
            "train": self.train,
            "tests": self.tests,
            "losses": self.losses,
            "more": self.more,
        }
        return json.dumps(_plain(content), separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> RunningState:
        """What `to_bytes` wrote; raises ValueError for anything else and for newer versions."""
        try:
            found = _arrays(json.loads(content))
            if found["version"] != VERSION:
                raise ValueError(f"version {found['version']!r}")
            nets = [_layers(net) for net in [found["train"], *found["tests"]]]
            losses, more = [float(loss) for loss in found["losses"]], dict(found["more"])
            return cls(dict(found["random"]), nets[0], nets[1:], losses, more)
        except (
            ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError
        ) as error:  # fmt: skip
            raise ValueError(f"no running state: {error}") from None


def _of_net(net: Net) -> list[tuple[str, dict[str, Any]]]:
    found = ((layer.name, layer.state()) for layer in net.layers)
    return [(name, state) for name, state in found if state]


def _restore_net(net: Net, found: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Layer by layer, by name and, among those of one name, in order."""
    faults, waiting = [], list(found)
    for layer in net.layers:
        index = next((k for k, (name, _) in enumerate(waiting) if name == layer.name), None)
        if index is None:
            continue
        _, state = waiting.pop(index)
        try:
            layer.restore(state)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            faults.append(f"layer {layer.name!r} ({error})")
    return faults


def _layers(found: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(str(name), dict(state)) for name, state in found]


def _plain(value: Any) -> Any:
    """`value` with arrays in JSON's words."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        content = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"array": str(value.dtype), "shape": list(value.shape), "bytes": content}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def _arrays(value: Any) -> Any:
    """What `_plain` made, with its arrays; raises ValueError for arrays that are none."""
    if isinstance(value, list):
        return [_arrays(one) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) != {"array", "shape", "bytes"}:
        return {key: _arrays(one) for key, one in value.items()}
    shape = [int(size) for size in value["shape"]]
    content = base64.b64decode(value["bytes"], validate=True)
    if value["array"] not in TYPES or min(shape, default=0) < 0:
        raise ValueError(f"no array: {value['array']!r} of {shape}")
    kind = np.dtype(value["array"])
    if math.prod(shape) * kind.itemsize != len(content):
        raise ValueError(f"an array of {shape} in {len(content)} bytes")
    return np.frombuffer(content, kind).reshape(shape)
