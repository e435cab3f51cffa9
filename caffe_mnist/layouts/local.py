"""A machine of one's own: nets where they are, data and models in folders beside one's feet."""

from caffe_mnist.layouts.layout import Layout, layouts

layouts.add("local", Layout(name="local", code="", data="data", model="model"))
