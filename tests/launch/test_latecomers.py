"""What an earlier training brings to its place after another has begun there is not the other's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.begun import BEGUN, Begun
from caffe_mnist.storage.best import BestModel, read_best
from caffe_mnist.storage.manifest import MANIFEST, Manifest
from caffe_mnist.storage.newest import read_pointer
from caffe_mnist.storage.snapshots import publish
from caffe_mnist.storage.survey import newest, published
from caffe_mnist.storage.unfinished import UNFINISHED, Final, Unfinished, finish
from caffe_mnist.storage.uploads import Settings, Uploader
from tests.fixtures import fake_caffe
from tests.fixtures.jobs import Job
from tests.launch.test_resume import flags, state

OLD, NEW = "20260131-110000-aaaaaa", "20260131-120000-bbbbbb"


def pair(folder: Path, iteration: int) -> list[Path]:
    """The files of a snapshot that is written to `folder`."""
    folder.mkdir(exist_ok=True)
    fake_caffe.snapshot(f"{folder}/net", iteration)
    return sorted(folder.glob(f"net_iter_{iteration}.*"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A place where OLD came to 10 and left 20, 30 and its final model on the disk `old`, and NEW
    began anew then and came to 10."""
    store, old = tmp_path / "store", tmp_path / "old"
    for iteration in (10, 20, 30):
        files = pair(old, iteration)
        if iteration == 10:
            publish(str(store / "1"), files, 10, training=OLD)
    final = Final(30, tuple(path.name for path in files))
    Unfinished("run", str(store), "net", 0, (20, 30), final, training=OLD).write(old)
    (store / BEGUN).write_bytes(Begun(1, None, NEW).to_json())
    publish(str(store / "2"), pair(tmp_path / "new", 10), 10, training=NEW)
    return store


def trainings(store: Path) -> dict[str, tuple[int, str]]:
    """Folder → iteration and training of what is complete."""
    return {
        one.folder: (one.manifest.iteration, one.manifest.training) for one in published(str(store))
    }


def test_finished_later(place: Path) -> None:
    """It is all there by its name, and nobody goes on from it; nothing is there twice."""
    said: list[str] = []
    assert finish(place.parent / "old", str(place), said.append)
    assert said == [
        f"{place} is the place of a training that began later ({NEW}): what comes now is of the "
        "earlier one, and --resume does not go on from it",
        f"the final model is in {place}/final",
    ]
    all_of_it = {
        "1": (10, OLD), "2": (10, NEW), "3": (20, OLD), "4": (30, OLD), "final": (30, OLD)
    }  # fmt: skip
    assert trainings(place) == all_of_it
    last, pointed = newest(str(place)), read_pointer(str(place))
    assert last is not None
    assert (last.folder, last) == ("2", pointed)
    Unfinished("run", str(place), "net", 0, (20, 30), training=OLD).write(place.parent / "old")
    assert finish(place.parent / "old", str(place))
    assert trainings(place) == all_of_it


def test_the_later_final_model_stays(place: Path) -> None:
    """One line says whose it is; the numbered ones have gone up, the rest stays to be done."""
    publish(str(place / "final"), pair(place.parent / "new", 40), 40, training=NEW)
    old = place.parent / "old"
    with pytest.raises(CaffeMnistError, match=f"began later \\({NEW}\\).* of iteration 30 is not"):
        finish(old, str(place))
    found = trainings(place)
    assert (found["4"], found["final"]) == ((30, OLD), (40, NEW))
    assert json.loads((old / UNFINISHED).read_text())["snapshots"] == []
    assert finish(old, str(place.parent / "elsewhere"))
    assert trainings(place.parent / "elsewhere") == {"final": (30, OLD)}


def test_keep_is_for_the_later_ones(place: Path) -> None:
    """Late comers take nobody's room, whatever their numbers; they go first."""
    new = place.parent / "new"
    finish(place.parent / "old", str(place))
    publish(str(place / "5"), pair(new, 20), 20, training=NEW)
    left = Unfinished("run", str(place), "net", 2, (10,), training=OLD)
    left.write(place.parent / "old")
    finish(place.parent / "old", str(place))
    assert trainings(place) == {"2": (10, NEW), "5": (20, NEW), "final": (30, OLD)}
    left.write(place.parent / "old")
    said = Uploader(Settings(f"{place.parent}/old/net", str(place), keep=2, training=OLD))
    assert said.look(final=True)  # there is no room for any of them
    assert trainings(place) == {"2": (10, NEW), "5": (20, NEW), "final": (30, OLD)}


def test_the_best_of_an_earlier_one(place: Path) -> None:
    """It is no value to be better than."""
    model = place.parent / "old"
    (model / "best.json").write_text('{"metric": "test0_loss", "value": 1, "snapshot": 30}')
    for training, seen in ((OLD, False), (NEW, True)):
        best = BestModel(model / "best.json", f"{model}/net", str(place), training)
        due = best.due()
        assert due is not None
        assert best.bring(*due)
        assert (read_best(str(place)) is not None) is seen


def test_names_decide_where_there_are_two() -> None:
    """Else the numbers, as where an older release began or uploaded."""
    begun = Begun(7, (30, "then"), NEW)
    assert begun.is_earlier(9, 10, "", OLD)
    assert not begun.is_earlier(3, 10, "", NEW)
    assert not begun.is_earlier(None, 30, "then", NEW)
    assert begun.is_earlier(None, 40, "", OLD)
    for one in (begun, Begun(7, (30, "then"))):
        assert [one.is_earlier(number, 10, "", "") for number in (7, 8)] == [True, False]
        assert one.is_earlier(None, 30, "then", "")
    assert [Begun(7).is_earlier(number, 10, "", OLD) for number in (7, 8)] == [True, False]


def test_a_manifest_that_names_its_training() -> None:
    """It is read as it was written; without a name it is what older releases write."""
    for training in ("", OLD):
        manifest = Manifest(5, "then", (), training)
        assert Manifest.from_json(manifest.to_json(), "") == manifest
        assert (b"training" in manifest.to_json()) is bool(training)
    with pytest.raises(CaffeMnistError, match="no name of a training"):
        Manifest.from_json(b'{"iteration": 5, "created": "", "files": [], "training": 7}', "")
    with pytest.raises(CaffeMnistError, match="no name of a training"):
        Begun.from_json(b'{"version": 1, "above": 1, "training": ["x"]}', "")


def test_jobs_on_one_disk_and_on_two(job: Job) -> None:
    """The disk of the earlier training comes back; what it left goes up first, by its name."""
    assert job.run(FAKE_FAIL_AT="25").status == 1
    (name,) = {one.manifest.training for one in published(str(job.store))}
    assert json.loads((job.store / BEGUN).read_text())["training"] == name
    shutil.rmtree(job.store / "2")
    old = job.folder / "old"
    shutil.copytree(job.model, old)
    Unfinished(name, str(job.store), "mnist_lenet", 0, (20,), training=name).write(job.model)
    assert job.run(FAKE_FAIL_AT="15").status == 1  # anew, on the same disk
    found = trainings(job.store)
    (other,) = {training for _, training in found.values()} - {name}
    assert found == {"1": (10, name), "2": (20, name), "3": (10, other)}
    shutil.rmtree(job.model)
    old.rename(job.model)
    again = job.run("--resume")
    assert again.status == 0
    assert f"is of another training ({name}) than" in again.stderr
    assert job.record()["start"] == f"from iteration 10 in {job.store}/3"
    assert flags(job) == ["-snapshot", state(job, 10)]
    later = {folder: of for folder, (_, of) in trainings(job.store).items() if folder not in "12"}
    assert set(later.values()) == {other}
    assert later.keys() >= {"3", "4", "5", "final"}


def test_a_place_of_an_older_release(job: Job) -> None:
    """Without names all is as it was; whoever goes on there gives the training one."""
    assert job.run(FAKE_FAIL_AT="25").status == 1
    for path in job.store.glob(f"*/{MANIFEST}"):
        fields = json.loads(path.read_text())
        del fields["training"]
        path.write_text(json.dumps(fields))
    (job.store / BEGUN).unlink()
    (job.model / ".begun.json").write_text("[[1, 2, 3]]\n")
    assert job.run("--resume").status == 0
    assert flags(job) == ["-snapshot", state(job, 20)]
    found, run = trainings(job.store), job.record()["run"]
    assert found == {"1": (10, ""), "2": (20, ""), "3": (30, run), "final": (30, run)}
    assert Begun.from_json((job.store / BEGUN).read_bytes(), "") == Begun(0, None, run)
    last = newest(str(job.store))
    assert last is not None
    assert last.manifest.iteration == 30
