"""Layers without bottoms: Parameter, and DummyData that does not change. (Input is a port.)"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from caffe_mnist.engine.layers.dummy_data import DummyData
from caffe_mnist.exchange.site import Site, writers


@writers.register("Parameter")
def parameter(site: Site) -> Sequence[str]:
    """A constant."""
    return [site.parameter(0)]


@writers.register("DummyData")
def dummy_data(site: Site) -> Sequence[str]:
    """Constants, where its fillers are."""
    layer = site.layer
    assert isinstance(layer, DummyData)
    if any(filler.type != "constant" for filler in layer.fillers):
        raise layer.error("draws by chance", "DummyData is exported with constant fillers only")
    return [
        site.values(np.full(shape, filler.value, np.float32))
        for shape, filler in zip(layer.shapes, layer.fillers)
    ]
