"""The training of a job: the trainer, watched, and what goes on beside it until both are done."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError, JobError
from caffe_mnist.launch.best import BEST_FILE, Best, earlier_best
from caffe_mnist.launch.check import test_outputs
from caffe_mnist.launch.curves import Curves
from caffe_mnist.launch.divergence import Divergence, last_good
from caffe_mnist.launch.early import EarlySnapshots
from caffe_mnist.launch.ending import Ending
from caffe_mnist.launch.final import companions
from caffe_mnist.launch.metric import metric_of_job, parse_early_stop
from caffe_mnist.launch.place import Place
from caffe_mnist.launch.plan import Plan, say
from caffe_mnist.launch.process import (
    Follower,
    StoppedError,
    StopRequests,
    signal_group,
    start_trainer,
)
from caffe_mnist.launch.reasons import trainer_failure
from caffe_mnist.launch.record import RunRecord
from caffe_mnist.launch.resume import Start, step_note
from caffe_mnist.launch.retention import Retention
from caffe_mnist.launch.supervise import Supervisor
from caffe_mnist.launch.uploads import Uploads
from caffe_mnist.launch.view import start_view
from caffe_mnist.storage.owner import OwnedError
from caffe_mnist.storage.pairs import pairs, write_marks
from caffe_mnist.storage.urls import without_secret
from caffe_mnist.watch.bar import Bar
from caffe_mnist.watch.curves import draw
from caffe_mnist.watch.metrics import Metrics

# How much of a failed trainer's log is shown where the rest was hidden behind the bar.
SHOWN_LINES = 15
# The files of snapshots that were there before, for the uploader to leave alone.
EARLIER = ".earlier.json"
# Told once a second of what has been measured so far; True asks for a stop with a snapshot.
Listener = Callable[[Metrics], bool]


@dataclass
class Training:
    """The trainer, and what goes on beside it: uploader, curves, live view, best model."""

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
        or_say(lambda: record.write(plan.model_folder / "run.json"))
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
                lambda: or_say(lambda: metrics.write(plan.model_folder / "metrics.csv")),
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
            or_say(best.end)
            self._note_best(best)
        self.ending.drain()
        with record.timed("drain"):
            drained = supervisor.drain()
        tend()
        curves.end(supervisor.was_lost)
        self.ending.drained(drained, uploads.safe if uploads else set())
        requests.only_note = False
        or_say(lambda: draw(metrics, plan.model_folder / "curves.png", plan.prefix.name))
        self._look_at_the_end(code, supervisor)

    def _look_at_the_end(self, code: int, supervisor: Supervisor) -> None:
        """Raise what ended the training, if it did not come to its own end."""
        if supervisor.was_lost:
            raise self.place.lost or OwnedError("another job has taken over")
        if supervisor.divergence is not None and supervisor.divergence.found:
            raise diverged(self.plan, supervisor.divergence, self.ending)
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


def diverged(plan: Plan, divergence: Divergence, ending: Ending) -> JobError:
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


def or_say(action: Callable[[], object]) -> None:
    """Do what a job can do without (on a full disk, say); its failure is only said."""
    try:
        action()
    except CaffeMnistError as error:
        say(str(error))
