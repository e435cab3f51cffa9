"""`import moxing.mxnet as mox`: the same as `import moxing as mox`."""

from caffe_mnist.moxing import file
from caffe_mnist.moxing.training import run

__all__ = ["file", "run"]
