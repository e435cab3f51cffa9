"""MoXing's file functions over our stores: `import caffe_mnist.moxing as mox`, then `mox.file.…`.

`install()` of caffe_mnist.moxing.install lets `import moxing` find it.
"""

import caffe_mnist.moxing.file as file
from caffe_mnist.moxing.training import run

__all__ = ["file", "run"]
