"""The tables of toolchains: complete, with sources, and every check does its work."""

# ruff: noqa: E501

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.filter import filter_net
from caffe_mnist.schema.messages import parse_text
from caffe_mnist.toolchains.checks import checks
from caffe_mnist.toolchains.facts import Facts
from caffe_mnist.toolchains.report import examine, markdown, table
from caffe_mnist.toolchains.table import PRACTICE_WORDS, Rule, Toolchain, names, read_toolchain

INPUT = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 4 dim: 8 dim: 8 } } } '


def facts(text: str, **shapes: tuple[int, ...]) -> Facts:
    """Of layers after an input of 4 × 8 × 8."""
    net = parse_text(INPUT + text, caffe_pb2.NetParameter, "test")
    return Facts(net, filter_net(net).layer, [], {"x": (1, 4, 8, 8), **shapes})


@pytest.mark.parametrize("name", names())
def test_every_rule_can_be_used(name: str) -> None:
    """It names a check that takes its settings, says why and what to do, and has a source."""
    chain = read_toolchain(name)
    assert chain.title
    for rule in chain.rules:
        inspect.signature(checks.get(rule.check)).bind(facts(""), **rule.settings)
        assert rule.why
        assert rule.advice
        assert rule.source
        list(checks.get(rule.check)(facts(""), **rule.settings))
    used = {rule.source for rule in chain.rules}
    assert used & set(chain.sources.values()), "no rule has a source of its own"
    assert all(rule.source != "" for rule in chain.rules)


def test_every_check_is_used() -> None:
    """By some rule of some table."""
    used = {rule.check for name in names() for rule in read_toolchain(name).rules}
    assert used == set(checks)


def conv(more: str, kind: str = "Convolution") -> str:
    """A layer of four channels."""
    return (
        f'layer {{ name: "c" type: "{kind}" bottom: "x" top: "c" '
        f"convolution_param {{ num_output: 4 {more} }} }}"
    )


@pytest.mark.parametrize(
    ("check", "settings", "bad", "good"),
    [
        ("type", {"known": ["Input", "ReLU"]}, conv("kernel_size: 1"),
         'layer { name: "r" type: "ReLU" bottom: "x" top: "r" }'),
        ("range", {"of": "kernel", "layers": ["Convolution"], "most": 3},
         conv("kernel_h: 1 kernel_w: 5"), conv("kernel_size: 3")),
        ("range", {"of": "kernel", "among": [3], "stride": 2}, conv("kernel_size: 5 stride: 2"),
         conv("kernel_size: 5 stride: 1")),
        ("range", {"of": "kernel", "group": "depthwise", "among": [3]},
         conv("kernel_size: 5 group: 4"), conv("kernel_size: 5 group: 2")),
        ("area", {"layers": ["Convolution"], "most": 9}, conv("kernel_size: 4"),
         conv("kernel_size: 3")),
        ("square", {"layers": ["Deconvolution"]}, conv("kernel_h: 2 kernel_w: 3", "Deconvolution"),
         conv("kernel_size: 2", "Deconvolution")),
        ("dilated-stride", {}, conv("kernel_size: 3 dilation: 2 stride: 2"),
         conv("kernel_size: 3 dilation: 2")),
        ("group", {"layers": ["Convolution"]}, conv("kernel_size: 3 group: 2"),
         conv("kernel_size: 3 group: 4")),
        ("depthwise", {}, conv("kernel_size: 3 group: 4"), conv("kernel_size: 3 group: 2")),
        ("first-width", {"most": 24}, conv("kernel_size: 3"), conv("kernel_size: 2")),
        ("size", {"axis": 1, "most": 3, "layers": ["Convolution"]}, conv("kernel_size: 1"), ""),
        ("inputs", {"most": 1},
         'layer { name: "z" type: "Input" top: "z" input_param { shape { dim: 1 } } }', ""),
        ("input-axes", {"count": 4},
         'layer { name: "z" type: "Input" top: "z" input_param { shape { dim: 1 } } }', ""),
        ("batch", {"most": 1},
         'layer { name: "z" type: "Input" top: "z" input_param { shape { dim: 8 } } }', ""),
        ("names", {}, conv("kernel_size: 1") * 2, conv("kernel_size: 1")),
        ("tops", {}, conv("kernel_size: 1") * 2,
         conv("kernel_size: 1") + 'layer { name: "r" type: "ReLU" bottom: "c" top: "c" }'),
        ("in-place", {"but": ["ReLU"]}, 'layer { name: "t" type: "TanH" bottom: "x" top: "x" }',
         'layer { name: "r" type: "ReLU" bottom: "x" top: "x" }'),
        ("batch-norm-alone", {}, 'layer { name: "b" type: "BatchNorm" bottom: "x" top: "b" }',
         'layer { name: "b" type: "BatchNorm" bottom: "x" top: "x" }'
         'layer { name: "s" type: "Scale" bottom: "x" top: "x" }'),
        ("batch-norm-statistics", {},
         'layer { name: "b" type: "BatchNorm" bottom: "x" top: "b" batch_norm_param { use_global_stats: false } }',
         'layer { name: "b" type: "BatchNorm" bottom: "x" top: "b" }'),
        ("field", {"layers": ["Pooling"], "path": "pooling_param.pool", "among": ["MAX", "AVE"]},
         'layer { name: "p" type: "Pooling" bottom: "x" top: "p" pooling_param { pool: STOCHASTIC kernel_size: 2 } }',
         'layer { name: "p" type: "Pooling" bottom: "x" top: "p" pooling_param { pool: AVE kernel_size: 2 } }'),
        ("set", {"layers": ["Eltwise"], "path": "eltwise_param.coeff"},
         'layer { name: "e" type: "Eltwise" bottom: "x" bottom: "x" top: "e" eltwise_param { coeff: 1 coeff: -1 } }',
         'layer { name: "e" type: "Eltwise" bottom: "x" bottom: "x" top: "e" }'),
        ("bottoms", {"layers": ["Concat"], "most": 1},
         'layer { name: "e" type: "Concat" bottom: "x" bottom: "x" top: "e" }',
         'layer { name: "e" type: "Concat" bottom: "x" top: "e" }'),
        ("axis", {}, 'layer { name: "s" type: "Softmax" bottom: "x" top: "s" softmax_param { axis: -1 } }',
         'layer { name: "s" type: "Softmax" bottom: "x" top: "s" softmax_param { axis: 3 } }'),
        ("power", {}, 'layer { name: "p" type: "Power" bottom: "x" top: "p" power_param { power: 0.5 } }',
         'layer { name: "p" type: "Power" bottom: "x" top: "p" power_param { power: 2 scale: -1 } }'),
        ("kernel-by-width", {"most": 24},
         'layer { name: "p" type: "Pooling" bottom: "x" top: "p" pooling_param { global_pooling: true } }',
         'layer { name: "p" type: "Pooling" bottom: "x" top: "p" pooling_param { kernel_size: 3 } }'),
        ("has-type", {"types": ["Python"]}, 'layer { name: "y" type: "Python" }', ""),
        ("training", {}, 'layer { name: "l" type: "SoftmaxWithLoss" bottom: "x" }', ""),
    ],
)  # fmt: skip
def test_checks_find_the_bad_and_leave_the_good(
    check: str, settings: dict[str, object], bad: str, good: str
) -> None:
    """Each in its plainest form."""
    assert list(checks.get(check)(facts(bad), **settings))
    assert not list(checks.get(check)(facts(good), **settings))


def test_ceil_pooling_needs_shapes() -> None:
    """8 by 3 with a stride of 2 has another size when it is rounded down; 7 has not."""
    pool = 'layer { name: "p" type: "Pooling" bottom: "x" top: "p" pooling_param { kernel_size: 3 stride: 2 } }'
    (found,) = checks.get("ceil-pooling")(facts(pool, p=(1, 4, 4, 4)))
    assert found == ("p (Pooling)", "4×4 in Caffe, 3×3 when rounded down")
    even = facts(pool, x=(1, 4, 7, 7), p=(1, 4, 3, 3))
    assert not list(checks.get("ceil-pooling")(even))


def test_the_table_fits_its_width() -> None:
    """However long the words are; Markdown has a row a finding."""
    rule = Rule("type", {"known": ["Input"]}, "why " * 30, "w" * 100, PRACTICE_WORDS, True)
    found = examine(facts(conv("kernel_size: 1")), Toolchain("t", "T", (rule,), {}))
    assert max(map(len, table(found, 90).splitlines())) <= 90
    assert len(markdown(found).splitlines()) == 3


def test_tables_are_where_they_are_read() -> None:
    """Each file is listed, but for the one of rules that hold everywhere."""
    folder = Path(inspect.getfile(read_toolchain)).parent / "tables"
    assert names() == sorted(path.stem for path in folder.glob("*.toml") if path.stem != "any")
