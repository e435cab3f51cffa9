"""Old nets: one of every V1 and V0 layer type with every setting, and small special ones."""

from __future__ import annotations

from typing import Any

from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.upgrade_v0 import TYPES as V0_TYPES
from caffe_mnist.schema.upgrade_v1 import TYPES as V1_TYPES
from caffe_mnist.schema.values import is_repeated, kind_of

DEEP = 3


def every_v1_type(blobs: bool = False) -> Any:
    """A net with a layer of every V1 type, each with every field but its V0 layer set."""
    net = caffe_pb2.NetParameter(name="v1", force_backward=True, debug_info=True)
    net.state.stage.append("late")
    for number, name in enumerate(V1_TYPES):
        layer = net.layers.add()
        _fill(layer, number, skip=("layer", *(() if blobs else ("blobs",))))
        layer.name = f"{name}_{number}"
        layer.type = caffe_pb2.V1LayerParameter.LayerType.Value(name)
    return net


def every_v0_setting(blobs: bool = False) -> Any:
    """A net with a layer for each V0 type with only the settings that it has.

    And one with all there are for a type that has few of them, if `blobs` is False.
    """
    net = caffe_pb2.NetParameter(name="v0", force_backward=True)
    for number, kind in enumerate((*V0_TYPES, *(() if blobs else ("relu",)))):
        connection = net.layers.add(top=[f"top{number}"])
        layer = connection.layer
        everything = number == len(V0_TYPES) or kind in ("conv", "images")
        skip = () if everything and not blobs else tuple(_MIXED)
        _fill(layer, number, skip=(*skip, *(() if blobs else ("blobs",))))
        layer.name, layer.type = f"{kind}_{number}", kind
    return net


_MIXED = [
    "num_output", "biasterm", "weight_filler", "bias_filler", "pad", "kernelsize", "group",
    "stride", "pool", "dropout_ratio", "local_size", "alpha", "beta", "k", "source", "batchsize",
    "rand_skip", "shuffle_images", "new_height", "new_width", "concat_dim", "det_fg_threshold",
    "det_bg_threshold", "det_fg_fraction", "det_context_pad", "det_crop_mode", "hdf5_output_param",
]  # fmt: skip


def every_pair_of_v0_type_and_setting() -> Any:
    """A net with a layer of every V0 type with one setting, for every setting."""
    net = caffe_pb2.NetParameter(name="pairs")
    for kind in V0_TYPES:
        for name in _MIXED:
            layer = net.layers.add().layer
            layer.name, layer.type = f"{kind}_{name}", kind
            _set(layer, layer.DESCRIPTOR.fields_by_name[name], 5, 0)
    return net


def _fill(message: Any, seed: int, skip: tuple[str, ...] = (), depth: int = 0) -> None:
    """Set every field of `message` to something that is not its default."""
    for field in message.DESCRIPTOR.fields:
        if field.name not in skip:
            _set(message, field, seed + field.number, depth)


def _set(message: Any, field: Any, seed: int, depth: int) -> None:
    if kind_of(field) == "message":
        if depth < DEEP:
            target = getattr(message, field.name)
            _fill(target.add() if is_repeated(field) else target, seed, depth=depth + 1)
    elif is_repeated(field):
        getattr(message, field.name).extend(_value(field, seed + k) for k in range(2))
    else:
        setattr(message, field.name, _value(field, seed))


def _value(field: Any, seed: int) -> Any:
    kind = kind_of(field)
    if kind == "bool":
        return not field.default_value
    if kind == "string":
        return f"{field.name} {seed}"
    if kind == "enum":
        return field.enum_type.values[seed % len(field.enum_type.values)].number
    return seed / 8 if kind in ("float", "double") else seed % 97


PADDED = """
name: "padded" input: "data" input_dim: [1, 3, 9, 9] force_backward: true
layers { layer { name: "p1" type: "padding" pad: 2 } bottom: "data" top: "p1" }
layers { layer { name: "c1" type: "conv" num_output: 4 kernelsize: 3 blobs_lr: [1, 2]
  weight_decay: [1, 0] weight_filler { type: "xavier" } } bottom: "p1" top: "c1" }
layers { layer { name: "p2" type: "padding" pad: 1 } bottom: "c1" top: "p2" }
layers { layer { name: "m2" type: "pool" kernelsize: 3 stride: 2 pool: MAX }
  bottom: "p2" top: "m2" }
layers { layer { name: "f2" type: "innerproduct" num_output: 5 biasterm: false }
  bottom: "m2" top: "f2" }
"""
SHARED = """
name: "shared" input: "a" input: "b" input_shape { dim: [2, 3] } input_shape { dim: [2, 3, 1] }
layers { name: "x" type: INNER_PRODUCT bottom: "a" top: "x" param: "w" param: "" blobs_lr: 1
  blob_share_mode: PERMISSIVE inner_product_param { num_output: 2 } }
layers { name: "y" type: INNER_PRODUCT bottom: "b" top: "y" param: "w" weight_decay: [1, 2, 3]
  include { phase: TEST min_level: 1 stage: "s" } exclude { not_stage: "t" }
  inner_product_param { num_output: 2 } loss_weight: 0.5 }
layers { name: "none" bottom: "y" top: "z" }
"""
PICTURES = """
layers { name: "d" type: DATA top: "d" data_param { source: "db" scale: 0.5 mean_file: "m"
  crop_size: 3 mirror: true batch_size: 2 } transform_param { mean_value: 3 scale: 9 } }
layers { name: "plain" type: DATA top: "e" }
layers { name: "i" type: IMAGE_DATA top: "i" image_data_param { source: "l" mirror: false } }
layers { name: "w" type: WINDOW_DATA top: "w"
  window_data_param { crop_size: 4 crop_mode: "square" } }
layers { name: "h" type: HDF5_DATA top: "h" hdf5_data_param { source: "h" } }
"""
NORMALIZED = """
input: "a" input_dim: [1, 2, 3, 4]
layer { name: "old" type: "BatchNorm" bottom: "a" top: "b" param { lr_mult: 0 } param { lr_mult: 1 }
  param { name: "n" decay_mult: 4 } }
layer { name: "new" type: "BatchNorm" bottom: "b" top: "c" param { lr_mult: 1 } }
layer { name: "kept" type: "Data" top: "k" data_param { source: "db" scale: 0.5 mirror: true } }
"""
SPECIAL = {
    "padded": PADDED,
    "shared": SHARED,
    "pictures": PICTURES,
    "normalized": NORMALIZED,
    "both_shapes": 'input: "a" input_shape { dim: 4 } input_dim: [1, 2, 3, 4]',
    "more_shapes": 'input: "a" input_shape { dim: 4 } input_shape { dim: 5 } state { level: 2 }',
    "bare_input": 'name: "b" input: "a" input: "b" layer { name: "r" type: "ReLU" }',
    "dims_alone": 'input_dim: [1, 2, 3, 4] layer { name: "r" type: "ReLU" }',
    "today": 'name: "t" layer { name: "r" type: "ReLU" bottom: "a" top: "a" }',
    "mixed": """layers { layer { name: "r" type: "relu" } }
      layers { name: "s" type: SPLIT top: "b" }""",
    "v0_data": """layers { layer { name: "d" type: "data" source: "db" scale: 0.5 meanfile: "m"
      batchsize: 3 cropsize: 7 mirror: true rand_skip: 2 } top: "d" top: "l" }""",
    "v0_state": """input: "a" input_shape { dim: 3 } state { level: 3 } debug_info: true
      layers { layer { name: "r" type: "relu" } bottom: "a" top: "b" }""",
    "v0_typeless": 'layers { layer { name: "r" } top: "b" }',
}
REFUSED = {
    "both_kinds": 'layers { name: "s" type: SPLIT } layer { name: "t" type: "Split" }',
    "unknown_v0": 'layers { layer { name: "c" type: "convolution" } top: "b" }',
    "no_such_blob": 'layers { layer { name: "c" type: "conv" } bottom: "a" top: "b" }',
    "padded_relu": """input: "a"
      layers { layer { name: "p" type: "padding" pad: 1 } bottom: "a" top: "b" }
      layers { layer { name: "r" type: "relu" } bottom: "b" top: "b" }""",
    "padded_twice": """input: "a"
      layers { layer { name: "p" type: "padding" pad: 1 } bottom: "a" top: "b" }
      layers { layer { name: "q" type: "padding" pad: 1 } bottom: "b" top: "c" }
      layers { layer { name: "r" type: "conv" } bottom: "c" top: "d" }""",
}
