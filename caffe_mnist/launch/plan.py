"""What a job will do: its folders, its files and its trainer, before anything is touched."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from caffe_mnist.cluster.machines import Machines
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.launch.early import early_iterations
from caffe_mnist.launch.settings import Settings
from caffe_mnist.launch.together import find_together, together_flags
from caffe_mnist.launch.trainer import Trainer, find_trainer
from caffe_mnist.layouts.layout import Layout, find_layout
from caffe_mnist.layouts.relative import seen_from_solver
from caffe_mnist.layouts.rewrite import settle, with_nets
from caffe_mnist.layouts.rules import Rules, parse_map, parse_setting
from caffe_mnist.layouts.source import Prototxt, read_prototxt, with_settings
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from caffe_mnist.schema.reading import reading

CONTAINER = Path("/home/work/user-job-dir")
PREFIX = "SolverParameter.snapshot_prefix"
SOLVER_NAME = "lenet_solver.prototxt"


@dataclass(frozen=True)
class Plan:
    """One job, settled."""

    settings: Settings
    trainer: Trainer
    solver: Path
    nets: tuple[Path, ...]
    data_folder: Path
    prefix: Path
    rules: Rules
    max_iter: int
    early: tuple[int, ...] = ()
    machines: Machines | None = None

    @property
    def engine_flags(self) -> tuple[str, ...]:
        """Flags that only the embedded engine has, without those of defaults."""
        return (*self.settings.engine_flags, *together_flags(self.settings, self.machines))

    @property
    def is_first(self) -> bool:
        """Whether log, snapshots and the place in the store are this machine's."""
        return self.machines is None or self.machines.first

    @property
    def model_folder(self) -> Path:
        """The folder of the snapshots, of the log and of the rewritten prototxts."""
        return self.prefix.parent

    @property
    def run_folder(self) -> Path:
        """Where the rewritten prototxts go."""
        return self.model_folder / "prototxt"

    @property
    def log(self) -> Path:
        """The trainer's log."""
        return self.model_folder / "train.log"

    @property
    def run_solver(self) -> Path:
        """The rewritten solver."""
        return self.run_folder / self.solver.name


def make_plan(settings: Settings) -> Plan:
    """Settle a job from its settings; raises CaffeMnistError for what cannot work.

    Prototxts are read with the settings' variables: see `_make_plan` for paths.
    """
    with reading(settings.define, settings.lenient, say):
        return _make_plan(settings)


def _make_plan(settings: Settings) -> Plan:
    """The plan.

    Paths: with --layout, all follow the layout. Otherwise a path of the solver or of a net that
    leads to something existing stays; the rest goes to the folders that are given, or, where
    none is, to those of the container on ModelArts, and to ./data and ./model elsewhere.
    """
    trainer = find_trainer(settings.caffe)
    machines = find_together(settings)
    wanted_flags = (*settings.engine_flags, *together_flags(settings, machines))
    if wanted_flags and not trainer.embedded:
        raise CaffeMnistError(
            f"{trainer.description} has no {' '.join(wanted_flags)}",
            hint="--caffe embedded",
        )
    layout = _layout(settings)
    solver = _solver(settings, layout)
    if not read_prototxt(solver).is_solver:
        raise CaffeMnistError("is a net, expected a solver", where=solver)
    wanted = (*map(parse_setting, settings.set), ("solver_mode", _mode(settings)))
    source, *others = with_nets([solver], wanted)
    nets = tuple(Path(net.path) for net in others)
    data = Path(settings.data_local_path or layout.folder("data"))
    model = Path(settings.model_local_path or layout.folder("model"))
    if not any(item.field == PREFIX and item.value for item in source.paths()):
        # Caffe would write beside the rewritten solver; the uploader watches the model folder.
        wanted += (("snapshot_prefix", os.fspath(model / solver.stem)),)
        source = with_settings(source, wanted[-1:])
    rules = _rules(settings, [source, *others], wanted, data, model)
    prefix = _prefix(source, solver, rules)
    values = _solver_values(source, rules)
    early: tuple[int, ...] = ()
    if settings.snapshot_early:
        early = early_iterations(values.snapshot, values.max_iter, solver)
    return Plan(
        settings, trainer, solver, nets, data, prefix, rules, values.max_iter, early, machines
    )


def _layout(settings: Settings) -> Layout:
    if settings.layout:
        return find_layout(settings.layout)
    return find_layout("modelarts" if CONTAINER.is_dir() else "local")


def _solver(settings: Settings, layout: Layout) -> Path:
    """The solver that is named, or the sample's in the code folder."""
    code = Path(layout.folder("code", settings.data_path_suffix))
    if settings.solver:
        path = Path(settings.solver)
        if not path.is_file() and not path.is_absolute() and (code / path).is_file():
            return code / path
        if not path.is_file():
            raise CaffeMnistError("there is no such solver", where=settings.solver)
        return path
    places = [code / SOLVER_NAME, Path("prototxt/lenet") / SOLVER_NAME]
    if settings.data_path_suffix:  # the second sample looks below the working folder
        places.insert(1, Path(settings.data_path_suffix) / SOLVER_NAME)
    for place in places:
        if place.is_file():
            return place
    raise CaffeMnistError(f"no solver: {places[0]} is not there", hint="give one by --solver FILE")


def _rules(
    settings: Settings,
    sources: Sequence[Prototxt],
    wanted: tuple[tuple[str, str], ...],
    data: Path,
    model: Path,
) -> Rules:
    mapped = Rules({}, tuple(map(parse_map, settings.map)))
    always_data = bool(settings.data_local_path or settings.layout or CONTAINER.is_dir())
    always_model = bool(settings.model_local_path or settings.layout or CONTAINER.is_dir())
    kept = []
    for item in (item for source in sources for item in source.paths()):
        if item.role == "code" or (always_data if item.role == "data" else always_model):
            continue
        there = os.path.dirname(item.value) if item.written else item.value
        kept_by_map = mapped.path(item.value, item.role) == item.value
        if item.value and kept_by_map and os.path.exists(there or "."):
            kept.append((item.value, item.value))
    taken = {old for old, _ in kept}
    beside = seen_from_solver(sources, always=settings.paths_from == "solver")
    for old, new in beside:
        if old not in taken and mapped.path(old, "data") == old and not settings.layout:
            kept.append((old, new))
            if settings.paths_from != "solver":
                say(f"{old} is not here, taken beside the solver: {new}")
    folders = {"data": os.fspath(data), "model": os.fspath(model)}
    return settle(sources, Rules(folders, mapped.maps, wanted, tuple(kept)))


def say(text: str) -> None:
    """One line of the launcher's own."""
    print(f"train: {text}", file=sys.stderr, flush=True)


def _mode(settings: Settings) -> str:
    return "GPU" if settings.gpus else "CPU"


def _prefix(source: Prototxt, solver: Path, rules: Rules) -> Path:
    """The snapshot prefix after the rewriting, made whole as Caffe does."""
    old = next(item for item in source.paths() if item.field == PREFIX)
    new = rules.path(old.value, old.role)
    path = Path(new)
    return path / solver.stem if new.endswith("/") or path.is_dir() else path


def _solver_values(source: Prototxt, rules: Rules) -> caffe_pb2.SolverParameter:
    from caffe_mnist.layouts.rewrite import rewrite

    return parse_text(rewrite(source, rules), caffe_pb2.SolverParameter, source.path)
