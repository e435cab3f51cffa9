"""Arrays that are held, written and read in any order, between passes through parts of a net."""

import caffe
import numpy as np
from notes import note, save

NET = """
name: "memory" force_backward: true
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 2 dim: 3 dim: 6 dim: 6 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 pad: 1 bias_term: false
    weight_filler { type: "xavier" } } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "prelu" type: "PReLU" bottom: "conv" top: "conv" }
layer { name: "side" type: "Convolution" bottom: "data" top: "side"
  convolution_param { num_output: 4 kernel_size: 1 weight_filler { type: "xavier" } } }
layer { name: "sum" type: "Eltwise" bottom: "conv" bottom: "side" top: "sum" }
layer { name: "pool" type: "Pooling" bottom: "sum" top: "pool"
  pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "flat" type: "Flatten" bottom: "pool" top: "flat" }
layer { name: "tanh" type: "TanH" bottom: "sum" top: "tanh" }
layer { name: "shape" type: "Reshape" bottom: "tanh" top: "shape"
  reshape_param { shape { dim: 2 dim: -1 } } }
layer { name: "join" type: "Concat" bottom: "flat" bottom: "shape" top: "join" }
layer { name: "ip" type: "InnerProduct" bottom: "join" top: "ip"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "ip" top: "ip" }
layer { name: "target" type: "Input" top: "target" input_param { shape { dim: 2 dim: 5 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "ip" bottom: "target" top: "loss" }
"""
# What has no memory of its own, and what only its neighbours may write.
DERIVED = {"flat", "shape", "loss"}

with open("memory.prototxt", "w") as file:
    file.write(NET)
caffe.set_random_seed(5)
net = caffe.Net("memory.prototxt", caffe.TRAIN)
net.forward()
net.backward()
random = np.random.RandomState(1)
layers = list(net._layer_names)
blobs = [name for name in net.blobs if name not in DERIVED and "split" not in name]
held = {}


def values(kind):
    """All blobs' arrays and all parameters'."""
    found = {name: getattr(blob, kind) for name, blob in net.blobs.items()}
    for name, params in net.params.items():
        found.update((f"{name}.{k}", getattr(b, kind)) for k, b in enumerate(params))
    return found


for turn in range(60):
    name = blobs[random.randint(len(blobs))]
    action = random.randint(6)
    if action == 0:
        held[name, "data"] = net.blobs[name].data
        held[name, "diff"] = net.blobs[name].diff
    elif action == 1:
        net.blobs[name].data[...] = random.randn(*net.blobs[name].data.shape)
    elif action == 2 and held:
        key = sorted(held)[random.randint(len(held))]
        held[key][...] = random.randn(*held[key].shape)
    elif action == 3:
        params = list(net.params.values())[random.randint(len(net.params))]
        held["param", "data"] = params[0].data
        params[0].data[...] *= 1 + 0.1 * random.randn(*params[0].data.shape)
    elif action == 4:
        net.blobs[name].diff.flat = random.randn(net.blobs[name].diff.size)
        net.clear_param_diffs()
    else:
        held.pop(sorted(held)[0], None) if held else None
    net.blobs["target"].data[...] = random.randn(2, 5)
    start = layers.index("conv") if turn % 3 else random.randint(len(layers))
    net.forward(start=layers[start])
    net.backward()
    note(f"data {turn}", values("data"))
    note(f"diff {turn}", values("diff"))
    note(f"held {turn}", [" ".join(key) for key in sorted(held)])
    note(f"held values {turn}", [held[key] for key in sorted(held)])
save()
