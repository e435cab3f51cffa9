"""The command that writes old nets and solvers in today's way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from caffe_mnist import upgrade
from caffe_mnist.layouts.deploy import deploy_net
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text, read_binary, read_text, write_binary
from caffe_mnist.schema.upgrade import upgrade_net
from tests.schema import old_nets


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A net of V0 layers."""
    path = tmp_path / "old.prototxt"
    path.write_text(old_nets.PADDED)
    return path


def test_a_net_is_upgraded_in_place(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """IN may be OUT; the line says what was old; the second time nothing is."""
    assert upgrade.main(["net", str(old), str(old)]) == 0
    assert capsys.readouterr().out == f"{old}: upgraded V0 layers, inputs outside layers\n"
    wanted = upgrade_net(parse_text(old_nets.PADDED, caffe_pb2.NetParameter, "net"))
    assert read_text(old, caffe_pb2.NetParameter) == wanted
    assert upgrade.main(["net", str(old), str(old)]) == 0
    assert capsys.readouterr().out == f"{old}: was written in today's way already\n"


def test_the_kind_can_be_chosen(old: Path, tmp_path: Path) -> None:
    """Text to binary and back, with weights, is the same net; kept unless a flag says so."""
    binary, again, kept = (tmp_path / name for name in ("binary", "again", "kept"))
    net = old_nets.every_v1_type(blobs=True)
    write_binary(old, net)
    for flags, source, out in (
        ([], old, kept),
        (["--text"], old, again),
        (["--binary"], again, binary),
    ):
        assert upgrade.main(["net", str(source), str(out), *flags]) == 0
    wanted = str(upgrade_net(net))
    assert str(read_text(again, caffe_pb2.NetParameter)) == wanted
    for path in (binary, kept):
        assert str(read_binary(path, caffe_pb2.NetParameter)) == wanted


def test_a_solver_gets_its_type_by_name(tmp_path: Path) -> None:
    """The enum becomes the name of the solver."""
    path = tmp_path / "solver.prototxt"
    path.write_text('net: "n" solver_type: ADAGRAD')
    assert upgrade.main(["solver", str(path), str(path)]) == 0
    assert read_text(path, caffe_pb2.SolverParameter) == caffe_pb2.SolverParameter(
        net="n", type="AdaGrad"
    )


def test_what_is_left_out_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As with Caffe's tool, the file is written and the exit status is 1."""
    path = tmp_path / "net"
    path.write_text('layers { layer { name: "r" type: "relu" pad: 3 } top: "b" }')
    assert upgrade.main(["net", str(path), str(tmp_path / "out")]) == 1
    assert (tmp_path / "out").exists()
    assert "layer 'r': pad means nothing to a layer of type relu" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"layer { nam }", "net:1:9"),
        (b"\x0a\x05", "not a binary NetParameter: 2 bytes that do not parse"),
        (b"\x08\x05", "holds no layers, so it is no net"),
        (b"\x89HDF\r\n\x1a\n...", "is HDF5, which has no old nets"),
        (b"layers { } layer { }", "has 1 old layers"),
    ],
)
def test_what_is_no_net_is_one_line(
    content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2, the file and the reason, and OUT is as it was."""
    source, out = tmp_path / "net", tmp_path / "out"
    source.write_bytes(content)
    out.write_text("kept")
    assert upgrade.main(["net", str(source), str(out)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert out.read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net", "out"]


def test_usage_errors_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Missing files and wrong words give status 2 and a hint."""
    assert upgrade.main(["net", "/nowhere", "out"]) == 2
    assert upgrade.main(["weights", "a", "b"]) == 2
    assert upgrade.main(["net", "a", "b", "--text", "--binary"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "/nowhere: cannot read: No such file or directory" in lines[0]


def test_help_loads_nothing_heavy() -> None:
    """`--help` needs neither torch nor protobuf."""
    script = (
        "import sys; from caffe_mnist import upgrade\n"
        "try: upgrade.main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'google.protobuf', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


def test_deploy_nets_are_made_of_old_ones() -> None:
    """The launcher derives deploy nets from V1 train nets."""
    text = """
    layers { name: "d" type: DATA top: "d" top: "l" data_param { source: "db" scale: 0.5 } }
    layers { name: "ip" type: INNER_PRODUCT bottom: "d" top: "ip" blobs_lr: [1, 2]
      inner_product_param { num_output: 3 } }
    layers { name: "loss" type: SOFTMAX_LOSS bottom: "ip" bottom: "l" top: "loss" }"""
    net = parse_text(text, caffe_pb2.NetParameter, "net")
    deploy = deploy_net(net, (1, 1, 2, 2), "net")
    assert [layer.type for layer in deploy.layer] == ["Input", "InnerProduct", "Softmax"]
    assert deploy.layer[0].transform_param.scale == 0.5
