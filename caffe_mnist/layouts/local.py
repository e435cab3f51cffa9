"""A machine of one's own: code here, data and models in folders beside it."""

from caffe_mnist.layouts.layout import Layout, layouts

layouts.add("local", Layout(name="local", code=".", data="data", model="model"))
