"""The story of one training job, from the dataset in a store to the final model there.

    copy the dataset → make missing databases → rewrite the prototxts → find where to start →
    train, with the uploader beside it → let the uploader finish → publish `final`

`run.json`, `metrics.csv` and the log lie in the model folder all the while.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError, JobError
from caffe_mnist.launch.dataset import copy_dataset, databases, fingerprints, make_missing
from caffe_mnist.launch.final import is_published, last_snapshot, publish_final
from caffe_mnist.launch.plan import Plan
from caffe_mnist.launch.process import (
    Follower,
    Interruption,
    StoppedError,
    StopRequests,
    exit_code,
    start_trainer,
)
from caffe_mnist.launch.reasons import explain
from caffe_mnist.launch.record import RunRecord, caffe_version
from caffe_mnist.launch.resume import Start, find_start
from caffe_mnist.launch.supervise import Supervisor
from caffe_mnist.layouts.rewrite import write_tree
from caffe_mnist.storage.pairs import Pair
from caffe_mnist.storage.snapshots import FINAL
from caffe_mnist.storage.store import StoreError, open_store
from caffe_mnist.storage.urls import join
from caffe_mnist.watch.bar import Bar
from caffe_mnist.watch.curves import draw
from caffe_mnist.watch.metrics import Metrics

# How much of a failed trainer's log is shown where the rest was hidden behind the bar.
SHOWN_LINES = 15


def run_job(plan: Plan) -> int:
    """Run the whole job; returns 0, or raises what went wrong with its exit status.

    The record of the run is written in either case, and every complete snapshot is uploaded.
    """
    record = RunRecord(plan.settings.public(), plan.trainer.description)
    try:
        plan.model_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaffeMnistError(
            f"cannot make the folder: {error.strerror}",
            where=plan.model_folder,
            hint="give another by --model-local-path",
        ) from None
    with StopRequests() as requests:
        try:
            _recorded_story(plan, record, requests)
        except Interruption as stop:
            raise StoppedError(stop.number) from None
    say(f"done: {_summary(record)}")
    return 0


def _recorded_story(plan: Plan, record: RunRecord, requests: StopRequests) -> None:
    try:
        try:
            _story(plan, record, requests)
        except Interruption as stop:
            raise StoppedError(stop.number) from None
    except CaffeMnistError as error:
        status = "stopped" if isinstance(error, StoppedError) else "failed"
        record.notes.append(str(error))
        record.end(status, error.status)
        _or_say(lambda: record.write(plan.model_folder / "run.json"))
        if not isinstance(error, StoreError):  # it would not take the record either
            _leave_record(plan, record)
        raise


def _story(plan: Plan, record: RunRecord, requests: StopRequests) -> None:
    settings = plan.settings
    say(f"training with {plan.trainer.description}")
    if not plan.trainer.embedded:
        record.trainer += f"; {caffe_version(plan.trainer.command[0])}"
    if settings.train_url:
        open_store(settings.train_url).list(FINAL)  # a wrong key or bucket fails here, not later
    start = find_start(plan)
    record.start = start.note
    say(f"starting {start.note}")
    if settings.data_url:
        with record.timed("copy"):
            copy_dataset(settings.data_url, plan.data_folder)
    solver = write_tree(plan.solver, plan.run_folder, plan.rules)
    wanted = databases([plan.run_folder / net.name for net in plan.nets])
    with record.timed("convert"):
        made = make_missing(wanted, plan.data_folder)
    if made:
        say(f"made {', '.join(path.name for path in made)}")
    with record.timed("checksums"):
        record.data = fingerprints(wanted)
    metrics, begun = Metrics(), time.time()
    if settings.snapshot == "auto" and start.snapshot:
        metrics = Metrics.read(plan.model_folder / "metrics.csv", start.iteration)
    if start.snapshot and start.iteration >= plan.max_iter:
        say(f"iteration {start.iteration} is the last one already: nothing to train")
        record.results = metrics.results()
        if settings.train_url and is_published(plan, last_snapshot(plan, begun, start)):
            say(f"the final model is in {join(settings.train_url, FINAL)} already")
            return
    else:
        _train(plan, record, requests, solver, start, metrics)
    _finish(plan, record, last_snapshot(plan, begun, start))


def _train(
    plan: Plan,
    record: RunRecord,
    requests: StopRequests,
    solver: Path,
    start: Start,
    metrics: Metrics,
) -> None:
    settings = plan.settings
    if start.snapshot and not plan.trainer.embedded:
        record.notes.append("real Caffe reads its database from the start after a resume")
        say(record.notes[-1])
    command = plan.trainer.arguments(
        str(solver), settings.gpus, start.weights, start.snapshot, settings.data_position
    )
    say("running " + " ".join(command))
    _or_say(lambda: record.write(plan.model_folder / "run.json"))
    since = time.time()
    goes_on = settings.snapshot == "auto" and bool(start.snapshot) and plan.log.is_file()
    log_start = plan.log.stat().st_size if goes_on else 0
    requests.only_note = True
    with record.timed("train"):
        process = start_trainer(command, plan.log, goes_on)
        follower, bar = Follower(plan.log, log_start), Bar(plan.max_iter, start.iteration)
        supervisor = Supervisor(
            process,
            follower,
            metrics,
            bar,
            requests,
            settings.stop_timeout,
            _uploader(plan, since) if settings.train_url else None,
            lambda: _or_say(lambda: metrics.write(plan.model_folder / "metrics.csv")),
            plan.model_folder / "uploader.log" if bar.on_terminal else None,
        )
        code = supervisor.watch()
        follower.close()
        if code != 0 and bar.on_terminal:
            bar.say("".join(supervisor.last_lines[-SHOWN_LINES:]).rstrip("\n"))
        bar.close(code == 0 and supervisor.finished)
    record.results = metrics.results()
    with record.timed("drain"):
        drained = supervisor.drain()
    requests.only_note = False
    _or_say(lambda: draw(metrics, plan.model_folder / "curves.png", plan.prefix.name))
    if requests.seen:
        raise StoppedError(requests.seen[0])
    if code != 0:
        raise _failure(plan, code, supervisor.last_lines)
    if not drained:
        raise JobError(
            "not every snapshot is in the store (see the uploader's lines)",
            where=settings.train_url,
            hint=f"they are still in {plan.model_folder}",
        )
    if not supervisor.finished:
        raise StoppedError(signal.SIGINT)


def _uploader(plan: Plan, since: float) -> list[str]:
    settings = plan.settings
    return [
        f"--prefix={plan.prefix}",
        f"--to={settings.train_url}",
        f"--every={settings.upload_every}",
        f"--keep={settings.keep}",
        # File systems may keep times more coarsely than the clock.
        f"--since={since - 0.05}",
        f"--drain-timeout={settings.drain_timeout}",
        f"--report={plan.model_folder / 'uploads.jsonl'}",
    ]


def _finish(plan: Plan, record: RunRecord, snapshot: Pair) -> None:
    record.end("succeeded", 0)
    record.write(plan.model_folder / "run.json")
    if not plan.settings.train_url:
        say(f"no --train-url: the model stays in {plan.model_folder}")
        return
    url = join(plan.settings.train_url, FINAL)
    for attempt in range(5):
        try:
            publish_final(plan, snapshot)
            say(f"the final model is in {url}")
            return
        except StoreError as error:
            if attempt == 4:
                raise JobError(
                    f"{url} is not complete: {error.what}",
                    hint=f"the model is still in {plan.model_folder}",
                ) from None
            say(f"{error}; trying again")
            time.sleep(2.0**attempt)


def _failure(plan: Plan, code: int, lines: list[str]) -> JobError:
    """The trainer's failure as the job's, with what its log says last."""
    status = exit_code(code)
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
    reason, hint = explain(status, lines, plan.model_folder)
    error = JobError(f"the trainer ended {how}: {reason}", where=plan.log, hint=hint)
    error.status = status
    return error


def _leave_record(plan: Plan, record: RunRecord) -> None:
    """After a failure: the record and the log beside the snapshots, if the store takes them."""
    if not plan.settings.train_url:
        return
    try:
        store = open_store(plan.settings.train_url)
        store.write("failed/run.json", record.to_json())
        for path in (plan.model_folder / "metrics.csv", plan.log):
            if path.is_file():
                store.upload(path, f"failed/{path.name}")
    except CaffeMnistError as error:
        say(f"the record of the run is only in {plan.model_folder}: {error}")


def _summary(record: RunRecord) -> str:
    results = dict(record.results)
    tested = results.pop("test_iteration", 0)
    words = [f"{name} {value:.4g}" for name, value in results.items() if name.startswith("test")]
    if words:
        words[-1] += f" at iteration {tested:.0f}"
    seconds = record.timings.get("train")
    return ", ".join([*words, *([f"{seconds:.0f} s of training"] if seconds else [])]) or "complete"


def _or_say(action: Callable[[], object]) -> None:
    """Do what a job can do without (on a full disk, say); its failure is only said."""
    try:
        action()
    except CaffeMnistError as error:
        say(str(error))


def say(text: str) -> None:
    """One line of the launcher's own."""
    print(f"train: {text}", file=sys.stderr, flush=True)
