"""What would make a job fail, looked for before it costs anything.

Always, in a moment: text, wiring and paths of solver and nets, the shapes that `layouts/sizes.py`
can tell, memory and disk for what they need at least, GPUs, weights and snapshots that are named.
In full (`--preflight`, `--preflight-only`, and where data are to be copied from a store) the engine
builds the nets, the trainer is asked for its GPU, and what is there is said, too; with
`--preflight-only` a small object is written to the store (a job's claim to its place, made
before anything is copied or trained, does as much).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError, JobError, ManyFaultsError
from caffe_mnist.launch.check import check_file, test_outputs
from caffe_mnist.launch.check_shapes import FLOAT
from caffe_mnist.launch.checked import Checked
from caffe_mnist.launch.dataset import databases
from caffe_mnist.launch.devices import lacking
from caffe_mnist.launch.epochs import settle_epochs
from caffe_mnist.launch.memory import free_memory, size_words
from caffe_mnist.launch.metric import metric_of_job
from caffe_mnist.launch.plan import Plan
from caffe_mnist.launch.reasons import explain
from caffe_mnist.layouts.rewrite import write_tree
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text
from caffe_mnist.storage.pairs import pairs
from caffe_mnist.storage.places import find
from caffe_mnist.storage.probe import probe
from caffe_mnist.storage.urls import is_local

# Arrays of the size of the parameters that a solver type keeps beside them.
HISTORIES = {"Adam": 2, "AdaDelta": 2}
# From so large a share of the free memory on, it is said that it may be too little.
TIGHT = 0.8


@dataclass
class Findings:
    """What was found: `faults` end the job, `notes` are said, `good` only in a full look."""

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    good: list[str] = field(default_factory=list)


def preflight(plan: Plan, say: Callable[[str], object], probing: bool = False) -> None:
    """Look, say what was found, and raise ManyFaultsError where the job cannot work.

    With `probing` everything is looked at, and the store is written to.
    """
    settings, found = plan.settings, Findings()
    full = probing or settings.preflight is True or _is_remote(settings.data_url)
    with tempfile.TemporaryDirectory(prefix="caffe-mnist-preflight-") as folder:
        solver_path = write_tree(plan.solver, Path(folder), plan.rules)
        checked = check_file(str(solver_path), data=False, shapes=full)
        solver = read_text(solver_path, caffe_pb2.SolverParameter)
        for line in checked.faults:
            if "snapshot_prefix: " not in line:  # its folder is made
                found.faults.append(_own(line, folder, plan))
        if not found.faults:
            plan = _in_iterations(plan, Path(folder), found)
            _look_at_metric(plan, solver_path, found)
    found.notes += [note for note in checked.notes if not note.startswith("how large")]
    untold = checked.nets and not (checked.nets[0].known or checked.nets[0].parameters)
    if untold:
        found.good.append("how much memory and disk it needs can be told once the data is here")
    elif checked.nets and not found.faults:
        _look_at_memory(plan, solver, checked, found)
        _look_at_disk(plan, solver, checked, found)
    _look_at_gpu(plan, found, full)
    _look_at_files(plan, found)
    if probing:
        _look_at_store(plan, found)
    for note in (*found.notes, *(found.good if full else ())):
        say(note)
    if found.faults:
        raise ManyFaultsError(found.faults)
    if probing:
        say("preflight: nothing stands in the way")


def _in_iterations(plan: Plan, folder: Path, found: Findings) -> Plan:
    """The plan with its epochs counted; with no iterations where the data is still to come."""
    settings = plan.settings
    if not settings.epochs and not settings.test_once_over:
        return plan
    here = not settings.data_url and all(
        path.exists() for path in databases([folder / net.name for net in plan.nets])
    )
    if not here:
        return replace(plan, max_iter=0) if settings.epochs else plan
    try:
        return settle_epochs(plan, found.good.append, folder / plan.solver.name)
    except CaffeMnistError as error:
        found.faults += [_own(fault, str(folder), plan) for fault in error.faults]
        return plan


def _own(line: str, folder: str, plan: Plan) -> str:
    """A fault of the copy that was looked at, with the name of the file that is the user's."""
    for path in (plan.solver, *plan.nets):
        line = line.replace(os.path.join(folder, path.name), str(path))
    return line


def _look_at_files(plan: Plan, found: Findings) -> None:
    """Weights and snapshots that are named and should be here."""
    named = [plan.settings.snapshot] if plan.settings.snapshot not in ("none", "auto") else []
    named += (plan.settings.weights or "").split(",")
    for name in filter(None, named):
        if "://" not in name and not Path(name).is_file():
            found.faults.append(f"{name}: there is no such file")


def _look_at_metric(plan: Plan, solver: Path, found: Findings) -> None:
    """Whether a test gives what `--best` or `--early-stop` looks at."""
    try:
        metric_of_job(plan.settings, test_outputs(str(solver)))
    except CaffeMnistError as error:
        found.faults += error.faults


def _look_at_memory(plan: Plan, solver: Any, checked: Checked, found: Findings) -> None:
    train, *tests = checked.nets
    held = 2 + HISTORIES.get(solver.type, 1)
    need = FLOAT * train.parameters * held + train.held + sum(net.held for net in tests)
    free, where = free_memory(plan.settings.gpus)
    about = "about" if all(net.known for net in checked.nets) else "more than"
    words = f"the training needs {about} {size_words(need)}"
    if free is None:
        found.good.append(f"{words} of memory")
    elif need > free:
        hint = "a smaller batch_size, with iter_size, needs less; --no-preflight tries it"
        found.faults.append(f"{words}, {where} has {size_words(free)} free ({hint})")
    elif need > TIGHT * free:
        found.notes.append(f"{words} of memory, {where} has {size_words(free)} free: tight")
    else:
        found.good.append(f"{words} of memory, {where} has {size_words(free)} free")


def _look_at_disk(plan: Plan, solver: Any, checked: Checked, found: Findings) -> None:
    """Room for the snapshots to come, as many as stay, without those that are there already."""
    net = checked.nets[0]
    each = FLOAT * net.parameters * (1 + HISTORIES.get(solver.type, 1) + solver.snapshot_diff)
    count = 1 + (plan.max_iter // solver.snapshot if solver.snapshot > 0 else 0)
    if plan.settings.keep_local:
        count = min(count, plan.settings.keep_local + 1)
    count = max(count - len(pairs(plan.prefix)), 1)
    folder = next((one for one in [plan.model_folder, *plan.model_folder.absolute().parents]
                   if one.is_dir()), Path("/"))  # fmt: skip
    usage = shutil.disk_usage(folder)
    if not usage.total:  # no disk
        return
    need, free = each * count, usage.free
    least = "" if net.known else "at least "
    words = f"{count:,} snapshot(s) of {least}{size_words(each)} need {size_words(need)}"
    if need > free:
        found.faults.append(
            f"{words}, the disk of {plan.model_folder} has {size_words(free)} "
            "(--keep-local 2 keeps two of them, --set snapshot=… makes fewer)"
        )
    else:
        found.good.append(f"{words}, the disk has {size_words(free)}")


def _look_at_gpu(plan: Plan, found: Findings, full: bool) -> None:
    """Whether there are so many; in full, ask the trainer itself, as far as it has the command."""
    lack = lacking(plan.settings.gpus, plan.trainer.embedded)
    if lack:
        found.faults.append(lack)
    if lack or not full or not plan.settings.gpus:
        return
    command = [*plan.trainer.command, "device_query", "-gpu", plan.settings.gpus]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, errors="replace", check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        found.notes.append(f"the GPU was not looked at: {error}")
        return
    if done.returncode:
        reason, hint = explain(128 - done.returncode if done.returncode < 0 else done.returncode,
                               done.stderr.splitlines(keepends=True), Path("/"))  # fmt: skip
        found.faults.append(f"-gpu {plan.settings.gpus}: {reason}" + (f" ({hint})" if hint else ""))


def _look_at_store(plan: Plan, found: Findings) -> None:
    settings = plan.settings
    for url, look in ((settings.train_url, probe), (settings.data_url, find)):
        if not url:
            continue
        try:
            look(url)
        except CaffeMnistError as error:
            found.faults += error.faults
    if settings.train_url and not any(settings.train_url in fault for fault in found.faults):
        found.good.append("the store of --train-url can be written, read and tidied up")


def _is_remote(url: str | None) -> bool:
    return bool(url) and not is_local(str(url))


def preflight_only(plan: Plan, say: Callable[[str], object]) -> int:
    """`--preflight-only`: 0, or 1 with every fault said."""
    try:
        preflight(plan, say, probing=True)
    except ManyFaultsError as error:
        for fault in error.faults:
            say(fault)
        count = len(error.faults)
        raise JobError(f"the job would fail: {count} fault{'' if count == 1 else 's'}") from None
    return 0
