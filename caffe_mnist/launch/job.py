"""The story of one training job, from the dataset in a store to the final model there.

    copy the dataset → make missing databases → rewrite the prototxts → find where to start →
    train, with the uploader beside it → let the uploader finish → publish `final`

Before all that the job claims its place in the store, and in the end it gives it up.

`run.json`, `metrics.csv` and the log lie in the model folder all the while.
"""

from __future__ import annotations

from pathlib import Path

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.launch.anew import begin_anew, begun_last, go_on
from caffe_mnist.launch.best import earlier_best
from caffe_mnist.launch.dataset import copy_dataset, databases, fingerprints, make_missing
from caffe_mnist.launch.described import described_net, described_solver
from caffe_mnist.launch.divergence import Divergence, is_finite
from caffe_mnist.launch.ending import Ending, UnfinishedError
from caffe_mnist.launch.epochs import settle_epochs
from caffe_mnist.launch.final import final_files, is_published, last_snapshot
from caffe_mnist.launch.member import run_member
from caffe_mnist.launch.metric import parse_early_stop
from caffe_mnist.launch.place import Place
from caffe_mnist.launch.plan import Plan, say
from caffe_mnist.launch.preflight import preflight
from caffe_mnist.launch.process import Interruption, StoppedError, StopRequests
from caffe_mnist.launch.record import RunRecord, caffe_version
from caffe_mnist.launch.resume import Start, find_start
from caffe_mnist.launch.retention import Retention
from caffe_mnist.launch.settings import Settings
from caffe_mnist.launch.training import Listener, Training, diverged, or_say
from caffe_mnist.launch.view import check_view
from caffe_mnist.layouts.rewrite import write_tree
from caffe_mnist.schema.reading import reading
from caffe_mnist.storage.owner import OwnedError
from caffe_mnist.storage.pairs import Pair
from caffe_mnist.storage.store import StoreError, open_store
from caffe_mnist.storage.survey import FINAL
from caffe_mnist.storage.urls import is_local, join
from caffe_mnist.watch.metrics import Metrics


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
        or_say(lambda: record.write(plan.model_folder / "run.json"))
        # A store that failed would not take the record either.
        if not isinstance(error, (StoreError, UnfinishedError)):
            or_say(lambda: ending.leave(_record_files(plan)))
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
        job = Training(plan, record, requests, place, ending, listener)
        job.train(solver, start, metrics)
    _finish(plan, record, ending, last_snapshot(plan, ending.before, start))
    if over:  # nobody kept the disk bounded meanwhile
        _retention(plan, ending).look()


def _retention(plan: Plan, ending: Ending) -> Retention:
    """For the end, when everything that is to be in the store is there."""
    settings, marks = plan.settings, (ending.before, ending.earlier)
    return Retention(plan.prefix, settings.keep_local, None, *marks, "", 0.0, say)


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


def _finish(plan: Plan, record: RunRecord, ending: Ending, snapshot: Pair) -> None:
    if plan.settings.stop_on_nan and not is_finite(snapshot.weights):
        found = Divergence(snapshot.iteration)
        found.found = f"the weights of iteration {snapshot.iteration} are no numbers"
        raise diverged(plan, found, ending)
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
