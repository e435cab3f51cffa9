"""Fields of forks: refused, or kept and reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.source import NET, read_prototxt
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text
from caffe_mnist.schema.reading import reading

TEXT = """name: "fork"
layer {
  name: "c" type: "Convolution" bottom: "x" top: "c"
  convolution_param { num_output: 3 kernel_size: 1 fork_groups: [1, 2] }
  fork_param { depth: 3 inner { name: "x" } } # mine
  fork_flag: true
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A net with fields of a fork at two depths."""
    path = tmp_path / "net.prototxt"
    path.write_text(TEXT)
    return path


def test_without_lenient_they_are_refused(path: Path) -> None:
    """All of them, by both readers."""
    with pytest.raises(CaffeMnistError) as caught:
        read_prototxt(path, NET)
    assert [fault.split(": ")[0].rpartition("prototxt")[2] for fault in caught.value.faults] == [
        ":4:52", ":5:3", ":6:3"
    ]  # fmt: skip
    with pytest.raises(CaffeMnistError):
        read_text(path, caffe_pb2.NetParameter)


def test_with_lenient_they_are_kept_and_reported(path: Path) -> None:
    """The text has them, the message goes without; each is said once, with its place."""
    said: list[str] = []
    with reading(lenient=True, report=said.append):
        source = read_prototxt(path, NET)
        net = read_text(path, caffe_pb2.NetParameter)
        read_text(path, caffe_pb2.NetParameter)
    assert source.text == TEXT
    assert net.layer[0].convolution_param.num_output == 3
    assert [line.removeprefix(str(path)) for line in said] == [
        f":{place}: {name}: not in Caffe's schema, kept and not used"
        for place, name in (
            ("4:52", "ConvolutionParameter.fork_groups"),
            ("5:3", "LayerParameter.fork_param"),
            ("6:3", "LayerParameter.fork_flag"),
        )
    ]


def test_other_faults_stay_faults(path: Path) -> None:
    """Leniency is for unknown fields alone."""
    path.write_text(TEXT.replace("num_output: 3", "num_output: three"))
    with reading(lenient=True), pytest.raises(CaffeMnistError, match="whole number") as caught:
        read_prototxt(path, NET)
    assert len(caught.value.faults) == 1
