"""The types of layers there are."""

from __future__ import annotations

from caffe_mnist.engine.layer import layers


def layer_type_list() -> list[str]:
    """Their names, sorted."""
    return list(layers)
