"""The nets that a command's flags name, with what they need around them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from caffe_mnist.brew.devices import find_device, precision_of
from caffe_mnist.engine.flags import Flags
from caffe_mnist.errors import CaffeMnistError

if TYPE_CHECKING:
    from caffe_mnist.engine.net import Net
    from caffe_mnist.engine.team import Team
    from caffe_mnist.schema.caffe_pb2 import NetParameter


def read_net(flags: Flags, phase: int, place: str) -> Net:
    """The net of `-model`, built on the device; `place` is where Caffe's log names that.

    Raises CaffeMnistError where there is no model, or it is wrong.
    """
    if not flags.model:
        raise CaffeMnistError("needs a model definition", hint="-model FILE")
    from caffe_mnist.engine.glog import info
    from caffe_mnist.engine.layer import Surroundings
    from caffe_mnist.engine.net import Net
    from caffe_mnist.schema import caffe_pb2
    from caffe_mnist.schema.messages import read_text

    device = find_device(flags.gpu, place)
    param = read_text(flags.model, caffe_pb2.NetParameter)
    settler(flags, flags.model)(param)
    param.state.level = flags.level
    param.state.stage.extend(flags.stages)
    provide_pycaffe(None, param)
    return Net(param, Surroundings(phase, device, precision=precision_of(flags, device)), info)


def settler(flags: Flags, path: str) -> Callable[[Any], None]:
    """Brings the relative paths of solver and nets to where they lead somewhere."""
    from caffe_mnist.engine.glog import info
    from caffe_mnist.engine.relative import settle_paths

    always, folder = flags.paths_from == "solver", os.path.dirname(path)
    return lambda param: settle_paths(param, folder, always, partial(info, "caffe.cpp:1"))


def provide_pycaffe(team: Team | None, *nets: NetParameter) -> None:
    """Where a net has layers written in Python, let their modules `import caffe`."""
    if any(layer.type == "Python" for net in nets for layer in net.layer):
        from caffe_mnist.pycaffe import mode
        from caffe_mnist.pycaffe.install import install

        install()
        if team is not None:
            mode.set_solver_count(team.size)
            mode.set_solver_rank(team.rank)
