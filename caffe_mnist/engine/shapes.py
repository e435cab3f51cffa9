"""The shapes of all blobs of a net, as it would run in testing."""

from __future__ import annotations

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.upgrade import upgrade_net


def blob_shapes(net: caffe_pb2.NetParameter) -> dict[str, tuple[int, ...]]:
    """By the blobs' names; raises CaffeMnistError for nets that the engine cannot build."""
    tested = caffe_pb2.NetParameter()
    tested.CopyFrom(upgrade_net(net))
    for layer in tested.layer:  # their numbers do not matter, and drawing them takes long
        for field, settings in layer.ListFields():
            if field.message_type is None or not field.name.endswith("_param"):
                continue
            for name in ("weight_filler", "bias_filler", "filler"):
                if name in field.message_type.fields_by_name:
                    settings.ClearField(name)
    built = Net(tested, Surroundings(caffe_pb2.TEST, generator=RandomNumbers(1)))
    return {name: tuple(blob.shape) for name, blob in built.blobs.items()}
