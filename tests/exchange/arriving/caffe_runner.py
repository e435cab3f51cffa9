"""Nets under real pycaffe: `caffe-python caffe_runner.py FOLDER…`.

Each folder holds net.prototxt, net.caffemodel and in.npz, an array an input; out.npz gets all
outputs. Written for Python 3.9 and numpy 1.19.
"""

import os
import sys

import caffe
import numpy as np

caffe.set_mode_cpu()
for folder in sys.argv[1:]:
    net = caffe.Net(
        os.path.join(folder, "net.prototxt"), os.path.join(folder, "net.caffemodel"), caffe.TEST
    )
    given = np.load(os.path.join(folder, "in.npz"))
    for name in given.files:
        net.blobs[name].reshape(*given[name].shape)
        net.blobs[name].data[...] = given[name]
    net.reshape()
    found = net.forward()
    np.savez(os.path.join(folder, "out.npz"), **found)
