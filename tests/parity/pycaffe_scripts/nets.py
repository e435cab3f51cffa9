"""A net by pycaffe: names, passes, parameters, weights, failures."""

import caffe
import numpy as np
from notes import note, save

# Layer types of Caffe's forks, which only one of the two has.
FORKS = [
    "Axpy",
    "BN",
    "ConvolutionDepthwise",
    "DepthwiseConvolution",
    "DetectionOutput",
    "Interp",
    "MultiBoxLoss",
    "Normalize",
    "Permute",
    "PriorBox",
    "ROIPooling",
    "ReLU6",
    "ShuffleChannel",
    "SmoothL1Loss",
    "Upsample",
]

NET = """
name: "net"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 4 dim: 2 dim: 5 dim: 5 } } }
layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 4 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 3 kernel_size: 2 weight_filler { type: "gaussian" std: 1 } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "drop" type: "Dropout" bottom: "conv" top: "conv" }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip" param { name: "w" }
  inner_product_param { num_output: 6 weight_filler { type: "xavier" } } }
layer { name: "ip2" type: "InnerProduct" bottom: "conv" top: "ip2" param { name: "w" }
  inner_product_param { num_output: 6 weight_filler { type: "xavier" } } }
layer { name: "acc" type: "Accuracy" bottom: "ip2" bottom: "label" top: "acc" top: "each"
  include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
layer { name: "loss2" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss2"
  loss_weight: 0.5 }
"""
ROWS = """
force_backward: true
input: "x" input_dim: 3 input_dim: 1 input_dim: 2 input_dim: 2
layer { name: "p" type: "Power" bottom: "x" top: "y" power_param { scale: 2 } }
"""


def names(net):
    """Everything that says how the net is made."""
    return {
        "blobs": list(net.blobs),
        "shapes": [list(blob.shape) for blob in net.blobs.values()],
        "params": [(name, [list(b.shape) for b in bs]) for name, bs in net.params.items()],
        "layers": list(net._layer_names),
        "types": [layer.type for layer in net.layers],
        "dict": [(name, len(layer.blobs)) for name, layer in net.layer_dict.items()],
        "inputs": [net.inputs, list(net._inputs)],
        "outputs": [net.outputs, list(net._outputs)],
        "tops": [list(net.top_names.items()), [list(net._top_ids(k)) for k in range(5)]],
        "bottoms": [list(net.bottom_names.items()), [list(net._bottom_ids(k)) for k in range(5)]],
        "weights": list(net.blob_loss_weights.items()),
        "legacy": [net.blobs["label"].width, net.blobs["data"].channels, net.blobs["conv"].count],
    }


with open("net.prototxt", "w") as file:
    file.write(NET)
caffe.set_random_seed(3)
net = caffe.Net("net.prototxt", caffe.TRAIN)
test = caffe.Net("net.prototxt", caffe.TEST)
random = np.random.RandomState(0)
data, label = random.randn(4, 2, 5, 5), np.arange(4)
note("names", names(net))
note("names in phase TEST", names(test))
note("filled", [blob.data for blobs in net.params.values() for blob in blobs])
note("forward", net.forward(data=data, label=label))
note("forward again", net.forward(blobs=["conv", "ip2"]))
note("backward", net.backward(diffs=["conv", "ip"]))
note("gradients", [blob.diff for blobs in net.params.values() for blob in blobs])
note("part", net.forward(start="ip", end="ip2"))
note("part back", net.backward(start="loss2", end="ip2"))
note("from the middle", net.forward(start="conv", end="relu", blobs=["data"]))
note("number", net._forward(0, len(net.layers) - 1))

called = []
net.before_forward(lambda k: called.append(("before forward", k)))
net.after_forward(lambda k: called.append(("after forward", k)))
net.before_backward(lambda k: called.append(("before backward", k)))
net.after_backward(lambda k: called.append(("after backward", k)))
net.forward(start="conv", end="drop")
net.backward(start="loss", end="ip2")
note("called", called)

net.save("net.caffemodel")
net.save_hdf5("weights")
for blobs in net.params.values():
    for blob in blobs:
        blob.data[...] = 1
net.copy_from("net.caffemodel")
note("copied", [blob.data for blobs in net.params.values() for blob in blobs])
for way, made in {
    "named": lambda: caffe.Net("net.prototxt", caffe.TEST, weights="net.caffemodel"),
    "older": lambda: caffe.Net("net.prototxt", "net.caffemodel", caffe.TEST),
    "all": lambda: caffe.Net(
        network_file="net.prototxt", phase=1, level=0, stages=["x"], weights="net.caffemodel"
    ),
}.items():
    note(way, made().forward(data=data, label=label))
other = caffe.Net("net.prototxt", caffe.TEST)
other.load_hdf5("weights")
note("from HDF5", other.forward(data=data, label=label))
other.share_with(net)
net.params["ip2"][1].data[...] = 7
net.params["conv"][0].diff[...] = 5
note("shared", [other.params["ip2"][1].data, other.params["conv"][0].diff])

other.blobs["data"].reshape(7, 2, 5, 5)
other.blobs["label"].reshape(7)
other.reshape()
note("reshaped", [list(blob.shape) for blob in other.blobs.values()])
ones = np.ones((7, 2, 5, 5))
note("in the new shape", other.forward(data=ones, label=np.zeros(7)))

with open("all.prototxt", "w") as file:
    file.write(ROWS)
rows = np.arange(28, dtype=np.float32).reshape(7, 1, 2, 2)
every = caffe.Net("all.prototxt", caffe.TEST)
note("over all", every.forward_all(x=rows))
note("given gradients", every.backward(y=rows[:3]))
note("both ways", every.forward_backward_all(x=rows, y=rows, blobs=["x"], diffs=["y"]))
note("over all with blobs", every.forward_all(blobs=["x"], x=rows[:2]))

for name, fault in {
    "no file": lambda: caffe.Net("nothing.prototxt", caffe.TEST),
    "no weights": lambda: caffe.Net("net.prototxt", "nothing.caffemodel", caffe.TEST),
    "no phase": lambda: caffe.Net("net.prototxt"),
    "no blob": lambda: net.blobs["nothing"],
    "no layer": lambda: net.forward(end="nothing"),
    "no such input": lambda: net.forward(nothing=data),
    "one of two inputs": lambda: net.forward(data=data),
    "another batch": lambda: net.forward(data=data[:3], label=label),
    "another output": lambda: net.backward(nothing=1),
    "no parameter": lambda: net.params["conv"][2],
    "no MemoryData": lambda: net.set_input_arrays(data.astype("f"), label.astype("f")),
    "a blob has no": lambda: net.blobs["data"].nothing,
    "nothing to run over": lambda: every.forward_all(),
}.items():
    note(name, fault)
note("types", [kind for kind in caffe.layer_type_list() if kind not in FORKS])
note("solvers", [caffe.solver_count(), caffe.solver_rank(), caffe.has_nccl()])
save()
