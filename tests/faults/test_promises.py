"""The check itself: planted damage is found, each kind of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from obstore.store import LocalStore

from caffe_mnist.storage.manifest import MANIFEST
from caffe_mnist.storage.snapshots import publish, remove
from caffe_mnist.storage.uploader import Settings, Uploader
from tests.faults.promises import Found, check_promises
from tests.fixtures import fake_caffe


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with three snapshots and a final model, as the uploader and a job leave it."""
    model, store = tmp_path / "model", tmp_path / "store"
    model.mkdir()
    for iteration in (10, 20, 30):
        fake_caffe.snapshot(f"{model}/net", iteration)
    uploader = Uploader(Settings(f"{model}/net", str(store), every=0))
    assert uploader.look(final=True)
    publish(f"{store}/final", sorted(model.glob("*_30.*")), 30)
    return store


def objects(root: Path) -> Any:
    """The library's store."""
    return LocalStore(root)


def test_what_is_right_is_found_right(root: Path, tmp_path: Path) -> None:
    """All that a job leaves, twice over; `--keep` may let the oldest go."""
    found = check_promises(
        objects(root), at_least=4, status=0, last=30, model=tmp_path / "model", keep_local=3
    )
    assert (sorted(found.complete), found.newest) == (["1", "2", "3", "final"], 30)
    assert check_promises(objects(root), found, started=30, local=30) == found
    remove(str(root), "1")
    check_promises(objects(root), found, keep=2)


def flip(path: Path, place: int = 20) -> None:
    """One bit."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


def change(path: Path, **fields: Any) -> None:
    """Other values in a file of JSON."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def copy(root: Path, folder: str, to: str) -> None:
    """A snapshot once more."""
    (root / to).mkdir()
    for path in (root / folder).iterdir():
        (root / to / path.name).write_bytes(path.read_bytes())


def other(root: Path) -> None:
    """Another snapshot in the place of 3, complete in itself."""
    fake_caffe.snapshot(f"{root.parent}/model/other", 30)
    publish(f"{root}/3", sorted((root.parent / "model").glob("other*")), 30)


WEIGHTS, STATE = "net_iter_20.caffemodel", "net_iter_20.solverstate"
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a bit": (lambda root: flip(root / "2" / WEIGHTS), "is not what its manifest says"),
    "a file": (lambda root: (root / "2" / STATE).unlink(), "which is not there"),
    "a cut": (lambda root: (root / "2" / STATE).write_bytes(b"\x08\x14"), "is not what its"),
    "a manifest": (lambda root: (root / "2" / MANIFEST).unlink(), "2 is gone"),
    "the newest": (lambda root: remove(str(root), "3"), "newest.json names 3"),
    "other bytes": (other, "3 has changed"),
    "final": (lambda root: (root / "final" / MANIFEST).unlink(), "final is gone|without a comp"),
    "twice": (lambda root: copy(root, "2", "4"), "are the same snapshot"),
    "iteration": (lambda root: change(root / "2" / MANIFEST, iteration=25), "2 of 25 holds"),
    "half a pair": (
        lambda root: change(
            root / "2" / MANIFEST,
            files=json.loads((root / "2" / MANIFEST).read_text())["files"][:1],
        ),
        "2 is no pair",
    ),
    "pointer": (lambda root: change(root / "newest.json", folder="9"), "newest.json names 9"),
    "old pointer": (lambda root: change(root / "newest.json", iteration=9), "newest.json says"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_found(root: Path, what: str) -> None:
    """A check that cannot fail would be none."""
    before = check_promises(objects(root))
    damage, message = DAMAGE[what]
    damage(root)
    with pytest.raises(AssertionError, match=message):
        check_promises(objects(root), before, status=0, last=30)


def test_broken_promises_of_jobs_are_found(root: Path, tmp_path: Path) -> None:
    """Too much kept, too far back, nothing published, a second job that was let in."""
    before = check_promises(objects(root))
    model = tmp_path / "model"
    for broken, message in (
        ({"keep": 2}, "are more than 2"),
        ({"model": model, "keep_local": 2}, "are more than 2"),
        ({"before": before, "started": 20}, "went on from 20, 30 was complete"),
        ({"started": 30, "local": 40}, "went on from 30, 40 was complete"),
        ({"status": 0, "last": 40}, "final is of 30, not 40"),
        ({"at_least": 5}, "only "),
        ({"trained": False}, "waited for the store"),
        ({"second": subprocess.CompletedProcess([], 0, "", "")}, "ended with 0"),
        ({"second": subprocess.CompletedProcess([], 1, "", "train: error: no")}, "train: error"),
    ):
        with pytest.raises(AssertionError, match=message):
            check_promises(objects(root), **broken)
    remove(str(root), "1")
    with pytest.raises(AssertionError, match="1 is gone"):
        check_promises(objects(root), before)
    with pytest.raises(AssertionError, match="1 is gone, and only"):
        check_promises(objects(root), before, keep=3)
    assert Found().newest == -1


def test_trainings_are_told_apart(root: Path) -> None:
    """One that began anew need not be as far as the one before, and is gone on with."""
    (root / "begun.json").write_text('{"version": 1, "above": 0, "training": "a"}')
    for folder in ("1", "2", "3", "final"):
        change(root / folder / MANIFEST, training="a")
    before = check_promises(objects(root))
    change(root / "begun.json", above=3, training="b")
    copy(root, "1", "4")
    change(root / "4" / MANIFEST, training="b")
    change(root / "newest.json", folder="4", iteration=10)
    found = check_promises(objects(root), before, started=0, anew=True)
    assert (found.newest, sorted(found.current)) == (10, ["4"])
    check_promises(objects(root), found, started=10)
    for started, anew in ((0, False), (30, True)):
        with pytest.raises(AssertionError, match=f"went on from {started}"):
            check_promises(objects(root), found, started=started, anew=anew)
    remove(str(root), "1")
    remove(str(root), "2")
    check_promises(objects(root), found, keep=2)
    with pytest.raises(AssertionError, match="is gone"):
        check_promises(objects(root), found)
