"""Building nets: wiring, sharing, gradients where they are needed, and errors that say where."""

from __future__ import annotations

import pytest
import torch

from caffe_mnist.engine.layer import Surroundings, layers
from caffe_mnist.engine.net import Net
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

IN = 'layer { name: "d" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } } '


def build(text: str, phase: int = caffe_pb2.TRAIN) -> Net:
    """The net of a prototxt."""
    return Net(parse_text(text, caffe_pb2.NetParameter, "test"), Surroundings(phase))


def ip(name: str, bottom: str, more: str = "", outputs: int = 3) -> str:
    """An InnerProduct layer."""
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" {more} '
        f'inner_product_param {{ num_output: {outputs} weight_filler {{ type: "xavier" }} }} }} '
    )


def test_outputs_are_what_nobody_reads_in_order_of_names() -> None:
    """Caffe lists the outputs alphabetically."""
    net = build(IN + ip("z", "x") + ip("a", "x"))
    assert net.outputs == ["a", "z"]
    assert net.inputs == ["x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (IN + 'layer { name: "a" type: "Nope" bottom: "x" top: "a" }', "unknown layer type 'Nope'"),
        (IN + 'layer { name: "a" type: "Nope" bottom: "x" top: "a" }', ", Accuracy, "),
        (IN + ip("a", "y"), "layer 'a': unknown bottom blob 'y'"),
        (IN + ip("a", "x") + ip("a", "x"), "top blob 'a' is made by several layers"),
        (IN + ip("x", "x"), "cannot work in place"),
        (IN + ip("a", "x", outputs=0), "positive num_output"),
        (IN + ip("a", "x", "param {} param {} param {}"), "2 parameter"),
        (IN + 'layer { name: "a" type: "ReLU" top: "a" }', "at least 1 bottom"),
        (IN + 'layer { name: "a" type: "Split" bottom: "x" }', "at least 1 top"),
        (
            IN.replace("dim: 3", "dim: 3 dim: 2 dim: 2")
            + 'layer { name: "a" type: "Convolution" bottom: "x" top: "a" '
            + "convolution_param { num_output: 1 kernel_size: 3 } }",
            "layer 'a' (Convolution): kernel 3 is larger than the padded input 2",
        ),
        (
            IN
            + 'layer { name: "l" type: "Input" top: "l" input_param { shape { dim: 3 } } }'
            + 'layer { name: "a" type: "SoftmaxWithLoss" bottom: "x" bottom: "l" top: "a" }',
            "needs 2 labels",
        ),
    ],
)
def test_faults_name_the_layer(text: str, message: str) -> None:
    """A net that cannot be built says which layer and why."""
    with pytest.raises(CaffeMnistError) as caught:
        build(text)
    assert message in str(caught.value)


def test_every_layer_type_of_the_issue_is_there() -> None:
    """The registry holds the layers of LeNet-class nets."""
    wanted = {
        "Data", "Input", "Convolution", "Pooling", "InnerProduct", "ReLU", "Sigmoid", "TanH",
        "Dropout", "LRN", "Softmax", "SoftmaxWithLoss", "Accuracy", "Split", "Flatten", "Concat",
        "Eltwise",
    }  # fmt: skip
    assert wanted <= set(layers)


def test_parameters_of_one_name_are_one() -> None:
    """Gradients of both uses add up in one parameter, and it is learnt once."""
    shared = 'param { name: "w" } param { name: "b" }'
    net = build(
        IN + ip("a", "x", shared) + ip("c", "a", shared)
        + 'layer { name: "l" type: "Input" top: "l" input_param { shape { dim: 2 } } }'
        + 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "c" bottom: "l" top: "loss" }'
    )  # fmt: skip
    assert len(net.parameters.learnables) == 2
    first, second = net.layers[1], net.layers[2]
    assert first.blobs[0] is second.blobs[0]
    net.blobs["x"].data = torch.randn(2, 3)
    net.forward()
    net.parameters.clear_diffs()
    net.backward(end=2)
    assert torch.count_nonzero(first.blobs[0].diff) == 9
    alone = net.blobs["c"].diff.t() @ net.blobs["a"].data
    net.parameters.clear_diffs()
    net.backward()
    assert not torch.allclose(first.blobs[0].diff, alone)


def test_permissive_sharing_views_the_owner_in_another_shape() -> None:
    """As many elements are enough when share_mode says PERMISSIVE."""
    text = (
        'layer { name: "d" type: "Input" top: "x" input_param { shape { dim: 1 dim: 4 } } } '
        + ip("a", "x", 'param { name: "w" }', 2)
        + ip("c", "a", 'param { name: "w" share_mode: PERMISSIVE }', 4)
    )
    net = build(text)
    net.layers[1].blobs[0].data = torch.arange(8.0).reshape(2, 4)
    assert net.layers[2].blobs[0].data.shape == (4, 2)
    assert net.layers[2].blobs[0].data.flatten().tolist() == list(range(8))
    with pytest.raises(CaffeMnistError, match="cannot share parameter 'w'"):
        build(text.replace("PERMISSIVE", "STRICT"))


def test_layers_without_a_loss_above_get_no_gradient() -> None:
    """Only the way from the loss down to learnt parameters is walked backward."""
    net = build(
        IN + ip("frozen", "x", "param { lr_mult: 0 } param { lr_mult: 0 }")
        + ip("learnt", "frozen") + ip("idle", "x")
        + 'layer { name: "l" type: "Input" top: "l" input_param { shape { dim: 2 } } }'
        + 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "learnt" bottom: "l" top: "loss" }'
    )  # fmt: skip
    works = dict(zip(net.layer_names, net._works_backward))
    assert works["loss"]
    assert works["learnt"]
    assert not works["frozen"]
    assert not works["idle"]


def test_in_place_layers_share_their_blob() -> None:
    """ReLU in place writes into its bottom; backward goes through it."""
    net = build(
        IN + ip("a", "x") + 'layer { name: "r" type: "ReLU" bottom: "a" top: "a" }'
        + 'layer { name: "l" type: "Input" top: "l" input_param { shape { dim: 2 } } }'
        + 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "a" bottom: "l" top: "loss" }'
    )  # fmt: skip
    net.blobs["x"].data = torch.randn(2, 3)
    net.forward()
    assert (net.blobs["a"].data >= 0).all()
    net.backward()
    assert (net.blobs["a"].diff[net.blobs["a"].data == 0] == 0).all()


def test_a_label_out_of_range_is_an_error() -> None:
    """Caffe reads past its memory there; we say what was found."""
    net = build(
        IN + 'layer { name: "l" type: "Input" top: "l" input_param { shape { dim: 2 } } }'
        + 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "l" top: "loss" }'
    )  # fmt: skip
    net.blobs["l"].data = torch.tensor([1.0, 3.0])
    with pytest.raises(CaffeMnistError, match="found label 3, but the bottom has 3 classes"):
        net.forward()


def test_dropout_keeps_the_mean_in_training() -> None:
    """What is kept is scaled by 1 / (1 - ratio), and the gradient has the same mask."""
    net = build(
        'force_backward: true layer { name: "d" type: "Input" top: "x" input_param '
        "{ shape { dim: 100 dim: 100 } } } "
        'layer { name: "drop" type: "Dropout" bottom: "x" top: "y" '
        "dropout_param { dropout_ratio: 0.25 } }"
    )
    net.blobs["x"].data = torch.ones(100, 100)
    net.forward()
    y = net.blobs["y"].data
    assert y.mean().item() == pytest.approx(1, abs=0.05)
    assert sorted(set(y.flatten().tolist())) == pytest.approx([0, 4 / 3])
    net.blobs["y"].diff = torch.ones(100, 100)
    net.backward(1, 1)
    assert torch.equal(net.blobs["x"].diff, y)
