"""One forward pass of a deploy net with weights, under real pycaffe.

    caffe-python classify.py DEPLOY WEIGHTS INPUT.npy OUT.npz

All blobs of the net go to OUT.npz. Written for Python 3.9 and numpy 1.19.
"""

import sys

import caffe
import numpy as np

if __name__ == "__main__":
    deploy, weights, given, out = sys.argv[1:]
    caffe.set_mode_cpu()
    net = caffe.Net(deploy, weights, caffe.TEST)
    data = np.load(given)
    net.blobs["data"].reshape(*data.shape)
    net.blobs["data"].data[...] = data
    net.forward()
    np.savez(out, **{name: blob.data for name, blob in net.blobs.items()})
