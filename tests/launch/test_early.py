"""More snapshots early: which, and how a trainer without a flag for it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.launch.early import EarlySnapshots, early_iterations
from caffe_mnist.watch import log
from caffe_mnist.watch.log import Display, Snapshot
from tests.fixtures.jobs import Job

SMALL = ("--set=test_iter=1", "--set=layer[mnist].data_param.batch_size=4")


@pytest.mark.parametrize(
    ("interval", "max_iter", "expected"),
    [
        (500, 2000, (5, 10, 25, 50, 100, 250)),
        (5000, 10000, (50, 100, 250, 500, 1000, 2500)),
        (10, 30, (1, 2, 5)),
        (30, 60, (1, 2, 3, 6, 15)),
        (1000, 60, (10, 20, 50)),
        (1, 60, ()),
    ],
)
def test_which(interval: int, max_iter: int, expected: tuple[int, ...]) -> None:
    """1, 2, 5, 10, 20 and 50 % of the first interval, each once, none beyond the end."""
    assert early_iterations(interval, max_iter, Path("s")) == expected


def test_without_an_interval() -> None:
    """One line that says what to set."""
    with pytest.raises(CaffeMnistError, match="s: makes no snapshots at intervals"):
        early_iterations(0, 100, Path("s"))


class Trainer:
    """A trainer of so many iterations a second: it logs every 100th, and snapshots when asked."""

    def __init__(self, speed: float, wanted: list[int], start: int = 0) -> None:
        self.now, self.speed, self.start = 100.0, speed, start
        self.early = EarlySnapshots(wanted, start, self.ask)
        self.snapshots: list[int] = []
        self._asked = False

    def ask(self) -> None:
        """The signal."""
        self._asked = True

    def run(self, end: int) -> None:
        """Up to an iteration."""
        shown = self.start - 1
        while True:
            n = self.start + int((self.now - 100.0) * self.speed)
            if n >= end:
                return
            if n // 100 > shown // 100:
                shown = n
                self.early.see(Display(n // 100 * 100, 1.0, None), self.now)
            if self._asked:
                self._asked = False
                self.snapshots.append(n + 1)
                self.early.see(Snapshot(f"/x_iter_{n + 1}.caffemodel"), self.now)
                self.early.see(Snapshot(f"/x_iter_{n + 1}.solverstate"), self.now)
            self.early.look(self.now)
            self.now += self.early.wait(self.now, 0.01)


@pytest.mark.parametrize("speed", [3.0, 20.0, 80.0])
def test_by_the_clock(speed: float) -> None:
    """After one sounding each comes where it is wanted, or nearly so."""
    trainer = Trainer(speed, [50, 100, 250])
    trainer.run(400)
    assert len(trainer.snapshots) <= 5
    for wanted in (50, 100, 250):
        assert any(0.9 * wanted <= n <= wanted + 2 for n in trainer.snapshots), trainer.snapshots


def test_what_is_past_is_not_asked_for() -> None:
    """After a resume, and where the sounding came late: one snapshot for all that are over."""
    trainer = Trainer(100.0, [5, 10, 25, 50], start=20)
    trainer.run(300)
    assert len(trainer.snapshots) <= 2
    assert Trainer(100.0, [5, 10], start=20).early.wait(0.0, 1.0) == 1.0


def test_no_signal_before_the_training() -> None:
    """A signal before the handlers stand would kill it: not before a loss is seen."""
    asked: list[int] = []
    early = EarlySnapshots([5, 10], 0, lambda: asked.append(1))
    early.see(log.Testing(0, 0), 1.0)
    early.look(1000.0)
    assert not asked
    early.see(Display(0, 2.3, None), 1001.0)
    early.look(1001.6)
    early.look(1002.0)
    assert len(asked) == 1  # once, until it has answered


def test_the_engine_is_exact(job: Job) -> None:
    """Also after a resume; the solver file stays as it is."""
    more = (*SMALL, "--set=snapshot=40", "--set=display=10", "--snapshot-early")
    done = job.run(*more, "--set=max_iter=10", caffe="embedded")
    assert done.status == 0, done.stderr
    assert list(job.snapshots().values()) == [1, 2, 4, 8, 10, 10]
    solver = (job.model / "prototxt" / "lenet_solver.prototxt").read_text()
    assert "snapshot_at" not in solver
    done = job.run(*more, "--set=max_iter=25", "--resume", caffe="embedded")
    assert done.status == 0, done.stderr
    assert sorted(set(job.snapshots().values())) == [1, 2, 4, 8, 10, 20, 25]


@pytest.mark.parity
def test_real_caffe_is_asked_by_a_signal(job: Job, real_caffe: Path) -> None:
    """Snapshots before the end of the first interval, though it has no such flag."""
    more = ("--set=test_iter=1", "--set=base_lr=0.001", "--snapshot-early", "--set=display=20")
    size = "--set=layer[mnist].data_param.batch_size=8"
    ends = ("--set=snapshot=600", "--set=max_iter=400")
    done = job.run(*more, size, *ends, caffe=str(real_caffe / "caffe"))
    assert done.status == 0, done.stderr
    found = sorted(set(job.snapshots().values()))
    assert found[-1] == 400
    assert 3 <= len(found) <= 14, found
    assert any(270 <= n <= 360 for n in found), found


def test_a_dry_run_tells(job: Job) -> None:
    """The engine's flag stands in the command; real Caffe's signal is said."""
    done = job.run("--snapshot-early", "--set=snapshot=100", "--dry-run", caffe="embedded")
    assert "-snapshot_at 1,2,5,10,20" in done.stdout
    done = job.run("--snapshot-early", "--set=snapshot=100", "--dry-run")
    assert "by SIGHUP for snapshots at about iteration 1, 2, 5, 10, 20\n" in done.stdout
    done = job.run("--snapshot-early", "--set=snapshot=0")
    assert done.status == 2
    assert "makes no snapshots at intervals" in done.errors[0]
