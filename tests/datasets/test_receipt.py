"""The receipt beside every database: what stands in it, the same whoever made it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from caffe_mnist.convert import main
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.index import digest, read_index
from caffe_mnist.datasets.receipt import receipt_of
from tests.datasets.idx_files import pair


def _checked(path: Path) -> None:
    """Counts and checksums of an index are those of its databases."""
    index = read_index(path)
    for one in index.sets.values():
        for shard in one.shards:
            with Database(index.place(shard)) as database:
                assert (len(database), digest(database.records())) == (shard.records, shard.sha256)


def test_idx_files_and_digits_leave_one(tmp_path: Path) -> None:
    """A database by itself has it beside, several in their folder; options and labels are told."""
    one, other = map(str, pair(tmp_path, 300))
    assert main(["idx", one, other, str(tmp_path / "a/../db/"), "--shuffle=4", "--limit=200"]) == 0
    _checked(tmp_path / "db.dataset.json")
    made = read_index(tmp_path / "db.dataset.json").get()
    assert made.arguments == {"shuffle": 4, "limit": 200}
    assert sum(made.labels.values()) == made.records == 200
    assert main(["digits", str(tmp_path / "digits"), "--train=30", "--test=10"]) == 0
    _checked(tmp_path / "digits/dataset.json")
    sets = read_index(tmp_path / "digits").sets
    assert {name: one.records for name, one in sets.items()} == {"train": 30, "test": 10}
    assert sets["test"].arguments["generated"] == "digits"
    again = tmp_path / "again"
    assert main(["digits", str(again), "--train=30", "--test=10"]) == 0
    assert (again / "dataset.json").read_bytes() == (tmp_path / "digits/dataset.json").read_bytes()


def test_labels_above_127_and_several_map_sizes(tmp_path: Path) -> None:
    """Records of unequal length are cut where they end; the receipt counts signed labels."""
    one, other = pair(tmp_path, 1500)
    content = bytearray(other.read_bytes())
    content[8::7] = bytes([200]) * len(content[8::7])
    other.write_bytes(content)
    assert main(["idx", str(one), str(other), str(tmp_path / "db")]) == 0
    _checked(Path(receipt_of(tmp_path / "db")))
    assert read_index(receipt_of(tmp_path / "db")).get().labels[-56] == content[8:].count(200)


def test_check_compares_with_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A database that is not as it was made is told; one without a receipt is only read."""
    one, other = map(str, pair(tmp_path, 20))
    for name in ("a", "b"):
        assert main(["idx", one, other, str(tmp_path / name), f"--shuffle={ord(name)}"]) == 0
    assert main(["check", str(tmp_path / "a")]) == 0
    os.replace(tmp_path / "b/data.mdb", tmp_path / "a/data.mdb")
    assert main(["check", str(tmp_path / "a")]) == 1
    assert "is not as it was made" in capfd.readouterr().out
    (tmp_path / "a.dataset.json").unlink()
    assert main(["check", str(tmp_path / "a")]) == 0


def test_files_of_somebody_else_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dataset.json of another dataset, or of none, is not written over, nor is anything made."""
    assert main(["digits", str(tmp_path / "d"), "--train=5", "--test=5"]) == 0
    raw = tmp_path / "d"
    for content in ('{"images": []}', json.dumps(_other(tmp_path))):
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        (out / "dataset.json").write_text(content)
        assert main(["mnist", str(raw), str(out), "--overwrite"]) == 2
        assert "not replaced" in capsys.readouterr().err
        assert os.listdir(out) == ["dataset.json"]


def _other(folder: Path) -> object:
    content = json.loads((folder / "d/dataset.json").read_text())
    content["sets"]["test"]["shards"][0]["path"] = "val_lmdb"
    return content
