"""python -m caffe_mnist.sweep, with a trainer that trains nothing and with the engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.jobs import SOLVER, Job, until


def _sweep(job: Job, *arguments: str) -> list[str]:
    return [
        sys.executable, "-m", "caffe_mnist.sweep", str(SOLVER), f"--data-url={job.dataset}",
        f"--out={job.folder / 'sweep'}", f"--caffe={job.trainer}",
        "--set=max_iter=30", "--set=test_interval=10", "--set=display=5", "--set=snapshot=10",
        *arguments,
    ]  # fmt: skip


def _run(job: Job, *arguments: str, **fake: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _sweep(job, *arguments),
        cwd=job.folder,
        env=job.surroundings(fake),
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_every_combination_is_an_ordinary_run(job: Job) -> None:
    """Each has its record and its place in the store; the table, and the best solver, follow."""
    done = _run(
        job, "--vary=base_lr=0.01:0.1:log", "--vary=type=SGD,Adam", "--points=2", "--slots=2",
        f"--train-url={job.store}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = (job.folder / "sweep" / "table.csv").read_text().splitlines()
    assert rows[0].startswith("trial,base_lr,type,iterations,time,test0_")
    assert sorted(tuple(row.split(",")[1:3]) for row in rows[1:]) == [
        ("0.01", "Adam"), ("0.01", "SGD"), ("0.1", "Adam"), ("0.1", "SGD"),
    ]  # fmt: skip
    for number in range(4):
        folder = job.folder / "sweep" / "trials" / f"{number:04d}"
        assert json.loads((folder / "model" / "run.json").read_text())["status"] == "succeeded"
        assert (job.store / folder.name / "final" / "manifest.json").is_file()
    best = (job.folder / "sweep" / "best" / SOLVER.name).read_text()
    assert f"base_lr: {rows[1].split(',')[1]}" in best
    assert "max_iter: 30" in best


def test_the_best_solver_tests_as_its_trial_did(job: Job) -> None:
    """Its last iteration is among those that are tested."""
    done = _run(job, "--vary=base_lr=0.1,0.2", "--set=max_iter=25")
    assert done.returncode == 0, done.stderr
    assert "test_interval: 5" in (job.folder / "sweep" / "best" / SOLVER.name).read_text()


def test_a_killed_sweep_goes_on(job: Job) -> None:
    """What was done is not done again; what was running is taken up."""
    arguments = ("--vary=base_lr=0.1,0.2,0.3",)
    with (job.folder / "stderr").open("w") as log:
        process = subprocess.Popen(
            _sweep(job, *arguments),
            cwd=job.folder,
            env=job.surroundings({"FAKE_PACE": "0.05"}),
            stderr=log,
            text=True,
        )
    until(lambda: "[1/3]" in job.stderr())
    until(lambda: "Iteration" in _text(job.folder / "sweep/trials/0001/model/train.log"))
    process.kill()
    process.wait()
    done = _run(job, *arguments)
    assert done.returncode == 0, done.stderr
    assert "1 of them done before" in done.stderr
    # The run that the kill left was stopped, and taken up from its snapshot if it had made one.
    assert 3 <= len(job.calls()) <= 4
    assert not job.processes()
    assert len((job.folder / "sweep" / "table.csv").read_text().splitlines()) == 4


def test_a_stop_is_passed_on(job: Job) -> None:
    """SIGTERM stops the trial with a snapshot; the status tells."""
    with (job.folder / "stderr").open("w") as log:
        process = subprocess.Popen(
            _sweep(job, "--vary=base_lr=0.1,0.2"),
            cwd=job.folder,
            env=job.surroundings({"FAKE_PACE": "0.5"}),
            stderr=log,
            text=True,
        )
    until(lambda: list((job.folder / "sweep" / "trials").glob("*/model/train.log")))
    until(lambda: "Iteration" in _text(job.folder / "sweep/trials/0000/model/train.log"))
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(60) == 143
    assert not job.processes()


def test_failed_trials_are_told_and_the_rest_goes_on(job: Job) -> None:
    """All failed: one line with the reason, status 1."""
    done = _run(job, "--vary=base_lr=0.1,0.2", FAKE_FAIL_AT="5")
    assert done.returncode == 1
    assert done.stderr.count("the trainer ended with exit status 1") >= 2
    assert "error: " in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--vary=base_lr",), "no KEY=VALUES"),
        (("--vary=nothing=1,2",), "--vary: SolverParameter has no field 'nothing'"),
        (("--vary=max_iter=10,ten",), "--vary: max_iter is a whole number, not 'ten'"),
        (("--vary=base_lr=1,2", "--set=max_iter=ten"), "--set: max_iter is a whole number"),
        (("--vary=base_lr=1,2", "--gpus=a"), "no list of GPUs"),
        (("--vary=base_lr=1,2", "--points=0"), "count"),
        ((), "--vary"),
    ],
)
def test_bad_arguments_are_one_line(job: Job, arguments: tuple[str, ...], words: str) -> None:
    """Status 2, before anything is trained."""
    done = _run(job, *arguments)
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[-1]
    assert not job.calls()


def test_another_sweep_in_the_same_folder_is_refused(job: Job) -> None:
    """Its trials would be taken for this one's. One that came to no trial is no sweep."""
    assert _run(job, "--vary=base_lr=0.1,quick").returncode == 2
    assert not job.calls()
    assert _run(job, "--vary=base_lr=0.1,0.2").returncode == 0
    done = _run(job, "--vary=base_lr=0.1,0.3")
    assert done.returncode == 2
    assert "another vary" in done.stderr


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
