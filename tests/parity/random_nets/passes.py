"""Two forward and backward passes of each net in a folder, under the pycaffe that is given.

    caffe-python passes.py FOLDER

FOLDER/NAME.prototxt gives FOLDER/NAME.npz, or FOLDER/NAME.refused with what was said. Each net has
a process of its own, which a failed check of real Caffe may end. Written for Python 3.9 and
numpy 1.19. A net's first line says how it is run: `# TRAIN` or `# TEST`. Blobs named `k3_…` get
whole numbers below 3, all other inputs normal ones. Gradients of blobs are kept where the net says
force_backward: elsewhere some layers use those that nobody wants as scratch memory.
"""

import glob
import os
import sys

import numpy as np

SEED = 5
PASSES = 2


def run(caffe, path):
    """What blobs, parameters and gradients of the net hold after each pass."""
    with open(path) as file:
        text = file.read()
    phase, forced = getattr(caffe, text.split()[1]), "force_backward: true" in text
    caffe.set_random_seed(SEED)
    net = caffe.Net(path, phase)
    random = np.random.RandomState(SEED)
    out = {}
    for turn in range(PASSES):
        for name in sorted(net.inputs):
            blob = net.blobs[name]
            values = random.standard_normal(blob.data.shape)
            if name.startswith("k"):
                values = random.randint(0, int(name[1:].split("_")[0]), blob.data.shape)
            blob.data[...] = values
        net.forward()
        keep(net, "data", str(turn) + "|data", out, True)
        net.backward()
        keep(net, "diff", str(turn) + "|diff", out, forced)
    return out


def keep(net, what, where, out, blobs_too):
    """The data or the gradients of all parameters of a net, and of its blobs."""
    for name, blob in net.blobs.items() if blobs_too else ():
        out[where + "|" + name] = getattr(blob, what).copy()
    for name, blobs in net.params.items():
        for index, blob in enumerate(blobs):
            out[f"{where}|{name}|{index}"] = getattr(blob, what).copy()


if __name__ == "__main__":
    import caffe

    caffe.set_mode_cpu()
    for found in sorted(glob.glob(os.path.join(sys.argv[1], "*.prototxt"))):
        stem = found[: -len(".prototxt")]
        child = os.fork()
        if not child:
            said = os.open(stem + ".refused", os.O_WRONLY | os.O_CREAT)
            os.dup2(said, 2)
            try:
                np.savez(stem + ".npz", **run(caffe, found))
                os.remove(stem + ".refused")
            except BaseException as error:
                print(error, file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        os.waitpid(child, 0)
