"""Torch without what its compilers need: left out, brought back, and only where it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("torch")

SAY = """
import sys
def state():
    return "torch._refs" in sys.modules, hasattr(sys.modules["torch"], "_meta_registrations")
"""
START = "from caffe_mnist.engine.lean_torch import complete_torch, start_lean\nstart_lean()\n"


def said(program: str) -> list[str]:
    """The lines that a program prints, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", SAY + program], capture_output=True, text=True, timeout=300
    )
    assert not done.returncode, done.stderr
    return done.stdout.splitlines()


def test_left_out_until_a_compiler_needs_it() -> None:
    """And nothing of ours is left in the way of imports then."""
    lines = said(
        START
        + """
start_lean()
import torch
print(*state(), "exec_module" in vars(torch.__spec__.loader))
print(torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3)).item())
print(torch.compile(lambda x: x * 2, backend="aot_eager")(torch.ones(1)).item())
print(*state())
start_lean()
complete_torch()
print(any(type(one).__module__.startswith("caffe_mnist") for one in sys.meta_path))
"""
    )
    assert lines == ["False False False", "9.0", "2.0", "True True", "False"]


def test_nets_without_numbers_bring_it_back() -> None:
    """Convolution has its shapes there from what was left out."""
    lines = said(
        START
        + """
from google.protobuf import text_format
from caffe_mnist.engine.summary import summarise
from caffe_mnist.schema import caffe_pb2
print(*state())
net = text_format.Parse('''
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 1 dim: 4 dim: 4 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 2 kernel_size: 3 weight_filler { type: "xavier" } } }
''', caffe_pb2.NetParameter())
print(sum(layer.parameters for layer in summarise(net, caffe_pb2.TEST).layers))
print(*state())
"""
    )
    assert lines == ["False False", "20", "True True"]


def test_programs_of_others_have_all_of_it() -> None:
    """Whoever imports the package, or pycaffe, may need it."""
    assert said("import caffe_mnist, caffe_mnist.pycaffe, torch\nprint(*state())") == ["True True"]
