"""Fields set from outside: what was there is replaced, what was not is added, the rest stays."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.settings import concerns, set_fields, strings_of
from caffe_mnist.layouts.source import NET, SOLVER
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.prototxt import parse

LAYERS = """\
name: "n"  # a net
layer {
  name: "a"
  type: "Data"
  include { phase: TRAIN }
}
layer {
  name: "a"
  type: "Data"
}
layer { name: "c" type: "Convolution" param { lr_mult: 1 } param { lr_mult: 2 } }
"""


def test_a_value_takes_the_old_place() -> None:
    """Comments and spaces around it stay."""
    text = "max_iter:   10 # so many\nbase_lr: 1\n"
    new = set_fields(text, SOLVER, [("max_iter", "20")], "x")
    assert new == text.replace("10", "20")


@pytest.mark.parametrize(
    ("text", "key", "value", "new"),
    [
        ("", "max_iter", "2", "max_iter: 2\n"),
        ("base_lr: 1", "max_iter", "2", "base_lr: 1\nmax_iter: 2\n"),
        ("base_lr: 1 # c", "max_iter", "2", "base_lr: 1 # c\nmax_iter: 2\n"),
        ("base_lr: 1\r\n", "max_iter", "2", "base_lr: 1\r\nmax_iter: 2\r\n"),
        ("", "lr_policy", "step", 'lr_policy: "step"\n'),
        ("", "lr_policy", '"step"', 'lr_policy: "step"\n'),
        ("", "lr_policy", "'step'", 'lr_policy: "step"\n'),
        ("", "lr_policy", "", 'lr_policy: ""\n'),
        ("", "snapshot_prefix", 'a"b\\c', 'snapshot_prefix: "a\\"b\\\\c"\n'),
        ("solver_mode: GPU", "solver_mode", "CPU", "solver_mode: CPU"),
        ("stepvalue: 1\nstepvalue: 2\n", "stepvalue", "7", "stepvalue: 7\n"),
        ("stepvalue: 1\n", "stepvalue", "7, 8,9", "stepvalue: 7\nstepvalue: 8\nstepvalue: 9\n"),
        ("stepvalue: [1, 2, 3]", "stepvalue", "7", "stepvalue: [7]"),
        ("stepvalue: [1]", "stepvalue", "7,8", "stepvalue: [7, 8]"),
        ("stepvalue: []\n", "stepvalue", "7", "stepvalue: []\nstepvalue: 7\n"),
        ("stepvalue: 1; stepvalue: 2; max_iter: 3", "stepvalue", "7",
         "stepvalue: 7;  max_iter: 3"),
        ("", "test_iter", "1,2", "test_iter: 1\ntest_iter: 2\n"),
        ("", "train_state.level", "3", "train_state { level: 3 }\n"),
        ("", "train_state.stage", "a,b", 'train_state { stage: "a" stage: "b" }\n'),
        ("train_state < level: 1 >", "train_state.level", "3", "train_state < level: 3 >"),
        ("train_state { }", "train_state.level", "3", "train_state { level: 3 }"),
        ("train_state {}", "train_state.level", "3", "train_state { level: 3 }"),
        ("net: 'a' # one\n 'b' # two\n", "net", "c", 'net: "c" # one\n  # two\n'),
        ("base_lr: - # minus\n 1", "base_lr", "2", "base_lr: 2 # minus\n "),
    ],
)  # fmt: skip
def test_setting_a_field_of_a_solver(text: str, key: str, value: str, new: str) -> None:
    """Replaced, added, several values, lists, messages that are not there yet."""
    assert set_fields(text, SOLVER, [(key, value)], "x") == new
    text_format.Parse(new, caffe_pb2.SolverParameter())


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("name", '"n"', '"v"'),
        ("layer[2].name", '"c"', '"v"'),
        ("layer[c].param[1].lr_mult", "lr_mult: 2", "lr_mult: 7"),
        ("layer[0].include[0].phase", "TRAIN", "TEST"),
        ("layer[c].convolution_param.num_output", "} }\n",
         "} convolution_param { num_output: 7 } }\n"),
        ("layer[0].data_param.source", "  include { phase: TRAIN }\n",
         '  include { phase: TRAIN }\n  data_param { source: "v" }\n'),
    ],
)  # fmt: skip
def test_setting_a_field_of_a_layer(key: str, old: str, new: str) -> None:
    """Layers are picked by number or name; all else stays to the letter."""
    value = "TEST" if key.endswith("phase") else "7" if "7" in new else "v"
    assert set_fields(LAYERS, NET, [(key, value)], "x") == LAYERS.replace(old, new)


def test_a_name_picks_all_layers_that_have_it() -> None:
    """The data layers of both phases, as a rule."""
    new = set_fields(LAYERS, NET, [("layer[a].type", "HDF5Data")], "x")
    assert new == LAYERS.replace('"Data"', '"HDF5Data"')
    new = set_fields(LAYERS, NET, [("layer[a].data_param.source", "v")], "x")
    assert [one.data_param.source for one in text_format.Parse(new, caffe_pb2.NetParameter()).layer
            ] == ["v", "v", ""]  # fmt: skip


def test_what_picks_nothing_concerns_nothing() -> None:
    """Whether that is a fault is for the caller, who knows all the files."""
    block = parse(LAYERS, NET, "x")
    assert concerns(block, "layer[a].name")
    assert concerns(block, "name")
    assert not concerns(block, "layer[b].name")
    assert not concerns(block, "layer[3].name")
    assert set_fields(LAYERS, NET, [("layer[b].name", "x")], "x") == LAYERS


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("max_itr", "1", "SolverParameter has no field 'max_itr' (did you mean max_iter?)"),
        ("max_iter", "many", "max_iter is a whole number, not 'many'"),
        ("max_iter", "", "max_iter is a whole number, not ''"),
        ("max_iter", "9999999999", "max_iter cannot hold 9999999999"),
        ("base_lr", "fast", "base_lr is a number, not 'fast'"),
        ("solver_mode", "gpu", "solver_mode cannot be 'gpu' (known: CPU, GPU)"),
        ("debug_info", "yes", "debug_info is true or false, not 'yes'"),
        ("test_iter", "1,", "test_iter is a whole number, not ''"),
        ("train_state", "1", "train_state is a message, not a value"),
        ("max_iter.x", "1", "max_iter is a value, no message"),
        ("max_iter[0]", "1", "max_iter: there is only one of it"),
        ("net_param.layer.name", "x", "layer: which one? (layer[0])"),
        ("max_iter.", "1", "'max_iter.' is no field"),
        ("max iter", "1", "'max iter' is no field"),
        ("lr_policy", '"a\\q"', "the escape \\q means nothing"),
        ("max_iter", "1 }", "max_iter is a whole number, not '1 }'"),
    ],
)
def test_a_wrong_setting_is_refused(key: str, value: str, what: str) -> None:
    """Names and values are checked against the schema."""
    with pytest.raises(CaffeMnistError) as caught:
        set_fields("", SOLVER, [(key, value)], "x")
    assert what in str(caught.value)
    assert str(caught.value).startswith("--set: ")


def test_the_field_and_the_strings_of_a_setting() -> None:
    """For those who treat paths that are set in their own way."""
    key = "layer[a].data_param.source"
    assert strings_of(NET, key, "/x,y") == ("DataParameter.source", ["/x,y"])
    assert strings_of(SOLVER, "weights", "a, 'b'") == ("SolverParameter.weights", ["a", "b"])
