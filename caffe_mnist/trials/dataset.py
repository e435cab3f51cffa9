"""What several trials share: the dataset, made once before the first, and when they test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from caffe_mnist.launch.dataset import copy_dataset, databases, make_missing
from caffe_mnist.launch.plan import Plan, make_plan
from caffe_mnist.launch.settings import Settings
from caffe_mnist.layouts.rewrite import write_tree
from caffe_mnist.layouts.source import read_prototxt, with_settings
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from caffe_mnist.trials.space import Values


def prepare(
    solver: Path, data_url: str | None, out: Path, caffe: str, settings: Sequence[str]
) -> tuple[Plan, list[str]]:
    """Settle a first run, and bring its databases in place; the plan, and arguments for `train`.

    Raises CaffeMnistError for a solver, a setting or a dataset that cannot work.
    """
    plan = settle(solver, data_url, out, caffe, settings)
    if data_url:
        copy_dataset(data_url, plan.data_folder)
    write_tree(plan.solver, plan.run_folder, plan.rules)
    make_missing(databases([plan.run_folder / net.name for net in plan.nets]), plan.data_folder)
    return plan, [f"--data-local-path={out / 'data'}"] if data_url else []


def settle(
    solver: Path, data_url: str | None, out: Path, caffe: str, settings: Sequence[str]
) -> Plan:
    """The plan of a run with these settings; raises CaffeMnistError where there can be none."""
    return make_plan(
        Settings(
            solver=str(solver),
            data_url=data_url,
            data_local_path=str(out / "data") if data_url else None,
            model_local_path=str(out / "prepared"),
            caffe=caffe,
            set=tuple(settings),
        )
    )


def with_last_test(solver: Path, values: Values) -> Values:
    """`values`, with intervals of tests and of display that meet the last iteration.

    A solver tests every test_interval iterations, and prints the loss every display iterations;
    what is compared must be the trained net, not the net some iterations before. An interval
    becomes the next smaller one that divides max_iter, or max_iter itself where that one would
    come much more often. One that is 0 stays so.
    """
    source = with_settings(read_prototxt(solver), list(values.items()))
    param = parse_text(source.text, caffe_pb2.SolverParameter, solver)
    last = param.max_iter
    fitting = {}
    for name, every in (("test_interval", param.test_interval), ("display", param.display)):
        if every and last and last % every:
            fitting[name] = str(_fitting(every, last))
    return {**values, **fitting}


def _fitting(every: int, last: int) -> int:
    """The largest interval up to `every` that divides `last`; `last` where it is far smaller."""
    found = next(one for one in range(min(every, last), 0, -1) if last % one == 0)
    return found if 4 * found >= every else last
