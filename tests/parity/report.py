"""Write docs/parity.md: how near the engine's numbers come to real Caffe's.

    python -m tests.parity.report

Runs every case of the parity suite (about a minute) and writes the largest difference of
each layer type, solver and whole net, rounded up to a power of ten. Real Caffe is looked for as
the tests do: CAFFE_PREFIX, or where scripts/install_caffe.sh puts it.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from caffe_mnist.datasets import digits
from caffe_mnist.engine.layer import layers
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from tests.parity import test_layers, test_solvers, whole_nets
from tests.parity.cases import CASES

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/parity.md"
HEAD = """\
# How near the engine comes to real Caffe

Written by `python -m tests.parity.report`, which runs the cases of `tests/parity/` under real
Caffe 1.0 (from `scripts/install_caffe.sh`) and under the embedded engine, on the same inputs.
A difference is the largest one of any element, relative to the largest value of its array,
rounded up to a power of ten; 0 means equal to the bit. The tests assert 1e-4.
"""
LAYERS = """
## Layers

One layer with random inputs, parameters and gradients: its tops, and where Caffe computes them
the gradients of its bottoms and parameters.

| type | settings | largest difference |
| --- | ---: | ---: |
"""
SOLVERS = """
## Solvers

Fifty iterations on a small net over a database, with the learning rate policies, momentum,
decay, multipliers, `iter_size` and clipping of `tests/parity/test_solvers.py`.

| type | settings | policies | weights | histories |
| --- | ---: | --- | ---: | ---: |
"""
NETS = f"""
## Whole nets

From one solver and its `random_seed`: one pass forward and backward, then
{whole_nets.ITERATIONS} iterations. Arrays whose values cancel out to rounding are measured
against a thousandth of the largest value of their kind.

| net | blobs | gradients | losses | weights in the end |
| --- | ---: | ---: | ---: | ---: |
"""


def main() -> int:
    """Run everything and write the page."""
    caffe = Path(os.environ.get("CAFFE_PREFIX") or ROOT / ".caffe") / "bin"
    if not (caffe / "caffe").is_file():
        print(f"no real Caffe in {caffe.parent}: run scripts/install_caffe.sh", file=sys.stderr)
        return 1
    torch.set_num_threads(1)  # small nets, and threads that wait for each other spin
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = HEAD + LAYERS + "".join(_layers(folder / "layers", caffe))
        text += SOLVERS + "".join(_solvers(folder / "solvers", caffe))
        text += NETS + "".join(_nets(folder / "nets", caffe))
    PAGE.write_text(text)
    print(f"{PAGE.relative_to(ROOT)}: written")
    return 0


def settings_of_layers() -> dict[str, int]:
    """How many cases each layer type has."""
    types = sorted({case.type for case in CASES}, key=str.lower)
    return {kind: sum(case.type == kind for case in CASES) for kind in types}


def cases_of_solvers() -> dict[str, list[str]]:
    """The names of the cases of each solver type."""
    found: dict[str, list[str]] = {}
    for name, text in test_solvers.CASES.items():
        param = parse_text(test_solvers.COMMON + text, caffe_pb2.SolverParameter, name)
        found.setdefault(param.type, []).append(name)
    return found


def _layers(folder: Path, caffe: Path) -> Iterable[str]:
    folder.mkdir()
    outcomes = test_layers.real_outcomes(CASES, folder, caffe)
    worst: dict[str, float] = {}
    for case in CASES:
        found = max(test_layers.differences(case, outcomes[case.name]).values(), default=0.0)
        worst[case.type] = max(worst.get(case.type, 0.0), found)
    for kind, count in settings_of_layers().items():
        yield _row(kind, count, _power(worst[kind]))
    others = ", ".join(sorted(set(layers) - worst.keys(), key=str.lower))
    yield f"\nWithout a case of this form, and compared in other tests: {others}.\n"


def _solvers(folder: Path, caffe: Path) -> Iterable[str]:
    folder.mkdir()
    given = folder / "digits"
    given.mkdir()
    digits.write_idx(given, train=1200, test=300, seed=1)
    test_solvers.prepare(folder, given, caffe)
    for kind, names in cases_of_solvers().items():
        found = [test_solvers.differences(name, folder, caffe) for name in names]
        of_weights, of_histories = (max(values) for values in zip(*found))
        policies = re.findall(
            r'lr_policy: "(\w+)"', " ".join(test_solvers.CASES[name] for name in names)
        )
        known = ", ".join(dict.fromkeys(policies))
        yield _row(kind, len(names), known, _power(of_weights), _power(of_histories))


def _nets(folder: Path, caffe: Path) -> Iterable[str]:
    folder.mkdir()
    for net in whole_nets.NETS:
        net.write(folder / net.name)
    real = whole_nets.real_results(caffe, [folder / net.name for net in whole_nets.NETS])
    for net in whole_nets.NETS:
        with contextlib.redirect_stderr(io.StringIO()):
            ours = whole_nets.engine_results(folder / net.name)
        kinds = ("pass|data", "pass|gradients", "outputs", "end|weights")
        found = [whole_nets.differences(ours, real[net.name], kind) for kind in kinds]
        yield _row(net.name, *(_power(_largest(values)) for values in found))


def _largest(values: Mapping[str, float]) -> float:
    return max(values.values(), default=0.0)


def _power(value: float) -> str:
    return f"1e-{-math.ceil(math.log10(value)):02d}" if value > 0 else "0"


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |\n"


if __name__ == "__main__":
    sys.exit(main())
