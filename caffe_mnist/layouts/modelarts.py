"""The ModelArts training container: code is copied below user-job-dir by its last folder."""

from caffe_mnist.layouts.layout import Layout, layouts

layouts.add(
    "modelarts",
    Layout(
        name="modelarts",
        code="/home/work/user-job-dir/{suffix}",
        data="/home/work/dataset",
        model="/home/work/lenet_mnist",
        suffix="caffe_mnist",
    ),
)
