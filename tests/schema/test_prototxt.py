"""Prototxt with its places: taken and refused as by real Caffe, nothing lost in between."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from google.protobuf import text_format

from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.prototxt import Block, PrototxtError, Scalar, examine, parse, place, replace
from tests.schema.syntax_cases import REFUSED, TAKEN

SOLVER = caffe_pb2.SolverParameter.DESCRIPTOR
NET = caffe_pb2.NetParameter.DESCRIPTOR


def as_text(case: str | bytes) -> str:
    """A case as the reader of files gives it."""
    return case if isinstance(case, str) else case.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("what", TAKEN)
def test_what_caffe_takes_is_taken(what: str) -> None:
    """No fault is found in any text that real Caffe's parser takes."""
    assert examine(as_text(TAKEN[what]), SOLVER)[1] == []


@pytest.mark.parametrize("what", REFUSED)
def test_what_caffe_refuses_is_refused(what: str) -> None:
    """A fault is found in every text that real Caffe's parser refuses."""
    assert examine(as_text(REFUSED[what]), SOLVER)[1]


@pytest.mark.parity
def test_the_cases_are_what_real_caffe_says(real_caffe: Path, tmp_path: Path) -> None:
    """The two tables of cases are real Caffe's own verdicts."""

    def refuses(item: tuple[int, str | bytes]) -> bool:
        number, case = item
        path = tmp_path / f"{number}.prototxt"
        path.write_bytes(case if isinstance(case, bytes) else case.encode())
        command = [real_caffe / "caffe", "train", "-solver", path]
        run = subprocess.run(command, capture_output=True, check=False)
        return b"Failed to parse SolverParameter" in run.stderr

    cases = [*TAKEN.values(), *REFUSED.values()]
    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(refuses, enumerate(cases)))
    assert verdicts == [False] * len(TAKEN) + [True] * len(REFUSED)


def test_every_value_has_its_place_and_meaning() -> None:
    """Spans cut the values out of the text, and strings mean what they escape."""
    text = "net: \"a\" 'b\\n' # c\ntest_iter: [1, 0x2]; base_lr: - 1.5f train_state <level: 3>"
    block = parse(text, SOLVER, "x")
    found = [
        (item.name, text[item.value.start : item.value.end], item.value.text)
        for _, item in block.walk()
        if isinstance(item.value, Scalar)
    ]
    assert found == [
        ("net", "\"a\" 'b\\n'", "ab\n"),
        ("test_iter", "1", "1"),
        ("test_iter", "0x2", "0x2"),
        ("base_lr", "- 1.5f", "-1.5f"),
        ("level", "3", "3"),
    ]
    state = block.fields[-1].value
    assert isinstance(state, Block)
    assert text[state.start : state.end] == "level: 3"


def test_all_faults_are_reported_together_with_their_places() -> None:
    """Unknown fields, values and doubles in one text, each with line and column, near names."""
    text = (
        'name: "x"\nlayer { tpo: "a"\n\tdata_param { backend: LMBD batch_size: -3 } }\nname: "y"\n'
    )
    with pytest.raises(PrototxtError) as caught:
        parse(text, NET, "dir/net.prototxt")
    assert caught.value.faults == [
        "dir/net.prototxt:2:9: LayerParameter has no field 'tpo' (did you mean top?)",
        "dir/net.prototxt:3:24: backend cannot be 'LMBD' (known: LEVELDB, LMDB)",
        "dir/net.prototxt:3:41: batch_size cannot hold -3",
        "dir/net.prototxt:4:1: name is given twice",
    ]


def test_an_unknown_message_is_passed_over() -> None:
    """After a message of an unknown name the faults behind it are still found."""
    faults = examine('foo { a: 1 b { c: "x" } } max_iter: x', SOLVER)[1]
    assert [fault.offset for fault in faults] == [0, 36]


def test_messages_in_each_other_have_an_end() -> None:
    """A hostile text of a hundred thousand braces is a fault, no crash."""
    assert examine("a { " * 100_000, None)[1]


def test_places_count_lines_and_columns_from_one() -> None:
    """`line:column` of offsets, also behind Windows line ends."""
    assert [place("ab\r\nc\n", offset) for offset in (0, 1, 4, 5, 6)] == [
        "1:1", "1:2", "2:1", "2:2", "3:1",
    ]  # fmt: skip


def test_replacing_keeps_the_rest() -> None:
    """Spans are exchanged in any order of being given."""
    assert replace("0123456789", [(8, 9, ""), (0, 2, "ab"), (5, 5, "+")]) == "ab234+5679"


@pytest.mark.parametrize("name", ["lenet_solver", "lenet_train_test", "lenet_deploy"])
def test_values_are_those_of_protobufs_own_parser(name: str) -> None:
    """For our own nets, every scalar read here is read by protobuf too."""
    path = Path(__file__).parents[2] / "prototxt" / "lenet" / f"{name}.prototxt"
    text, kind = path.read_text(), caffe_pb2.NetParameter
    if name == "lenet_solver":
        kind = caffe_pb2.SolverParameter
    block = parse(text, kind.DESCRIPTOR, path)
    message = text_format.Parse(text, kind())
    again = text_format.Parse(_written(block, text), kind())
    assert again == message


def _written(block: Block, text: str) -> str:
    parts = []
    for item in block.fields:
        if isinstance(item.value, Block):
            parts.append(f"{item.name} {{ {_written(item.value, text)} }}")
        else:
            parts.append(f"{item.name}: {text[item.value.start : item.value.end]}")
    return "\n".join(parts)
