"""Variables in prototxts."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text
from caffe_mnist.schema.reading import reading
from caffe_mnist.schema.variables import expand, parse_define

VALUES = {"N": "7", "DIR": "/data", "EMPTY": "", "ODD": 'a"b\\c', "LINES": "a\nb"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max_iter: ${N}", "max_iter: 7"),
        ('source: "${DIR}/db-${N}"', 'source: "/data/db-7"'),
        ("source: '${DIR}'", "source: '/data'"),
        ("max_iter: ${M:-9} # ${UNKNOWN}", "max_iter: 9 # ${UNKNOWN}"),
        ("a: ${EMPTY:-9} b: '${EMPTY}'", "a: 9 b: ''"),
        ('name: "${NONE:-}"', 'name: ""'),
        ('name: "${ODD}"', 'name: "a\\"b\\\\c"'),
        ('name: "$${DIR} $N ${1}"', 'name: "${DIR} $N ${1}"'),
        ('name: "# ${N}"', 'name: "# 7"'),
        ("no: 1", "no: 1"),
    ],
)
def test_values_in_their_places(text: str, expected: str) -> None:
    """In strings and outside, with defaults; comments and what looks like one stay."""
    assert expand(text, VALUES, "net") == expected


def test_every_fault_with_its_place() -> None:
    """What has no value is said with file, line and column, all at once."""
    with pytest.raises(CaffeMnistError) as caught:
        expand('a: ${A}\n  b: "x${B}" c: ${LINES}', VALUES, "net.prototxt")
    faults = caught.value.faults
    assert [fault.split(": ")[0] for fault in faults] == [
        "net.prototxt:1:4", "net.prototxt:2:8", "net.prototxt:2:17"
    ]  # fmt: skip
    assert "${A} is not set (--define A=VALUE" in faults[0]
    assert "several lines" in faults[2]


def test_definitions_go_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--define, then the environment, then the default."""
    path = tmp_path / "s.prototxt"
    path.write_text('max_iter: ${ITER:-1} net: "${NET_OF}.prototxt"')
    monkeypatch.setenv("NET_OF", "mine")
    with reading(["ITER=5"]):
        solver = read_text(path, caffe_pb2.SolverParameter)
    assert (solver.max_iter, solver.net) == (5, "mine.prototxt")
    assert read_text(path, caffe_pb2.SolverParameter).max_iter == 1
    with reading(["NET_OF=other"]):
        assert read_text(path, caffe_pb2.SolverParameter).net == "other.prototxt"


@pytest.mark.parametrize("text", ["A", "=x", "1A=x", "A B=x", ""])
def test_what_defines_nothing(text: str) -> None:
    """A name, an equals sign, a value."""
    with pytest.raises(CaffeMnistError, match="defines nothing"):
        parse_define(text)
