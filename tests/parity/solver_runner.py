"""One pass of a solver's nets, then some iterations, under real pycaffe.

    caffe-python solver_runner.py ITERATIONS FOLDER...

FOLDER/solver.prototxt gives FOLDER/real.npz. Written for Python 3.9 and numpy 1.19.
"""

import os
import sys

import caffe
import numpy as np


def keep(net, where, out, gradients):
    """All blobs and parameters of a net, and the parameters' gradients."""
    for name, blob in net.blobs.items():
        out[f"{where}|data|{name}"] = blob.data.copy()
    for name, blobs in net.params.items():
        for index, blob in enumerate(blobs):
            out[f"{where}|weights|{name}|{index}"] = blob.data.copy()
            if gradients:
                out[f"{where}|gradients|{name}|{index}"] = blob.diff.copy()


def run(iterations):
    """What comes out of the solver in this folder."""
    out = {}
    solver = caffe.get_solver("solver.prototxt")
    net = solver.net
    net._forward(0, len(net.layers) - 1)
    net._backward(len(net.layers) - 1, 0)
    keep(net, "pass", out, True)
    for index, tested in enumerate(solver.test_nets):
        tested.share_with(net)
        tested._forward(0, len(tested.layers) - 1)
        keep(tested, f"test{index}", out, False)
    for turn in range(iterations):
        solver.step(1)
        out.update((f"outputs|{name}|{turn}", net.blobs[name].data.copy()) for name in net.outputs)
    keep(net, "end", out, False)
    return out


if __name__ == "__main__":
    caffe.set_mode_cpu()
    for folder in sys.argv[2:]:
        os.chdir(folder)
        np.savez("real.npz", **run(int(sys.argv[1])))
