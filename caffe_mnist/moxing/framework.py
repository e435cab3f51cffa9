"""`from moxing.framework import file`: where the manual says that the functions are."""

from caffe_mnist.moxing import file

__all__ = ["file"]
