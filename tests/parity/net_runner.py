"""One forward and one backward pass of each net in a folder, under real pycaffe.

    caffe-python net_runner.py FOLDER

FOLDER/NAME.prototxt with FOLDER/NAME.npz (bottoms in0…, parameters p0…, gradients of tops d0…)
gives FOLDER/NAME.out.npz. Written for Python 3.9 and numpy 1.19.
"""

import ctypes
import glob
import os
import sys

import caffe
import numpy as np

# What a bottom's gradient holds before the passes, to see whether it is written.
UNTOUCHED = 7


def run(path):
    """Run the net of `path` and save what came out."""
    given = np.load(path[: -len(".prototxt")] + ".npz")
    phase = caffe.TEST if str(given["phase"]) == "TEST" else caffe.TRAIN
    caffe.set_random_seed(int(given["seed"]))
    ctypes.CDLL(None).srand(1)
    net = caffe.Net(path, phase)
    for name in given.files:
        if name.startswith("in"):
            net.blobs[name].data[...] = given[name]
    parameters = net.params.get("layer", [])
    for index, blob in enumerate(parameters):
        blob.data[...] = given[f"p{index}"]
    layer = len(net.layers) - 1
    tops = [net.blobs[name] for name in net.top_names["layer"]]
    out = {}
    for name in net.bottom_names["layer"]:
        net.blobs[name].diff[...] = UNTOUCHED
    for turn in range(int(given["passes"])):
        net.forward()
        out.update((f"top{index}_{turn}", blob.data.copy()) for index, blob in enumerate(tops))
    out.update((f"p{index}", blob.data.copy()) for index, blob in enumerate(parameters))
    if str(given["phase"]) == "TRAIN":
        for index, blob in enumerate(tops):
            if f"d{index}" in given.files:
                blob.diff[...] = given[f"d{index}"]
        net._backward(layer, layer)
        for name in net.bottom_names["layer"]:
            out["diff_" + name] = net.blobs[name].diff.copy()
        for index, blob in enumerate(parameters):
            out[f"dp{index}"] = blob.diff.copy()
    np.savez(path[: -len(".prototxt")] + ".out.npz", **out)


if __name__ == "__main__":
    caffe.set_mode_cpu()
    for found in sorted(glob.glob(os.path.join(sys.argv[1], "*.prototxt"))):
        run(found)
