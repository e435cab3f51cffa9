"""The SageMaker training container: everything lies below /opt/ml."""

from caffe_mnist.layouts.layout import Layout, layouts

layouts.add(
    "sagemaker",
    Layout(
        name="sagemaker",
        code="/opt/ml/code",
        data="/opt/ml/input/data/training",
        model="/opt/ml/model",
    ),
)
