"""How many snapshots stay on the local disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from caffe_mnist.launch.retention import Retention
from caffe_mnist.launch.uploads import Uploads
from caffe_mnist.storage.pairs import Mark, marks_of, pairs
from tests.fixtures import fake_caffe
from tests.fixtures.jobs import Job, until

NONE: frozenset[Mark] = frozenset()


class Disk:
    """A model folder with snapshots, and what the uploader says of them."""

    def __init__(self, folder: Path, *iterations: int) -> None:
        self.prefix = folder / "net"
        self.now = 0.0
        self.said: list[str] = []
        self.add(*iterations)
        self.report = folder / "uploads.jsonl"
        self.uploads = Uploads(self.report, lambda: self.now)

    def add(self, *iterations: int) -> None:
        """New snapshots."""
        for n in iterations:
            fake_caffe.snapshot(str(self.prefix), n)

    def tell(self, event: str, *iterations: int) -> None:
        """The uploader's report."""
        with self.report.open("a") as file:
            for n in iterations:
                file.write(json.dumps({"event": event, "iteration": n}) + "\n")

    def retention(
        self, keep: int, store: bool = True, before: frozenset[Mark] = NONE, start: str = ""
    ) -> Retention:
        """The thing under test; snapshots that were there `before` are not uploaded."""
        uploads = self.uploads if store else None
        return Retention(
            self.prefix, keep, uploads, before, before, start, 60.0, self.said.append,
            lambda: self.now,
        )  # fmt: skip

    def look(self, one: Retention) -> list[int]:
        """One turn; the iterations that stay."""
        self.uploads.read()
        one.look()
        return [pair.iteration for pair in pairs(self.prefix)]


def test_without_a_store_the_oldest_go(tmp_path: Path) -> None:
    """The newest N stay; 0 means all; nothing else is touched."""
    disk = Disk(tmp_path, 10, 20, 30)
    (tmp_path / "net_iter_5.caffemodel").write_text("a half")
    assert disk.look(disk.retention(0, store=False)) == [10, 20, 30]
    assert disk.look(disk.retention(2, store=False)) == [20, 30]
    assert disk.look(disk.retention(1, store=False)) == [30]
    assert (tmp_path / "net_iter_5.caffemodel").exists()
    assert disk.said == []


def test_those_in_the_store_go_first(tmp_path: Path) -> None:
    """The others are spared; the one under way and the newest are never touched."""
    disk = Disk(tmp_path, 10, 20, 30, 40, 50)
    one = disk.retention(2)
    assert disk.look(one) == [10, 20, 30, 40, 50]
    disk.tell("published", 20, 30, 50)
    assert disk.look(one) == [10, 40, 50]
    disk.tell("uploading", 10)
    disk.now = 1e6
    assert disk.look(one) == [10, 50]
    disk.tell("published", 10)
    assert disk.look(one) == [10, 50]
    assert disk.look(disk.retention(1)) == [50]


def test_a_store_that_is_away_long(tmp_path: Path) -> None:
    """Then they go too, the oldest first, each with a line; twice as many are never kept."""
    disk = Disk(tmp_path, 10, 20, 30)
    one = disk.retention(2)
    disk.tell("failed", 10)
    assert disk.look(one) == [10, 20, 30]
    disk.add(40, 50)
    assert disk.look(one) == [20, 30, 40, 50]
    disk.now = 31
    assert disk.look(one) == [40, 50]
    assert disk.said == [
        f"iteration {n} removed from the disk, not in the store, which fails" for n in (10, 20, 30)
    ]


def test_uploads_slower_than_snapshots(tmp_path: Path) -> None:
    """One that waits two minutes longer than it had to is spared no more."""
    disk = Disk(tmp_path, 10, 20, 30)
    one = disk.retention(1)
    assert disk.look(one) == [10, 20, 30]
    disk.now = 170
    disk.add(40)
    assert disk.look(one) == [10, 20, 30, 40]
    disk.now = 181
    assert disk.look(one) == [40]
    assert "uploads are slower than snapshots" in disk.said[0]


def test_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for the next two snapshots goes before waiting for the store."""
    disk = Disk(tmp_path, 10, 20, 30)
    one = disk.retention(1)
    assert disk.look(one) == [10, 20, 30]

    class Usage:
        free = 1

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage)
    assert disk.look(one) == [30]
    assert "the disk is nearly full" in disk.said[0]


def test_what_was_there_before(tmp_path: Path) -> None:
    """Old snapshots go before new ones, whatever their number; never the one to go on from."""
    disk = Disk(tmp_path, 1000, 5000)
    before = marks_of(disk.prefix)
    one = disk.retention(1, before=before, start=f"{disk.prefix}_iter_1000.solverstate")
    assert disk.look(one) == [1000, 5000]
    disk.add(10)
    assert disk.look(one) == [10]


def test_a_report_that_is_damaged(tmp_path: Path) -> None:
    """Lines that a full disk has cut are passed over."""
    disk = Disk(tmp_path, 10, 20)
    disk.report.write_text('{"event": "publ\n[]\n3\n{"iteration": 1}\n')
    disk.tell("published", 10)
    assert disk.look(disk.retention(1)) == [20]


def test_a_job(job: Job) -> None:
    """All snapshots reach the store, N are left here; the resumed job goes on from the newest."""
    more = ("--keep-local=2", "--set=snapshot=2")
    with job.started(*more, FAKE_WAIT_AT="22") as process:
        until(lambda: len(job.snapshots()) == 11)
        until(lambda: len(list(job.model.glob("*.solverstate"))) == 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 143
    assert sorted(job.snapshots().values()) == list(range(2, 23, 2))
    done = job.run(*more, "--resume")
    assert done.status == 0
    assert sorted(set(job.snapshots().values())) == list(range(2, 31, 2))
    names = sorted(path.name for path in job.model.glob("*.solverstate"))
    assert names == ["mnist_lenet_iter_28.solverstate", "mnist_lenet_iter_30.solverstate"]


def test_a_job_with_both_bounds(job: Job) -> None:
    """--keep and --keep-local: the newest and `final` are in the store."""
    done = job.run("--keep-local=1", "--keep=2", "--set=snapshot=5", FAKE_PACE="0.1")
    assert done.status == 0
    stored = job.snapshots()
    assert stored.pop("final") == 30
    assert len(stored) == 2
    assert max(stored.values()) == 30
    assert [path.name for path in job.model.glob("*.solverstate")] == [
        "mnist_lenet_iter_30.solverstate"
    ]
    assert os.path.exists(job.store / "newest.json")
