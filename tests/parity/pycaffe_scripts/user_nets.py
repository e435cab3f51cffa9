"""Layers and data of the user's own: Python layers, MemoryData, set_input_arrays."""

import os
import sys

import caffe
import numpy as np
from notes import note, save

NET = """
name: "own" force_backward: true
layer { name: "count" type: "Python" top: "rows" top: "phase"
  python_param { module: "own_layers" layer: "Counter" } }
layer { name: "times" type: "Python" bottom: "rows" top: "product"
  python_param { module: "own_layers" layer: "Times" param_str: "3" } }
layer { name: "loss" type: "Python" bottom: "product" top: "loss" loss_weight: 2
  python_param { module: "own_layers" layer: "Sum" } }
"""
LAYERS = """
import caffe
import numpy as np


class Counter(caffe.Layer):
    def setup(self, bottom, top):
        self.turn = 0

    def reshape(self, bottom, top):
        top[0].reshape(2 + self.turn % 2, 3)
        top[1].reshape()

    def forward(self, bottom, top):
        self.turn += 1
        top[0].data[...] = np.arange(top[0].count).reshape(top[0].data.shape) + self.turn
        top[1].data[()] = self.phase

    def backward(self, top, propagate_down, bottom):
        pass


class Times(caffe.Layer):
    def setup(self, bottom, top):
        self.blobs.add_blob(1, 3)
        self.blobs[0].data[...] = float(self.param_str)

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        top[0].data[...] = bottom[0].data * self.blobs[0].data

    def backward(self, top, propagate_down, bottom):
        self.blobs[0].diff[...] += (bottom[0].data * top[0].diff).sum(0)
        if propagate_down[0]:
            bottom[0].diff[...] = top[0].diff * self.blobs[0].data


class Sum(caffe.Layer):
    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape(1)

    def forward(self, bottom, top):
        top[0].data[0] = bottom[0].data.sum()

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = top[0].diff[0]


class Broken(caffe.Layer):
    def setup(self, bottom, top):
        raise IndexError("broken")
"""
MEMORY = """
name: "memory"
layer { name: "data" type: "MemoryData" top: "data" top: "label"
  memory_data_param { batch_size: 2 channels: 1 height: 2 width: 3 } }
layer { name: "twice" type: "Power" bottom: "data" top: "twice" power_param { scale: 2 } }
"""
for name, text in (("own.prototxt", NET), ("own_layers.py", LAYERS), ("memory.prototxt", MEMORY)):
    with open(name, "w") as file:
        file.write(text)
with open("broken.prototxt", "w") as file:
    file.write(NET.replace("Counter", "Broken"))
with open("solver.prototxt", "w") as file:
    file.write('net: "own.prototxt" base_lr: 0.1 lr_policy: "fixed" momentum: 0.5 max_iter: 9 '
               'snapshot_prefix: "own" random_seed: 1')  # fmt: skip

sys.path.insert(0, os.getcwd())
net = caffe.Net("own.prototxt", caffe.TRAIN)
for turn in range(3):
    note(f"forward {turn}", net.forward(blobs=["rows", "product"]))
    net.backward()
    note(f"gradients {turn}", [net.params["times"][0].diff, net.blobs["rows"].diff])
net.layers[0].turn = 7
note("its own object", [net.layers[0].turn, net.layers[0].type, type(net.layers[1]).__name__])
note("set from outside", net.forward(blobs=["rows"]))
note("parameters", [list(net.params), net.layers[1].blobs[0].data])
net.save("own.caffemodel")
net.params["times"][0].data[...] = 5
net.copy_from("own.caffemodel")
note("copied", net.layers[1].blobs[0].data)
note("phase TEST", caffe.Net("own.prototxt", caffe.TEST).forward(blobs=["phase"]))
note("broken", lambda: caffe.Net("broken.prototxt", caffe.TEST))
solver = caffe.SGDSolver("solver.prototxt")
solver.step(4)
note("trained", [solver.net.params["times"][0].data, solver.net.layers[0].turn])

memory = caffe.Net("memory.prototxt", caffe.TEST)
given = np.arange(24, dtype=np.float32).reshape(4, 1, 2, 3)
memory.set_input_arrays(given, np.arange(4, dtype=np.float32))
for turn in range(3):
    note(f"batch {turn}", memory.forward())
given[...] = -1
note("written by the caller", memory.forward())
labels = np.arange(4, dtype=np.float32)
for name, arrays in {
    "doubles": (given.astype(float), labels),
    "an odd number": (given[:3], labels[:3]),
    "too few labels": (given, labels[:3]),
    "strided": (given[:, :, ::2], labels),
    "three axes": (given[:, 0], labels),
    "other channels": (np.zeros((4, 2, 2, 3), np.float32), labels),
}.items():
    note(name, lambda: memory.set_input_arrays(*arrays))  # noqa: B023 (called at once)
save()
