"""The story of one training job, from the dataset in a store to the final model there.

    copy the dataset → make missing databases → rewrite the prototxts → find where to start →
    train, with the uploader beside it → let the uploader finish → publish `final`

Before all that the job claims its place in the store, and in the end it gives it up.

`run.json`, `metrics.csv` and the log lie in the model folder all the while.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError, JobError
from caffe_mnist.launch.anew import begin_anew, begun_last, go_on
from caffe_mnist.launch.best import BEST_FILE, Best, earlier_best
from caffe_mnist.launch.check import test_outputs
from caffe_mnist.launch.curves import Curves
from caffe_mnist.launch.dataset import copy_dataset, databases, fingerprints, make_missing
from caffe_mnist.launch.described import described_net, described_solver
from caffe_mnist.launch.divergence import Divergence, is_finite, last_good
from caffe_mnist.launch.early import EarlySnapshots
from caffe_mnist.launch.ending import Ending, UnfinishedError
from caffe_mnist.launch.epochs import settle_epochs
from caffe_mnist.launch.final import companions, final_files, is_published, last_snapshot
from caffe_mnist.launch.member import run_member
from caffe_mnist.launch.metric import metric_of_job, parse_early_stop
from caffe_mnist.launch.place import Place
from caffe_mnist.launch.plan import Plan, say
from caffe_mnist.launch.preflight import preflight
from caffe_mnist.launch.process import (
    Follower,
    Interruption,
    StoppedError,
    StopRequests,
    signal_group,
    start_trainer,
)
from caffe_mnist.launch.reasons import trainer_failure
from caffe_mnist.launch.record import RunRecord, caffe_version
from caffe_mnist.launch.resume import Start, find_start, step_note
from caffe_mnist.launch.retention import Retention
from caffe_mnist.launch.settings import Settings
from caffe_mnist.launch.supervise import Supervisor
from caffe_mnist.launch.uploads import Uploads
from caffe_mnist.launch.view import check_view, start_view
from caffe_mnist.layouts.rewrite import write_tree
from caffe_mnist.schema.reading import reading
from caffe_mnist.storage.owner import OwnedError
from caffe_mnist.storage.pairs import Pair, pairs, write_marks
from caffe_mnist.storage.snapshots import FINAL
from caffe_mnist.storage.store import StoreError, open_store
from caffe_mnist.storage.urls import is_local, join, without_secret
from caffe_mnist.watch.bar import Bar
from caffe_mnist.watch.curves import draw
from caffe_mnist.watch.metrics import Metrics

# How much of a failed trainer's log is shown where the rest was hidden behind the bar.
SHOWN_LINES = 15
# The files of snapshots that were there before, for the uploader to leave alone.
EARLIER = ".earlier.json"
# Told once a second of what has been measured so far; True asks for a stop with a snapshot.
Listener = Callable[[Metrics], bool]


def run_job(plan: Plan, listener: Listener | None = None) -> int:
    """Run the whole job; returns 0, or raises what went wrong with its exit status.

    The record of the run is written in either case, and every complete snapshot is uploaded. A
    machine that is not the first of several only takes part.
    """
    with reading(plan.settings.define, plan.settings.lenient):
        if not plan.is_first:
            return run_member(plan, say)
        return _run_job(plan, listener)


def _run_job(plan: Plan, listener: Listener | None) -> int:
    record = RunRecord(plan.settings.public(), plan.trainer.description)
    if plan.settings.dashboard is not None:
        check_view()
    if plan.settings.preflight is not False:
        preflight(plan, say)
    _check_stores(plan.settings)
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
            with Place(plan.settings, say) as place:
                record.run = place.run
                _recorded_story(plan, record, requests, place, listener)
        except Interruption as stop:
            raise StoppedError(stop.number) from None
    say(f"done: {_summary(record)}")
    return 0


def _check_stores(settings: Settings) -> None:
    """Raise CaffeMnistError for a store that can never work, before anything is made."""
    for url in (settings.train_url, settings.data_url):
        if url and (url == settings.train_url or not is_local(url)):
            open_store(url)


def _recorded_story(
    plan: Plan,
    record: RunRecord,
    requests: StopRequests,
    place: Place,
    listener: Listener | None,
) -> None:
    ending = Ending(plan, place.run, say)
    try:
        try:
            _story(plan, record, requests, place, ending, listener)
        except Interruption as stop:
            raise StoppedError(stop.number) from None
    except OwnedError:  # neither the store nor, perhaps, the model folder is ours
        raise
    except CaffeMnistError as error:
        status = "stopped" if isinstance(error, StoppedError) else "failed"
        if isinstance(error, UnfinishedError):
            status = "unfinished"
        record.notes.append(str(error))
        record.end(status, error.status)
        _or_say(lambda: record.write(plan.model_folder / "run.json"))
        # A store that failed would not take the record either.
        if not isinstance(error, (StoreError, UnfinishedError)):
            _or_say(lambda: ending.leave(_record_files(plan)))
        raise


def _story(
    plan: Plan,
    record: RunRecord,
    requests: StopRequests,
    place: Place,
    ending: Ending,
    listener: Listener | None,
) -> None:
    settings = plan.settings
    say(f"training with {plan.trainer.description}")
    if not plan.trainer.embedded:
        record.trainer += f"; {caffe_version(plan.trainer.command[0])}"
    place.claim()
    goes_on = settings.snapshot != "none"
    ending.bring_earlier(begun_last(plan) if goes_on else None)
    start = find_start(plan)
    record.start = start.note
    say(f"starting {start.note}")
    if start.snapshot:
        lineage = go_on(plan, start, place.run)
    else:
        lineage = begin_anew(plan, place.run, place.above, say)
    if settings.data_url:
        with record.timed("copy"):
            copy_dataset(settings.data_url, plan.data_folder)
    solver = write_tree(plan.solver, plan.run_folder, plan.rules)
    wanted = databases([plan.run_folder / net.name for net in plan.nets])
    with record.timed("convert"):
        made = make_missing(wanted, plan.data_folder)
    if made:
        say(f"made {', '.join(path.name for path in made)}")
    record.solver = described_solver(solver)
    record.net = described_net(solver.parent / plan.nets[0].name) if plan.nets else {}
    with record.timed("checksums"):
        record.data = fingerprints(wanted)
    plan = settle_epochs(plan, say)
    metrics = Metrics()
    if settings.snapshot == "auto" and start.snapshot:
        metrics = Metrics.read(plan.model_folder / "metrics.csv", start.iteration)
    ending.begin(lineage, start.iteration if start.unsaved else None, not start.snapshot)
    over = f"iteration {start.iteration} is the last one already"
    if start.iteration < plan.max_iter:
        over = _ended_early(plan, start)
    if start.snapshot and over:
        say(f"{over}: nothing to train")
        record.measured(metrics)
        if ending.is_done and is_published(plan, last_snapshot(plan, ending.before, start)):
            say(f"the final model is in {join(settings.train_url or '', FINAL)} already")
            _retention(plan, ending).look()
            return
    else:
        job = _Job(plan, record, requests, place, ending, listener)
        job.train(solver, start, metrics)
    _finish(plan, record, ending, last_snapshot(plan, ending.before, start))
    if over:  # nobody kept the disk bounded meanwhile
        _retention(plan, ending).look()


def _retention(plan: Plan, ending: Ending) -> Retention:
    """For the end, when everything that is to be in the store is there."""
    settings, marks = plan.settings, (ending.before, ending.earlier)
    return Retention(plan.prefix, settings.keep_local, None, *marks, "", 0.0, say)


@dataclass
class _Job:
    """What takes part in a training."""

    plan: Plan
    record: RunRecord
    requests: StopRequests
    place: Place
    ending: Ending
    listener: Listener | None = None

    def train(self, solver: Path, start: Start, metrics: Metrics) -> None:
        """Until the trainer has ended and its snapshots are in the store."""
        plan, record, requests = self.plan, self.record, self.requests
        settings = plan.settings
        if start.snapshot and not plan.trainer.embedded:
            record.notes.append("real Caffe reads its database from the start after a resume")
            say(record.notes[-1])
        if note := step_note(plan, start):
            say(note)
        early = [n for n in plan.early if n > start.iteration]
        best = self._best(start)
        command = plan.trainer.arguments(
            str(solver),
            settings.gpus,
            start.weights,
            start.snapshot,
            settings.data_position,
            early,
            (*plan.engine_flags, *settings.reading_flags),
        )
        say("running " + " ".join(command))
        _or_say(lambda: record.write(plan.model_folder / "run.json"))
        uploads = Uploads(plan.model_folder / "uploads.jsonl") if settings.train_url else None
        goes_on = settings.snapshot == "auto" and bool(start.snapshot) and plan.log.is_file()
        log_start = plan.log.stat().st_size if goes_on else 0
        arguments = self._uploader(best) if settings.train_url else None
        self.ending.trains()
        requests.only_note = True
        with record.timed("train"):
            process = start_trainer(command, plan.log, goes_on, plan.trainer.embedded)
            follower, bar = Follower(plan.log, log_start), Bar(plan.max_iter, start.iteration)
            curves = self._curves(bar)
            curves.begin(metrics, start.iteration, goes_on)
            self._view(process, bar)
            if best is not None:
                best.listen(metrics, lambda: signal_group(process, signal.SIGHUP))
            tend = self._tend(uploads, start, bar, curves, metrics, best)
            supervisor = Supervisor(
                process,
                follower,
                metrics,
                bar,
                requests,
                settings.stop_timeout,
                arguments,
                lambda: _or_say(lambda: metrics.write(plan.model_folder / "metrics.csv")),
                plan.model_folder / "uploader.log" if bar.on_terminal or self.listener else None,
                None if plan.trainer.embedded else _early(early, start, process),
                tend,
                lambda: self.place.lost,
                settings.drain_timeout,
                lambda: None if best is None else best.hurry(),
                partial(_enough, plan, best),
                Divergence(start.iteration) if settings.stop_on_nan else None,
            )
            code = supervisor.watch()
            follower.close()
            if code != 0 and bar.on_terminal:
                bar.say("".join(supervisor.last_lines[-SHOWN_LINES:]).rstrip("\n"))
            bar.close(code == 0 and supervisor.finished)
        record.measured(metrics)
        if best is not None:
            _or_say(best.end)
            self._note_best(best)
        self.ending.drain()
        with record.timed("drain"):
            drained = supervisor.drain()
        tend()
        curves.end(supervisor.was_lost)
        self.ending.drained(drained, uploads.safe if uploads else set())
        requests.only_note = False
        _or_say(lambda: draw(metrics, plan.model_folder / "curves.png", plan.prefix.name))
        self._look_at_the_end(code, supervisor)

    def _look_at_the_end(self, code: int, supervisor: Supervisor) -> None:
        """Raise what ended the training, if it did not come to its own end."""
        if supervisor.was_lost:
            raise self.place.lost or OwnedError("another job has taken over")
        if supervisor.divergence is not None and supervisor.divergence.found:
            raise _diverged(self.plan, supervisor.divergence, self.ending)
        if self.requests.seen:
            raise StoppedError(self.requests.seen[0])
        if code == 0 and supervisor.early_end:
            return
        if code != 0:
            raise trainer_failure(code, supervisor.last_lines, self.plan.log)
        if not supervisor.finished:
            raise StoppedError(signal.SIGINT)

    def _best(self, start: Start) -> Best | None:
        """Whoever looks for the best model, if a metric says what that is."""
        plan, settings = self.plan, self.plan.settings
        if not (settings.best or settings.early_stop):
            return None
        metric = metric_of_job(settings, test_outputs(str(plan.run_solver)))
        if metric is None:
            return None
        goes_on = settings.snapshot == "auto" and bool(start.snapshot)
        record = earlier_best(plan.model_folder, settings.train_url) if goes_on else None
        if not goes_on:
            (plan.model_folder / BEST_FILE).unlink(missing_ok=True)
        return Best(metric, plan.prefix, record, self.ending.earlier, lambda: companions(plan))

    def _note_best(self, best: Best) -> None:
        found = best.record
        if found is None:
            what = f"no test gave a value of {best.metric.name}, so there is no best model"
        else:
            what = f"the best {found.metric} is {found.value:g}, of iteration {found.iteration}"
            self.record.best_model = {"metric": found.metric, "value": found.value,
                                "iteration": found.iteration}  # fmt: skip
        say(what)
        self.record.notes.append(what)

    def _curves(self, bar: Bar) -> Curves:
        plan, settings = self.plan, self.plan.settings
        url, shown = settings.train_url or "", lambda text: bar.say(f"train: {text}")
        return Curves(
            plan.model_folder, plan.prefix, url, settings.histograms, shown, self.place.check
        )

    def _view(self, process: subprocess.Popen[bytes], bar: Bar) -> None:
        """The live view, if it was asked for."""
        plan, port = self.plan, self.plan.settings.dashboard
        if port is not None:
            url = without_secret(plan.settings.train_url or "")
            start_view(
                plan.model_folder, port, process.pid, plan.max_iter, url,
                lambda text: bar.say(f"train: {text}"),
            )  # fmt: skip

    def _tend(
        self,
        uploads: Uploads | None,
        start: Start,
        bar: Bar,
        curves: Curves,
        metrics: Metrics,
        best: Best | None,
    ) -> Callable[[], None]:
        """What is done once a second: curves, and a local disk that stays bounded."""
        settings = self.plan.settings
        retention = Retention(
            self.plan.prefix,
            settings.keep_local,
            uploads,
            self.ending.before,
            self.ending.earlier,
            start.snapshot,
            settings.upload_every,
            lambda text: bar.say(f"train: {text}"),
            best=lambda: best.record.snapshot if best is not None and best.record else None,
        )

        def tend() -> None:
            if uploads is not None:
                uploads.read()
            curves.tend(len(uploads.safe) if uploads is not None else 0)
            if best is not None and best.look() and best.record is not None:
                found = best.record
                bar.say(f"train: {found.metric} {found.value:g} at iteration {found.iteration} "
                        "is the best so far")  # fmt: skip
            retention.look()
            if self.listener is not None and self.listener(metrics):
                self.requests.seen.append(signal.SIGINT)

        return tend

    def _uploader(self, best: Best | None) -> list[str]:
        settings, folder = self.plan.settings, self.plan.model_folder
        write_marks(folder / EARLIER, self.ending.earlier)
        return [
            f"--prefix={self.plan.prefix}",
            f"--to={settings.train_url}",
            f"--every={settings.upload_every}",
            f"--keep={settings.keep}",
            f"--earlier={folder / EARLIER}",
            f"--report={folder / 'uploads.jsonl'}",
            f"--owner={self.place.run}",
            f"--training={self.ending.lineage}",
            f"--above={self.place.above}",
            f"--launcher={os.getpid()}",
            *([f"--best={best.path}"] if best is not None else []),
        ]


def _early(
    early: list[int], start: Start, process: subprocess.Popen[bytes]
) -> EarlySnapshots | None:
    if not early:
        return None
    return EarlySnapshots(early, start.iteration, lambda: signal_group(process, signal.SIGHUP))


def _ended_early(plan: Plan, start: Start) -> str:
    """Why a job that is gone on with had ended early already; nothing if it had not."""
    settings = plan.settings
    if not settings.early_stop or settings.snapshot != "auto" or not start.snapshot:
        return ""
    found = earlier_best(plan.model_folder, settings.train_url)
    metric, patience = parse_early_stop(settings.early_stop)
    if found is None or not metric.is_of(found.metric) or found.since < patience:
        return ""
    return (
        f"the job ended early at iteration {start.iteration}, {found.since} tests after its best "
        f"{found.metric}"
    )


def _enough(plan: Plan, best: Best | None) -> str:
    """Why the training may end early, in words; nothing while it may not."""
    if best is None or not plan.settings.early_stop or best.latest is None:
        return ""
    patience, found = parse_early_stop(plan.settings.early_stop)[1], best.latest
    if found.since < patience:
        return ""
    return (
        f"{found.metric} has not been better than {found.value:g} (iteration {found.iteration}) "
        f"in {found.since} tests"
    )


def _diverged(plan: Plan, divergence: Divergence, ending: Ending) -> JobError:
    """The end of a training that came to nothing, and the snapshot to go on from."""
    until = divergence.iteration
    good = last_good(pairs(plan.prefix, earlier=ending.before), until)
    good = good or last_good(pairs(plan.prefix), until)
    last = f"the last good snapshot is {good.state}" if good else "there is no good snapshot"
    return JobError(
        f"{divergence.found}: ended (--stop-on-nan); {last}",
        where=plan.log,
        hint="a smaller base_lr, or clip_gradients; scaled data; --no-stop-on-nan goes on",
    )


def _finish(plan: Plan, record: RunRecord, ending: Ending, snapshot: Pair) -> None:
    if plan.settings.stop_on_nan and not is_finite(snapshot.weights):
        found = Divergence(snapshot.iteration)
        found.found = f"the weights of iteration {snapshot.iteration} are no numbers"
        raise _diverged(plan, found, ending)
    record.end("succeeded", 0)
    record.write(plan.model_folder / "run.json")
    if not plan.settings.train_url:
        say(f"no --train-url: the model stays in {plan.model_folder}")
        return
    ending.publish(snapshot, final_files(plan, snapshot, say))


def _record_files(plan: Plan) -> list[Path]:
    names = ("run.json", "metrics.csv")
    return [*(plan.model_folder / name for name in names), plan.log]


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
