"""Deploy nets: what is left of a train_val net when only pictures come in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.deploy import (
    deploy_net,
    deploy_text,
    fits,
    input_fields,
    transform_of,
    with_input,
)
from caffe_mnist.layouts.source import NET, prototxt
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text, read_text

LENET = Path(__file__).parents[2] / "prototxt" / "lenet"
SHAPE = (1, 1, 28, 28)
DATA = 'layer { name: "data" type: "Data" top: "data" top: "label" %s }\n'
FULL = 'layer { name: "%s" type: "InnerProduct" bottom: "%s" top: "%s" }\n'
LOSS = 'layer { name: "%s" type: "SoftmaxWithLoss" bottom: "%s" bottom: "label" %s }\n'

SCALED = DATA % "transform_param { scale: 0.5 }" + FULL % ("ip", "data", "ip")


def net(text: str) -> caffe_pb2.NetParameter:
    """A net from its text."""
    return parse_text(text, caffe_pb2.NetParameter, "x")


def wiring(text: str) -> list[tuple[str, str]]:
    """The names and types of the deploy net's layers."""
    return [(one.name, one.type) for one in deploy_net(net(text), SHAPE, "x").layer]


@pytest.mark.parametrize(("name", "shape"), [("lenet", SHAPE), ("cifar10", (1, 3, 32, 32))])
def test_of_a_ready_net_comes_the_ready_deploy_net(name: str, shape: tuple[int, ...]) -> None:
    """The deploy net in its folder is what is made of its train_test net."""
    folder = LENET.parent / name
    trained = read_text(folder / f"{name}_train_test.prototxt", caffe_pb2.NetParameter)
    ready = read_text(folder / f"{name}_deploy.prototxt", caffe_pb2.NetParameter)
    assert deploy_net(trained, shape, "x") == ready
    assert fits(ready, trained)


@pytest.mark.parity
def test_real_caffe_takes_a_deploy_net(real_caffe: Path, tmp_path: Path) -> None:
    """pycaffe builds it, with the shapes of LeNet."""
    trained = read_text(LENET / "lenet_train_test.prototxt", caffe_pb2.NetParameter)
    path = tmp_path / "deploy.prototxt"
    path.write_text(deploy_text(trained, (5, 1, 28, 28), "x"))
    code = f"import caffe; net = caffe.Net({str(path)!r}, caffe.TEST); "
    code += "print(net.inputs, net.outputs, net.blobs['prob'].data.shape)"
    done = subprocess.run(
        [real_caffe / "caffe-python", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "['data'] ['prob'] (5, 10)"


def test_measures_and_their_branches_go() -> None:
    """Accuracy, what only it reads, and what is made of labels."""
    text = DATA % "" + FULL % ("ip", "data", "ip") + LOSS % ("loss", "ip", "")
    text += 'layer { name: "acc" type: "Accuracy" bottom: "ip" bottom: "label" top: "acc" }\n'
    text += 'layer { name: "hot" type: "Embed" bottom: "label" top: "hot" }\n'
    text += 'layer { name: "twice" type: "Power" bottom: "hot" top: "twice" }\n'
    assert wiring(text) == [("data", "Input"), ("ip", "InnerProduct"), ("prob", "Softmax")]


def test_auxiliary_losses_go_with_their_branches() -> None:
    """Of GoogLeNet's three classifiers the one of full weight stays."""
    text = DATA % "" + FULL % ("stem", "data", "stem")
    text += FULL % ("aux", "stem", "aux") + LOSS % ("loss1", "aux", "loss_weight: 0.3")
    text += FULL % ("main", "stem", "main") + LOSS % ("loss3", "main", "loss_weight: 1")
    assert [name for name, _ in wiring(text)] == ["data", "stem", "main", "prob"]


def test_scores_that_are_there_are_not_made_twice() -> None:
    """A net that shows its Softmax in the TEST phase keeps that one."""
    text = DATA % "" + FULL % ("ip", "data", "ip") + LOSS % ("loss", "ip", "")
    text += 'layer { name: "soft" type: "Softmax" bottom: "ip" top: "soft" }\n'
    assert [name for name, _ in wiring(text)] == ["data", "ip", "soft"]


def test_a_sigmoid_for_its_loss() -> None:
    """Several labels at once are scored each for itself."""
    text = DATA % "" + FULL % ("ip", "data", "ip")
    text += LOSS.replace("SoftmaxWithLoss", "SigmoidCrossEntropyLoss") % ("loss", "ip", "")
    assert wiring(text)[-1] == ("prob", "Sigmoid")


def test_phases_and_what_belongs_to_training_go() -> None:
    """Layers of the TRAIN phase, rules and loss weights have no place in a deploy net."""
    text = DATA % "include { phase: TRAIN }" + DATA.replace('"data" type', '"seen" type') % (
        "include { phase: TEST } transform_param { scale: 0.5 mirror: true mean_value: 3 }"
    )
    text += FULL % ("ip", "data", "ip") + LOSS % ("loss", "ip", "")
    text += 'layer { name: "drop" type: "Dropout" bottom: "ip" top: "ip" '
    text += "include { phase: TRAIN } }\n"
    result = deploy_net(net(text), SHAPE, "x")
    assert [one.name for one in result.layer] == ["seen", "ip", "prob"]
    first = result.layer[0]
    assert list(first.input_param.shape[0].dim) == list(SHAPE)
    assert (first.transform_param.scale, list(first.transform_param.mean_value)) == (0.5, [3.0])
    assert not first.transform_param.HasField("mirror")
    assert not any(one.include for one in result.layer)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (FULL % ("ip", "x", "ip"), "no data layer that leads to scores"),
        (DATA % "include { phase: TRAIN }" + FULL % ("ip", "data", "ip"), "no data layer"),
        (
            DATA % "" + DATA.replace('"data"', '"more"') % ""
            + 'layer { name: "c" type: "Concat" bottom: "data" bottom: "more" top: "c" }',
            r"2 inputs \(data, more\), with no shape for 'more'.*--shape more=",
        ),
    ],
)  # fmt: skip
def test_a_net_without_exactly_one_picture_is_refused(text: str, found: str) -> None:
    """What else is to be fed is not known here."""
    with pytest.raises(CaffeMnistError, match=found):
        deploy_net(net(text), SHAPE, "x")


def test_what_training_did_to_pictures_goes_into_a_given_deploy_net() -> None:
    """As a line of its Input layer; formatting and comments stay; nothing is said twice."""
    fields = input_fields(net(SCALED))
    text = '# mine\nlayer {\n  name: "in"  # here\n  type: "Input"\n  top: "data"\n}\n'
    new = with_input(prototxt("d", text, NET), fields)
    line = "  transform_param { scale: 0.5 }\n"
    assert new == text.replace('top: "data"\n', 'top: "data"\n' + line)
    assert with_input(prototxt("d", new, NET), fields) == new


@pytest.mark.parametrize(
    "shape",
    ["input_dim: 1\ninput_dim: 1\ninput_dim: 28\ninput_dim: 28\n",
     "input_shape { dim: 1 dim: 1 dim: 28 dim: 28 }\n"],
)  # fmt: skip
def test_inputs_outside_layers_become_a_layer(shape: str) -> None:
    """The old ways to write an input have no place for a scale."""
    fields = input_fields(net(SCALED))
    text = f'name: "n"\ninput: "data"\n{shape}' + FULL % ("ip", "data", "ip")
    result = net(with_input(prototxt("d", text, NET), fields))
    assert not result.input
    assert [one.name for one in result.layer] == ["data", "ip"]
    assert list(result.layer[0].input_param.shape[0].dim) == list(SHAPE)
    assert result.layer[0].transform_param.scale == 0.5


def test_a_net_that_does_nothing_to_pictures_has_no_transform() -> None:
    """Mirroring is of the training only."""
    assert transform_of(net(DATA % "")) is None
    assert transform_of(net(DATA % "transform_param { mirror: true }")) is None


@pytest.mark.parametrize(
    ("old", "new", "fit"),
    [
        ("", "", True),
        ("num_output: 500", "num_output: 400", False),
        ('name: "ip2"', 'name: "ip3"', False),
        ('name: "relu1"', 'name: "relu2"', True),
        ('type: "xavier"', 'type: "msra"', True),
        ("lr_mult: 2", "lr_mult: 0", True),
        ("kernel_size: 5", "kernel_size: 3", False),
        ('type: "ReLU"', 'type: "Sigmoid"', False),
    ],
)
def test_whether_trained_weights_fit_a_deploy_net(old: str, new: str, fit: bool) -> None:
    """By the layers' names and what shapes their weights; fillers and rates do not matter."""
    trained = read_text(LENET / "lenet_train_test.prototxt", caffe_pb2.NetParameter)
    text = (LENET / "lenet_deploy.prototxt").read_text(encoding="utf-8")
    assert fits(net(text.replace(old, new)), trained) is fit


def test_a_detector_of_a_fork() -> None:
    """Its reader and its measure are of types that nobody knows here: told by what they do."""
    net = parse_text(
        """
layer { name: "data" type: "AnnotatedData" top: "data" top: "label" include { phase: TEST }
  transform_param { mean_value: 104 mirror: true } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" }
layer { name: "prior" type: "PriorBox" bottom: "conv" bottom: "data" top: "prior" }
layer { name: "out" type: "DetectionOutput" bottom: "conv" bottom: "prior" top: "out" }
layer { name: "eval" type: "DetectionEvaluate" bottom: "out" bottom: "label" top: "eval" }
""",
        caffe_pb2.NetParameter,
        "here",
    )
    deploy = deploy_net(net, (1, 3, 30, 30), "here")
    assert [layer.name for layer in deploy.layer] == ["data", "conv", "prior", "out"]
    assert deploy.layer[0].type == "Input"
    assert list(deploy.layer[0].transform_param.mean_value) == [104]
