"""The runs command on records of this machine and of a store."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from caffe_mnist.runs import main
from caffe_mnist.storage.copies import upload_folder
from tests.fixtures.jobs import Job
from tests.fixtures.swift import Swift

METRICS = """iteration,seconds,loss,lr,iterations_per_second,test0_accuracy,test0_loss
0,1,2.3,0.01,,0.1,2.3
100,2,0.5,0.01,90,0.97,0.2
200,3,0.4,0.01,91,0.96,0.25
"""


def record(name: str, **more: Any) -> dict[str, Any]:
    """A run's record as `train` writes it."""
    found: dict[str, Any] = {
        "arguments": {"set": []}, "trainer": "the embedded engine", "run": name,
        "status": "succeeded", "exit_status": 0, "started": f"2026-01-0{name[-1]}T00:00:00Z",
        "ended": f"2026-01-0{name[-1]}T01:00:00Z",
        "data": [{"path": "data/db", "records": 6, "sha256": "abcdef0123456789"}],
        "timings": {"train": 75.0},
        "solver": {"base_lr": 0.01, "max_iter": 200, "lr_policy": "inv"},
        "net": {"file": "n.prototxt", "name": "N", "layers": 9, "batch_size": {"train": 64},
                "sha256": "fedcba9876"},
        "results": {"iteration": 200, "loss": 0.4, "test0_accuracy": 0.96, "test0_loss": 0.25},
        "best": {"test0_accuracy": {"value": 0.97, "iteration": 100}},
        "versions": {"torch": "2"}, "machine": {"cores": 2},
    }  # fmt: skip
    return {**found, **more}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Three runs: one at two places, one with another rate and result, one that failed."""
    worse = record(
        "r2", solver={"base_lr": 0.1, "max_iter": 200, "lr_policy": "inv"},
        results={"iteration": 200, "test0_accuracy": 0.5},
        best={"test0_accuracy": {"value": 0.6, "iteration": 100}},
    )  # fmt: skip
    failed = record("r3", status="failed", results={}, best={}, net={}, data=[], solver={})
    failed["arguments"]["set"] = ["base_lr=0.5"]
    for name, one in (
        ("one/model", record("r1")), ("one/store/final", record("r1")),
        ("two/store/final", worse), ("three/model", failed),
    ):  # fmt: skip
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.json").write_text(json.dumps(one))
        (tmp_path / "runs" / name / "metrics.csv").write_text(METRICS)
    return tmp_path / "runs"


def table(text: str) -> list[dict[str, str]]:
    """CSV as a list of rows."""
    return list(csv.DictReader(io.StringIO(text)))


def test_the_table(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each run once, oldest first, with the settings that differ and the best result."""
    assert main(["list", str(place), "--csv"]) == 0
    rows = table(capsys.readouterr().out)
    assert [row["run"] for row in rows] == ["r1", "r2", "r3"]
    assert [row["base_lr"] for row in rows] == ["0.01", "0.1", "0.5"]
    assert "lr_policy" not in rows[0] or rows[2]["lr_policy"] == "-"
    assert rows[0]["place"] == f"{place}/one/store"
    assert rows[0]["best"] == "test0_accuracy 0.9700 @ 100"
    assert (rows[0]["net"], rows[0]["data"], rows[0]["batch"]) == ("N fedcba", "abcdef0123", "64")
    assert rows[0]["time"] == "1 min 15 s"
    assert main(["list", str(place), "--status", "failed"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("r3 ")
    assert main(["list", str(place), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3


def test_the_best(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of accuracies the highest, of losses the lowest; where it lies, for other commands."""
    assert main(["best", str(place), "--place"]) == 0
    assert capsys.readouterr().out == f"{place}/one/store/final\n"
    assert main(["best", str(place), "--top", "5", "--csv"]) == 0
    assert [row["run"] for row in table(capsys.readouterr().out)] == ["r1", "r2"]
    assert main(["best", str(place), "--metric", "test0_loss", "--csv"]) == 0
    assert [row["best"] for row in table(capsys.readouterr().out)] == ["test0_loss 0.2500"]
    assert main(["best", str(place), "--metric", "nothing"]) == 2
    assert "no run has the metric nothing (known: iteration, loss" in capsys.readouterr().err


def test_one_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its place or its identity: settings, net, data, environment, results, curves."""
    for words in ([f"{place}/one/model"], [f"{place}/one/store"], ["r1", "--in", str(place)]):
        assert main(["show", *words]) == 0
        out = capsys.readouterr().out
        for part in ("base_lr", "fedcba9876", "abcdef0123456789", "torch", "cores", "best"):
            assert part in out
        assert "test0_accuracy         ▁██  0.1 … 0.96" in out


def test_what_differs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only that."""
    assert main(["diff", f"{place}/one/model", "r2", "--in", str(place)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [line for line in lines if line[0].startswith("solver")] == [
        ["solver.base_lr", "0.01", "0.1"]
    ]
    assert ["best.test0_accuracy.value", "0.97", "0.6"] in lines
    assert not [line for line in lines if line[0].startswith(("net", "data", "versions"))]
    assert main(["diff", f"{place}/one/model", f"{place}/one/store"]) == 0
    assert capsys.readouterr().out.startswith("no difference")


def test_in_a_store(
    place: Path, swift: Swift, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """URLs as folders, both at once; a run that lies in both is one."""
    for key, value in swift.env().items():
        monkeypatch.setenv(key, value)
    url = f"s3://{swift.bucket()}/all"
    upload_folder(place, url)
    capsys.readouterr()
    assert main(["list", url, str(place), "--csv"]) == 0
    assert [row["run"] for row in table(capsys.readouterr().out)] == ["r1", "r2", "r3"]
    assert main(["best", url, "--place"]) == 0
    assert capsys.readouterr().out == f"{url}/one/store/final\n"
    assert main(["show", f"{url}/two"]) == 0
    assert "▁██" in capsys.readouterr().out


def test_what_is_none(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Empty places, records that are broken, names that fit none or several."""
    (tmp_path / "empty").mkdir()
    for words, said in (
        (["list", str(tmp_path / "empty")], "there are no runs"),
        (["list", str(tmp_path / "nowhere")], "there is no such folder"),
        (["show", str(place)], "holds 3 runs"),
        (["show", "r", "--in", str(place)], "3 runs of that name"),
        (["show", "x", "--in", str(place)], "no run of that name"),
        (["best", str(place / "three")], "no run has results yet"),
        (["list", "http://x/y"], "unknown scheme http://"),
    ):
        assert main(words) == 2
        out, err = capsys.readouterr()
        assert (out, len(err.splitlines())) == ("", 1), err
        assert said in err
    (place / "one" / "run.json").write_text("{")
    (place / "two" / "run.json").write_text('["no record"]')
    assert main(["list", str(place)]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 4
    assert [line.split("/")[-2] for line in err.splitlines()] == ["one", "two"]


def test_what_train_writes(job: Job) -> None:
    """The record has the solver's settings, the net by its content, and the best values."""
    done = job.run()
    assert done.status == 0, done.stderr
    found = json.loads((job.store / "final" / "run.json").read_text())
    assert found["solver"]["base_lr"] == 0.01
    assert (found["solver"]["lr_policy"], found["solver"]["max_iter"]) == ("inv", 30)
    assert "net" not in found["solver"]
    assert "snapshot_prefix" not in found["solver"]
    assert found["net"]["name"] == "LeNet"
    assert found["net"]["batch_size"] == {"train": 64, "test": 100}
    assert len(found["net"]["sha256"]) == 64
