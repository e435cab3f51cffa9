"""The end of a job that succeeded: its model, with all that belongs to it, in `final`."""

from __future__ import annotations

import re
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError, JobError
from caffe_mnist.launch.dataset import databases, picture_shape
from caffe_mnist.launch.plan import Plan
from caffe_mnist.layouts.deploy import deploy_text
from caffe_mnist.layouts.rewrite import write_texts
from caffe_mnist.layouts.source import NET, read_prototxt
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text, read_text
from caffe_mnist.storage.pairs import Pair, pairs
from caffe_mnist.storage.snapshots import FINAL, Manifest, publish
from caffe_mnist.storage.urls import join


def last_snapshot(plan: Plan, since: float) -> Pair:
    """The snapshot of the highest iteration that this run wrote (or resumed at its end)."""
    found = pairs(plan.prefix, since)
    if not found:
        raise JobError(
            "the training ended without a snapshot",
            where=plan.prefix,
            hint="snapshot_after_train: true in the solver makes one",
        )
    return found[-1]


def final_files(plan: Plan, snapshot: Pair) -> list[Path]:
    """What goes into `final`: weights, state, deploy net, run.json, metrics, log, curves."""
    others = [deploy_file(plan), plan.log]
    others += [plan.model_folder / name for name in ("run.json", "metrics.csv", "curves.png")]
    return [*snapshot.files, *(path for path in others if path is not None and path.is_file())]


def publish_final(plan: Plan, snapshot: Pair) -> Manifest:
    """Copy the final model to `<train_url>/final`, its manifest last."""
    assert plan.settings.train_url
    url = join(plan.settings.train_url, FINAL)
    return publish(url, final_files(plan, snapshot), snapshot.iteration)


def deploy_file(plan: Plan) -> Path | None:
    """The deploy net beside the solver, or one made of the train net; None if there is none.

    The one beside the solver is taken when it is alone of its kind. It gets the scale of the
    training data where it names none, so that whoever feeds it does as the training did.
    """
    beside = sorted(plan.solver.parent.glob("*deploy*.prototxt"))
    target = plan.run_folder / (beside[0].name if len(beside) == 1 else "deploy.prototxt")
    try:
        text = beside[0].read_text() if len(beside) == 1 else _derived(plan)
        parse_text(text, caffe_pb2.NetParameter, beside[0] if beside else plan.nets[0])
    except (CaffeMnistError, OSError, IndexError):
        return None
    write_texts({target.name: text}, target.parent)
    return target


def _derived(plan: Plan) -> str:
    net = read_text(plan.run_folder / plan.nets[0].name, caffe_pb2.NetParameter)
    wanted = databases([plan.run_folder / plan.nets[0].name])
    shape = picture_shape(wanted[-1])
    crop = next((layer.transform_param.crop_size for layer in net.layer if layer.type == "Data"), 0)
    sizes = (crop, crop) if crop else shape[1:]
    return deploy_text(net, (1, shape[0], *sizes), plan.nets[0])


def is_net(path: Path) -> bool:
    """Whether a prototxt is a net."""
    try:
        return bool(read_prototxt(path).kind is NET)
    except CaffeMnistError:
        return False


def iteration_of(name: str) -> int | None:
    """The N of a file called …_iter_N.…"""
    match = re.search(r"_iter_(\d+)\.", name)
    return int(match.group(1)) if match else None
