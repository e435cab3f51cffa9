"""The end of a job that succeeded: its model, with all that belongs to it, in `final`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError, JobError
from caffe_mnist.launch.dataset import databases
from caffe_mnist.launch.pictures import Pictures, pictures_of
from caffe_mnist.launch.plan import Plan
from caffe_mnist.launch.resume import Start
from caffe_mnist.layouts.deploy import deploy_text, fits, input_fields, transform_of, with_input
from caffe_mnist.layouts.rewrite import write_texts
from caffe_mnist.layouts.rules import Rules
from caffe_mnist.layouts.source import NET, prototxt, read_prototxt
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.fork_text import to_text
from caffe_mnist.schema.messages import read_binary, read_text
from caffe_mnist.schema.upgrade import upgrade_net
from caffe_mnist.storage.pairs import Mark, Pair, pairs
from caffe_mnist.storage.snapshots import sha256
from caffe_mnist.storage.survey import FINAL, published
from caffe_mnist.storage.urls import join

# The names of the classes, one a line, as `convert images` writes them.
LABELS = "labels.txt"


def last_snapshot(plan: Plan, before: frozenset[Mark], start: Start) -> Pair:
    """The snapshot of the highest iteration that this run wrote; else the one it began with."""
    found = pairs(plan.prefix, earlier=before)
    if not found and start.snapshot:
        prefix = re.sub(r"_iter_\d+\.solverstate(\.h5)?$", "", start.snapshot)
        found = [pair for pair in pairs(prefix) if pair.iteration == start.iteration]
    if not found:
        raise JobError(
            "the training ended without a snapshot",
            where=plan.prefix,
            hint="snapshot_after_train: true in the solver makes one",
        )
    return found[-1]


def final_files(
    plan: Plan, snapshot: Pair, say: Callable[[str], None] = lambda text: None
) -> list[Path]:
    """What goes into `final`: weights, state, deploy net, mean, names of the classes, run.json,
    metrics, log, curves."""
    others = [deploy_file(plan, say), *mean_files(plan), labels_file(plan, snapshot), plan.log]
    others += [plan.model_folder / name for name in ("run.json", "metrics.csv", "curves.png")]
    return [*snapshot.files, *(path for path in others if path is not None and path.is_file())]


def companions(plan: Plan) -> list[Path]:
    """What goes with a model into `best` while it is trained: deploy net and mean."""
    found = [deploy_file(plan), *mean_files(plan)]
    return [path for path in found if path is not None and path.is_file()]


def is_published(plan: Plan, snapshot: Pair) -> bool:
    """Whether `final` is complete and holds this very model."""
    if not plan.settings.train_url:
        return False
    url = join(plan.settings.train_url, FINAL)
    there = next((one for one in published(plan.settings.train_url) if one.url == url), None)
    if there is None or there.manifest.iteration != snapshot.iteration:
        return False
    sums = {file.name: file.sha256 for file in there.manifest.files}
    return sums.get(snapshot.weights.name) == sha256(snapshot.weights)


def deploy_file(plan: Plan, say: Callable[[str], None] = lambda text: None) -> Path | None:
    """The deploy net beside the solver, or one made of the net that was tested.

    The one beside the solver is taken when it is alone of its kind and takes the weights that
    were trained. In its input stands what the TEST phase did to pictures, and from which size,
    so that whoever feeds it does the same. Where none can be made, `say` hears why.
    """
    try:
        net, where = tested_net(plan)
        pictures = _pictures(net, where)
        fields = input_fields(net, pictures.before if pictures else None)
        found = _given(plan, net, fields, say)
        target, text = found or ("deploy.prototxt", _derived(net, where, fields))
        source = prototxt(target, text, NET)
    except (CaffeMnistError, OSError) as error:
        say(f"no deploy net goes with the model: {error}")
        return None
    means = tuple((str(path), path.name) for path in mean_files(plan))
    write_texts({target: source.with_paths(Rules(exact=means))}, plan.run_folder)
    return plan.run_folder / target


def tested_net(plan: Plan) -> tuple[Any, Path]:
    """The (rewritten) net that was tested, else trained, and the file that it stands in."""
    solver = read_text(plan.run_solver, caffe_pb2.SolverParameter)
    for name in [*solver.test_net, solver.net, solver.train_net]:
        if name:
            path = plan.run_folder / Path(name).name
            return upgrade_net(read_text(path, caffe_pb2.NetParameter), path), path
    for param in [*solver.test_net_param, solver.net_param, solver.train_net_param]:
        if param.layer or param.layers:
            return upgrade_net(param, plan.run_solver), plan.run_solver
    raise CaffeMnistError("names no net", where=plan.run_solver)


def mean_files(plan: Plan) -> list[Path]:
    """The mean image that the tested net subtracts: a deploy net needs it too."""
    try:
        transform = transform_of(tested_net(plan)[0])
    except CaffeMnistError:
        return []
    return [Path(transform.mean_file)] if transform is not None and transform.mean_file else []


def labels_file(plan: Plan, snapshot: Pair) -> Path | None:
    """The names of the classes beside the databases, if they are as many as the net has."""
    folders = [
        place.parent for place in databases([plan.run_folder / one.name for one in plan.nets])
    ]
    for path in [folder / LABELS for folder in [*folders, plan.data_folder]]:
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
            weights = read_binary(snapshot.weights, caffe_pb2.NetParameter)
        except (OSError, UnicodeDecodeError, CaffeMnistError):
            continue
        learnt = [layer for layer in weights.layer if layer.blobs]
        last = learnt[-1].blobs[0] if learnt else None
        if last is not None and last.shape.dim[:1] == [sum(bool(line.strip()) for line in lines)]:
            return path
    return None


def _given(
    plan: Plan, net: Any, fields: dict[str, Any], say: Callable[[str], None]
) -> tuple[str, str] | None:
    beside = sorted(plan.solver.parent.glob("*deploy*.prototxt"))
    if len(beside) != 1:
        return None
    try:
        given = read_text(beside[0], caffe_pb2.NetParameter)
        deploy = upgrade_net(given, beside[0])
        source = read_prototxt(beside[0], NET)
        if given.layers:  # there is no adding to old layers
            source = prototxt(beside[0], to_text(deploy), NET)
    except CaffeMnistError:
        return None
    if not fits(deploy, net) or _crop(net) not in (0, _side(deploy)):
        return None
    said = next((one.transform_param for one in deploy.layer if one.type == "Input"), None)
    wanted = fields.get("transform_param")
    if said is not None and said.ListFields() and wanted is not None and said != wanted:
        say(f"{beside[0].name} says otherwise than the TEST phase what is done to pictures: "
            "in final stands what the TEST phase says")  # fmt: skip
    return beside[0].name, with_input(source, fields)


def _derived(net: Any, where: Path, fields: dict[str, Any]) -> str:
    return deploy_text(net, (1, *pictures_of(net, where).shape), where, fields)


def _pictures(net: Any, where: Path) -> Pictures | None:
    """None where a deploy net that is given has to do without."""
    try:
        return pictures_of(net, where)
    except CaffeMnistError:
        return None


def _crop(net: Any) -> int:
    """The crop_size of the tested net's data, 0 if there is none."""
    transform = transform_of(net)
    return int(transform.crop_size) if transform is not None else 0


def _side(deploy: Any) -> int:
    """The height of a deploy net's input: pictures are to be as large as in the training."""
    shapes = [shape.dim for layer in deploy.layer for shape in layer.input_param.shape]
    return int(shapes[0][2]) if shapes and len(shapes[0]) == 4 else 0


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
