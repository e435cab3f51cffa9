"""What a net logs with `debug_info`: mean absolute values after each layer's passes.

Lines and their places are Caffe 1.0's; the norms at the end are an E line there too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from caffe_mnist.engine.glog import error, info, number

if TYPE_CHECKING:
    from caffe_mnist.engine.net import Net


def after_forward(net: Net, index: int) -> None:
    """The tops of layer `index`, and its parameters."""
    layer = net.layers[index]
    for name, blob in zip(net.top_names[index], net.tops[index]):
        _line("net.cpp:593", f"[Forward] Layer {layer.name}, top blob {name} data", blob.data)
    specs = layer.param.param
    for number_, blob in enumerate(layer.blobs):
        name = (specs[number_].name if number_ < len(specs) else "") or str(number_)
        _line("net.cpp:605", f"[Forward] Layer {layer.name}, param blob {name} data", blob.data)


def after_backward(net: Net, index: int) -> None:
    """The gradients of the bottoms that got one, and of the parameters that learn."""
    layer = net.layers[index]
    names = zip(net.bottom_names[index], net.bottoms[index], net.propagate_down[index])
    for name, blob, wanted in names:
        if wanted:
            what = f"[Backward] Layer {layer.name}, bottom blob {name} diff"
            _line("net.cpp:621", what, blob.diff)
    for number_, (blob, learns) in enumerate(zip(layer.blobs, layer.learns)):
        if learns:
            what = f"[Backward] Layer {layer.name}, param blob {number_} diff"
            _line("net.cpp:632", what, blob.diff)


def after_all(net: Net) -> None:
    """Norms over all parameters, each counted once."""
    parameters = [learnable.parameter for learnable in net.parameters.learnables]
    norms = [
        float(sum(torch.linalg.vector_norm(values, order) ** order for values in part))
        for order in (1, 2)
        for part in ([p.data for p in parameters], [p.diff for p in parameters])
    ]
    first, second = norms[:2], [value**0.5 for value in norms[2:]]
    pairs = [", ".join(map(number, pair)) for pair in (first, second)]
    error(
        "net.cpp:721",
        f"    [Backward] All net params (data, diff): L1 norm = ({pairs[0]}); "
        f"L2 norm = ({pairs[1]})",
    )


def _line(place: str, what: str, values: Tensor) -> None:
    mean = values.abs().mean() if values.numel() else torch.tensor(float("nan"))
    info(place, f"    {what}: {number(float(mean))}")
