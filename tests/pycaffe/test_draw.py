"""Graphs of nets, as text and drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist import pycaffe as caffe
from caffe_mnist.pycaffe import draw
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text, read_text

PROTOTXT = Path(__file__).resolve().parents[2] / "prototxt"
NETS = [path for path in sorted(PROTOTXT.rglob("*.prototxt")) if "solver" not in path.name]


@pytest.fixture(autouse=True)
def no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program `dot`: drawn by ourselves."""
    monkeypatch.setattr("shutil.which", lambda name: None)


@pytest.mark.parametrize("path", NETS, ids=lambda path: path.name)
def test_ready_nets_are_drawn(path: Path) -> None:
    """Each is a PNG; in Graphviz's language every layer and every blob is a node."""
    net = read_text(path, caffe_pb2.NetParameter)
    if len(net.layer) < 100 or path.name == "resnet50_train_val.prototxt":
        assert draw.draw_net(net, "LR").startswith(b"\x89PNG")
    else:  # as large, and nearly the same: a PNG of each takes ten seconds
        assert draw.draw_net(net, "LR", "svg").startswith(b"<svg")
    graph = draw.get_pydot_graph(net, "TB")
    blobs = {name for layer in net.layer for name in (*layer.bottom, *layer.top)}
    assert len(graph.nodes) == len(net.layer) + len(blobs)


def test_files_of_many_formats(tmp_path: Path) -> None:
    """The ending says the format; one that cannot be made is refused by name."""
    net = read_text(NETS[0], caffe_pb2.NetParameter)
    for ending, start in (
        ("svg", b"<svg"),
        ("dot", b"digraph"),
        ("png", b"\x89"),
    ):
        for direction in ("LR", "RL", "TB", "BT"):
            draw.draw_net_to_file(net, tmp_path / f"net.{ending}", direction)
            assert (tmp_path / f"net.{ending}").read_bytes().startswith(start)
    with pytest.raises(RuntimeError, match="nothing"):
        draw.draw_net(net, "LR", "nothing")


def test_phases_labels_and_loops() -> None:
    """A phase leaves out what is of the other; labels tell the window; in place is a loop."""
    text = """name: "n"
    layer { name: "d" type: "Data" top: "x" include { phase: TRAIN } data_param { batch_size: 7 } }
    layer { name: "t" type: "Data" top: "x" exclude { phase: TRAIN } }
    layer { name: "c" type: "Convolution" bottom: "x" top: "c"
      convolution_param { num_output: 5 kernel_size: 3 kernel_size: 2 } param { lr_mult: 2 } }
    layer { name: "r" type: "ReLU" bottom: "c" top: "c" }"""
    net = parse_text(text, caffe_pb2.NetParameter, "net")
    graph = draw.get_pydot_graph(net, "LR", phase=caffe.TRAIN, display_lrm=True)
    labels = [label for label, _ in graph.nodes.values()]
    assert [label.partition("\\n")[0] for label in labels] == ["d", "c", "r", "x", "c"]
    assert "kernel size: 3x2" in labels[1]
    assert "lr mult: 2.0" in labels[1]
    assert [label for _, _, label in graph.edges] == ["Batch 7", "", "5", "", ""]
    order, back = graph.order()
    assert order.index("layer3_r_ReLU") > order.index("blob_c") > order.index("blob_x")
    assert back == {("layer3_r_ReLU", "blob_c")}
    assert b"in place" in draw.draw_net(net, "LR", "svg")
