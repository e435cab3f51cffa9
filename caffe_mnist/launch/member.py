"""A machine of a job that is not its first: it prepares the data, trains along, and ends.

The first machine has the job's place in the store, the log, the snapshots and their uploader; its
weights and histories come over the network, so that nothing of the store's is needed here but
the dataset. One that comes back when all is done (a pod that was lost in the end) finds that in
the store: the first machine keeps no meeting any more.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.launch.dataset import copy_dataset, databases, make_missing
from caffe_mnist.launch.epochs import settle_epochs
from caffe_mnist.launch.plan import Plan
from caffe_mnist.launch.process import (
    Follower,
    Interruption,
    StoppedError,
    StopRequests,
    start_trainer,
)
from caffe_mnist.launch.reasons import trainer_failure
from caffe_mnist.launch.supervise import Supervisor
from caffe_mnist.layouts.rewrite import write_tree
from caffe_mnist.storage.survey import survey
from caffe_mnist.watch.bar import Bar
from caffe_mnist.watch.metrics import Metrics


def run_member(plan: Plan, say: Callable[[str], None]) -> int:
    """Take part until the training ends; returns 0, or raises what went wrong."""
    plan.model_folder.mkdir(parents=True, exist_ok=True)
    with StopRequests() as requests:
        try:
            _take_part(plan, requests, say)
        except Interruption as stop:
            raise StoppedError(stop.number) from None
    say("done: the model is on the first machine")
    return 0


def _take_part(plan: Plan, requests: StopRequests, say: Callable[[str], None]) -> None:
    settings, machines = plan.settings, plan.machines
    assert machines is not None
    say(f"taking part in the job that meets at {machines.endpoint}")
    if settings.data_url:
        copy_dataset(settings.data_url, plan.data_folder)
    solver = write_tree(plan.solver, plan.run_folder, plan.rules)
    make_missing(databases([plan.run_folder / net.name for net in plan.nets]), plan.data_folder)
    plan = settle_epochs(plan, say)
    if settings.snapshot == "auto" and _is_over(plan):
        say("the training is in the store up to its end: nothing to train")
        return
    command = plan.trainer.arguments(
        str(solver), settings.gpus, "", "", settings.data_position, (), plan.engine_flags
    )
    say("running " + " ".join(command))
    requests.only_note = True
    # The folder may be one that all machines share; the log in it is the first machine's.
    log = plan.model_folder / f"taking-part-{os.uname().nodename}-{os.getpid()}.log"
    process = start_trainer(command, log)
    follower, bar = Follower(log), Bar(plan.max_iter, 0)
    supervisor = Supervisor(
        process, follower, Metrics(), bar, requests, settings.stop_timeout, None, lambda: None
    )
    code = supervisor.watch()
    follower.close()
    bar.close(code == 0 and supervisor.finished)
    if requests.seen:
        raise StoppedError(requests.seen[0])
    if code != 0:
        raise trainer_failure(code, supervisor.last_lines, log)
    if not supervisor.finished:
        raise StoppedError(signal.SIGINT)


def _is_over(plan: Plan) -> bool:
    """Whether a job that goes on would have nothing to train, as far as the store tells."""
    settings = plan.settings
    if not settings.train_url:
        return False
    try:
        found = survey(settings.train_url).current
    except CaffeMnistError:  # it is the first machine that needs the store
        return False
    ended = settings.early_stop is not None and any(one.number is None for one in found)
    return ended or any(one.manifest.iteration >= plan.max_iter for one in found)
