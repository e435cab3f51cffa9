"""Old nets and solvers are upgraded to what real Caffe's own tools make of them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

from caffe_mnist import upgrade
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_binary, read_text, write_binary, write_text
from tests.schema import old_nets

pytestmark = pytest.mark.parity
Tool = Callable[..., int]


@pytest.fixture
def tool(real_caffe: Path, tmp_path: Path) -> Tool:
    """Runs one of real Caffe's programs, also of those without a link; its exit status."""

    def run(name: str, *arguments: Path) -> int:
        link = tmp_path / name
        link.symlink_to(real_caffe / "run")
        words = [str(link), *map(str, arguments)]
        return subprocess.run(words, capture_output=True, timeout=60).returncode

    return run


def _texts() -> dict[str, str]:
    nets = {
        "every_v1_type": old_nets.every_v1_type(),
        "every_v0_setting": old_nets.every_v0_setting(),
        "pairs": old_nets.every_pair_of_v0_type_and_setting(),
    }
    return {**{name: str(net) for name, net in nets.items()}, **old_nets.SPECIAL}


@pytest.mark.parametrize("name", _texts())
def test_texts_are_upgraded_alike(name: str, tool: Tool, tmp_path: Path) -> None:
    """Field by field the same net, and the same exit status: 1 if something was left out."""
    source, real, ours = (tmp_path / one for one in ("in.prototxt", "real", "ours"))
    source.write_text(_texts()[name])
    theirs = tool("upgrade_net_proto_text", source, real)
    status = upgrade.main(["net", str(source), str(ours)])
    wanted = read_text(real, caffe_pb2.NetParameter)
    assert str(read_text(ours, caffe_pb2.NetParameter)) == str(wanted)
    assert status == theirs or name == "mixed"  # Caffe says nothing of what it loses there


@pytest.mark.parametrize("name", old_nets.REFUSED)
def test_the_same_nets_are_refused(name: str, tool: Tool, tmp_path: Path) -> None:
    """What real Caffe dies of is one line here, and nothing is written."""
    source, real, ours = (tmp_path / one for one in ("in.prototxt", "real", "ours"))
    source.write_text(old_nets.REFUSED[name])
    assert tool("upgrade_net_proto_text", source, real) < 0
    assert upgrade.main(["net", str(source), str(ours)]) == 2
    assert not ours.exists()


@pytest.mark.parametrize(
    "make", [old_nets.every_v1_type, old_nets.every_v0_setting], ids=["v1", "v0"]
)
def test_weights_are_upgraded_alike(make: Any, tool: Tool, tmp_path: Path) -> None:
    """Binary nets with blobs: field by field the same."""
    source, real, ours = (tmp_path / one for one in ("in", "real", "ours"))
    write_binary(source, make(blobs=True))
    theirs = tool("upgrade_net_proto_binary", source, real)
    assert upgrade.main(["net", str(source), str(ours)]) == theirs
    wanted = read_binary(real, caffe_pb2.NetParameter)
    assert str(read_binary(ours, caffe_pb2.NetParameter)) == str(wanted)


@pytest.mark.parametrize("kind", ["SGD", "NESTEROV", "ADAGRAD", "RMSPROP", "ADADELTA", "ADAM"])
def test_solvers_are_upgraded_alike(kind: str, tool: Tool, tmp_path: Path) -> None:
    """The enum becomes the name; all else stays."""
    source, real, ours = (tmp_path / one for one in ("in.prototxt", "real", "ours"))
    source.write_text(f'net: "n" solver_type: {kind} base_lr: 0.1 stepvalue: [3, 4]')
    theirs = tool("upgrade_solver_proto_text", source, real)
    assert upgrade.main(["solver", str(source), str(ours)]) == theirs
    wanted = read_text(real, caffe_pb2.SolverParameter)
    assert read_text(ours, caffe_pb2.SolverParameter) == wanted


FORWARD = """
import sys, numpy as np, caffe
net = caffe.Net(sys.argv[1], sys.argv[2], caffe.TEST)
net.blobs['data'].data[...] = np.load(sys.argv[3])
np.savez(sys.argv[4], **{k: v.copy() for k, v in net.forward().items()})
"""


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_old_weights_run_as_in_real_caffe(version: str, real_caffe: Path, tmp_path: Path) -> None:
    """An old net with an old caffemodel (four axes a blob) computes what pycaffe computes."""
    from caffe_mnist.engine.layer import Surroundings
    from caffe_mnist.engine.net import Net
    from caffe_mnist.engine.weights import load_weights
    from caffe_mnist.schema.messages import parse_text

    text = old_nets.PADDED
    rng = np.random.default_rng(3)
    old = parse_text(text, caffe_pb2.NetParameter, "net")
    for index, shape in ((1, (4, 3, 3, 3)), (1, (1, 1, 1, 4)), (4, (1, 1, 5, 4 * 49))):
        blob = old.layers[index].layer.blobs.add()
        if index == 4:
            shape = (1, 1, 5, 4 * 6 * 6)
        blob.num, blob.channels, blob.height, blob.width = shape
        blob.data.extend(rng.normal(size=shape).ravel().tolist())
    net, weights = tmp_path / "net.prototxt", tmp_path / "old.caffemodel"
    net.write_text(text)
    write_binary(weights, old)
    if version == "v1":
        from caffe_mnist.schema.upgrade_v0 import upgraded

        bare = parse_text(text, caffe_pb2.NetParameter, "net")
        write_text(net, upgraded(bare, "net", print))
        write_binary(weights, upgraded(old, "net", print))
    data = rng.normal(size=(1, 3, 9, 9)).astype(np.float32)
    np.save(tmp_path / "data.npy", data)
    files = [str(net), str(weights), str(tmp_path / "data.npy"), str(tmp_path / "out.npz")]
    subprocess.run([real_caffe / "caffe-python", "-c", FORWARD, *files], check=True, timeout=60)
    wanted = np.load(tmp_path / "out.npz")

    import torch

    ours = Net(read_text(net, caffe_pb2.NetParameter), Surroundings(caffe_pb2.TEST))
    assert load_weights(ours, weights) == []
    ours.blobs["data"].data = torch.from_numpy(data)
    ours.forward()
    assert list(wanted) == ours.outputs == ["f2"]
    np.testing.assert_allclose(ours.blobs["f2"].data.numpy(), wanted["f2"], rtol=1e-4, atol=1e-5)


TRAINED = """
layers { name: "data" type: DUMMY_DATA top: "data" top: "label"
  dummy_data_param { num: 6 num: 6 channels: 2 channels: 1 height: 5 height: 1 width: 5 width: 1
    data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" value: 2 } } }
layers { name: "conv" type: CONVOLUTION bottom: "data" top: "conv" blobs_lr: [1, 2]
  weight_decay: [1, 0] convolution_param { num_output: 4 kernel_size: 3
    weight_filler { type: "xavier" } } }
layers { name: "tanh" type: TANH bottom: "conv" top: "conv" }
layers { name: "ip" type: INNER_PRODUCT bottom: "conv" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layers { name: "loss" type: SOFTMAX_LOSS bottom: "ip" bottom: "label" top: "loss" loss_weight: 2 }
"""


def test_old_nets_train_as_in_real_caffe(real_caffe: Path, tmp_path: Path) -> None:
    """From one seed, a V1 net and an old solver give the same losses and weights."""
    from tests.parity.training import ENGINE, train, weights

    (tmp_path / "net.prototxt").write_text(TRAINED)
    losses = []
    for name, program in {"real": (real_caffe / "caffe",), "ours": ENGINE}.items():
        solver = f"""net: "net.prototxt" base_lr: 0.05 lr_policy: "fixed" momentum: 0.9 display: 1
          weight_decay: 0.01 solver_type: NESTEROV solver_mode: CPU max_iter: 30 random_seed: 4
          snapshot_prefix: "{name}" """
        losses.append(train(program, tmp_path, solver).losses)
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4, atol=1e-6)
    ours, real = (weights(tmp_path / f"{name}_iter_30.caffemodel") for name in ("ours", "real"))
    assert ours.keys() == real.keys()
    for name, values in real.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-4, atol=1e-5)
