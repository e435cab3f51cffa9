"""Where a training begins: --snapshot auto, none or a file, and --weights."""

from __future__ import annotations

import csv
import os
import shutil
import time
from pathlib import Path

import pytest

from caffe_mnist.storage.manifest import MANIFEST
from caffe_mnist.storage.snapshots import publish
from tests.fixtures import fake_caffe
from tests.fixtures.jobs import Job, until


def flags(job: Job) -> list[str]:
    """The last call's flags after the solver's."""
    return job.calls()[-1][3:]


def state(job: Job, iteration: int, folder: str = "model") -> str:
    """The path of a solver state."""
    return str(job.folder / folder / f"mnist_lenet_iter_{iteration}.solverstate")


@pytest.fixture
def failed(job: Job) -> Job:
    """A job that failed after iteration 20: snapshots of 10 and 20, local and in the store."""
    job.model.mkdir()
    old = time.time() - 60
    for number, iteration in enumerate((10, 20), start=1):
        fake_caffe.snapshot(f"{job.model}/mnist_lenet", iteration)
        files = sorted(job.model.glob(f"*_iter_{iteration}.*"))
        publish(str(job.store / str(number)), files, iteration)
        for path in files:
            os.utime(path, (old, old))
    return job


def test_auto_takes_the_newest_here(failed: Job) -> None:
    """What is local needs no download."""
    done = failed.run("--snapshot=auto")
    assert done.status == 0
    assert flags(failed) == ["-snapshot", state(failed, 20)]
    assert failed.record()["start"] == f"from iteration 20 in {state(failed, 20)}"


def test_none_begins_anew(failed: Job) -> None:
    """The default: old snapshots stay in the store, beside this run's, the same ones or others."""
    done = failed.run("--set=max_iter=15")
    assert done.status == 0
    assert flags(failed) == []
    assert failed.snapshots() == {"1": 10, "2": 20, "3": 10, "4": 15, "final": 15}


def test_auto_takes_the_newest_of_the_store(failed: Job) -> None:
    """On a machine that has older snapshots, or none."""
    for path in failed.model.glob("*_iter_20.*"):
        path.unlink()
    assert failed.run("--snapshot=auto").status == 0
    assert flags(failed) == ["-snapshot", state(failed, 20)]
    # What came from the store does not go back there.
    assert failed.snapshots() == {"1": 10, "2": 20, "3": 30, "final": 30}


def test_auto_begins_where_there_is_nothing(job: Job) -> None:
    """The first run of a job that is always started with --snapshot auto."""
    done = job.run("--snapshot=auto")
    assert done.status == 0
    assert "starting from the start (there is no complete snapshot)" in done.stderr
    assert flags(job) == []


@pytest.mark.parametrize("damage", ["half state", "half weights", "no weights", "junk"])
def test_auto_passes_over_what_is_half_here(failed: Job, damage: str) -> None:
    """A trainer that was killed while it wrote."""
    shutil.rmtree(failed.store)
    path, weights = Path(state(failed, 20)), Path(state(failed, 20)).with_suffix(".caffemodel")
    if damage == "half state":
        os.truncate(path, path.stat().st_size - 9)
    elif damage == "half weights":
        os.truncate(weights, 30)
    elif damage == "no weights":
        weights.unlink()
    else:
        path.write_bytes(b"\xff" * 100)
    assert failed.run("--snapshot=auto").status == 0
    assert flags(failed) == ["-snapshot", state(failed, 10)]


@pytest.mark.parametrize(
    "damage", ["no manifest", "newer", "junk", "a file is gone", "a byte is wrong"]
)
def test_auto_passes_over_what_is_damaged_in_the_store(failed: Job, damage: str) -> None:
    """Without its manifest a snapshot does not exist; what it promises is checked."""
    shutil.rmtree(failed.model)
    folder = failed.store / "2"
    weights = folder / "mnist_lenet_iter_20.caffemodel"
    if damage == "no manifest":
        (folder / MANIFEST).unlink()
    elif damage == "newer":
        text = (folder / MANIFEST).read_text()
        (folder / MANIFEST).write_text(text.replace('"version": 1', '"version": 2'))
    elif damage == "junk":
        (folder / MANIFEST).write_text("{")
    elif damage == "a file is gone":
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    done = failed.run("--snapshot=auto")
    assert done.status == 0
    assert flags(failed) == ["-snapshot", state(failed, 10)]
    assert (damage == "a byte is wrong") == ("passed over" in done.stderr)


def test_a_named_snapshot(failed: Job) -> None:
    """Not the newest but the one that is asked for; later ones of another run are not `final`."""
    assert failed.run("--set=max_iter=12", f"--snapshot={state(failed, 10)}").status == 0
    assert flags(failed) == ["-snapshot", state(failed, 10)]
    assert failed.snapshots()["final"] == 12


def test_a_named_snapshot_that_was_moved(failed: Job) -> None:
    """Its weights are found beside it, though it names the place they had."""
    moved = failed.folder / "moved"
    moved.mkdir()
    for path in failed.model.glob("*_iter_10.*"):
        path.rename(moved / path.name)
    before = Path(state(failed, 10, "moved")).read_bytes()
    assert failed.run(f"--snapshot={state(failed, 10, 'moved')}").status == 0
    assert flags(failed) == ["-snapshot", state(failed, 10, "model/start")]
    assert Path(state(failed, 10, "moved")).read_bytes() == before


def test_a_named_snapshot_in_a_store(failed: Job) -> None:
    """A URL is brought here, with its weights."""
    shutil.rmtree(failed.model)
    url = f"file://{failed.store}/1/mnist_lenet_iter_10.solverstate"
    assert failed.run(f"--snapshot={url}").status == 0
    assert flags(failed) == ["-snapshot", state(failed, 10, "model/start")]


def test_weights_to_start_from(failed: Job) -> None:
    """Files and URLs; several with commas."""
    local = Path(state(failed, 10)).with_suffix(".caffemodel")
    url = f"file://{failed.store}/2/mnist_lenet_iter_20.caffemodel"
    assert failed.run(f"--weights={local}").status == 0
    assert flags(failed) == ["-weights", str(local)]
    assert failed.run(f"--weights={local},{url}").status == 0
    fetched = failed.model / "start" / "mnist_lenet_iter_20.caffemodel"
    assert flags(failed) == ["-weights", f"{local},{fetched}"]


def test_weights_until_there_is_a_snapshot(job: Job) -> None:
    """--weights with --snapshot auto: the second start goes on and does not begin again."""
    weights = job.folder / "start.caffemodel"
    weights.write_bytes(b"\x0a" + fake_caffe.text(b"net"))
    both = (f"--weights={weights}", "--snapshot=auto")
    assert job.run(*both, FAKE_FAIL_AT="25").status == 1
    assert flags(job) == ["-weights", str(weights)]
    assert job.run(*both).status == 0
    assert flags(job) == ["-snapshot", state(job, 20)]


def test_log_and_metrics_go_on(job: Job) -> None:
    """A resumed job has the whole story in its final folder."""
    assert job.run(FAKE_FAIL_AT="25").status == 1
    assert job.run("--snapshot=auto").status == 0
    with (job.store / "final" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["iteration"]) for row in rows] == [0, 5, 10, 15, 20, 25, 30]
    seconds = [float(row["seconds"]) for row in rows]
    assert seconds == sorted(seconds)
    log = (job.store / "final" / "train.log").read_text()
    assert log.index("Iteration 0 (") < log.index("Check failed") < log.index("Iteration 30,")


def test_nothing_is_left_to_train(failed: Job) -> None:
    """A job that is started again after its end does nothing, and says so."""
    assert failed.run("--snapshot=auto").status == 0
    before = {path: path.stat().st_mtime_ns for path in failed.store.rglob("*")}
    calls = len(failed.calls())
    done = failed.run("--snapshot=auto")
    assert done.status == 0
    assert "iteration 30 is the last one already: nothing to train" in done.stderr
    assert f"the final model is in {failed.store}/final already" in done.stderr
    assert len(failed.calls()) == calls
    assert {path: path.stat().st_mtime_ns for path in failed.store.rglob("*")} == before


def test_only_the_final_copy_was_missing(failed: Job) -> None:
    """Killed between the last snapshot and `final`: the next start makes it, with the results."""
    assert failed.run("--snapshot=auto").status == 0
    (failed.store / "final" / MANIFEST).unlink()
    assert failed.run("--snapshot=auto").status == 0
    assert failed.snapshots() == {"1": 10, "2": 20, "3": 30, "final": 30}
    assert failed.record()["results"]["test0_accuracy"] == 0.99


@pytest.mark.events
def test_old_files_are_not_taken_for_new_ones(failed: Job) -> None:
    """A store of another job gets nothing of an earlier run in the same folder."""
    other = failed.folder / "other"
    assert failed.run("--set=snapshot=0", f"--train-url={other}").status == 0
    until(lambda: (other / "final" / MANIFEST).exists())
    assert sorted(path.name for path in other.iterdir() if path.is_dir()) == [
        "1",
        "events",
        "final",
    ]
