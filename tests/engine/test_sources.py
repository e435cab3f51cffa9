"""The Data layer on indexes, parts and mixtures; its share among solvers; its threads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_mnist.datasets.index import RecordSet, digest, make_shard, write_index
from caffe_mnist.datasets.record import head, tail
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.engine.data.workers import Workers
from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.team import Team
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index of three shards, together records 0 to 10, and a database `b` of 50 to 53."""
    shards = []
    for first, end in ((0, 4), (4, 5), (5, 11)):
        records = _records(range(first, end))
        with DatabaseWriter(tmp_path / f"s{first}") as writer:
            writer.put(records)
        labels = dict.fromkeys(range(first, end), 1)
        shards.append(make_shard(f"s{first}", end - first, first, digest(records), labels))
    write_index(tmp_path / "dataset.json", {"train": RecordSet(tuple(shards))})
    with DatabaseWriter(tmp_path / "b") as writer:
        writer.put(_records(range(50, 54)))
    return tmp_path


def _records(numbers: range) -> list[tuple[bytes, bytes]]:
    return [(b"%08d" % k, head(1, 4, 4) + bytes(range(k, k + 16)) + tail(k)) for k in numbers]


def data_net(
    source: str,
    batch: int,
    more: str = "",
    phase: int = caffe_pb2.TRAIN,
    share: tuple[int, int] = (0, 1),
) -> Net:
    """A net of one Data layer; the backend is Caffe's default."""
    backend = "" if "json" in source and ";" not in source else "backend: LMDB"
    text = (
        f'layer {{ name: "data" type: "Data" top: "x" top: "label" {more} '
        f'data_param {{ source: "{source}" batch_size: {batch} {backend} }} }}'
    )
    param = parse_text(text, caffe_pb2.NetParameter, "test")
    surroundings = Surroundings(
        phase, generator=RandomNumbers(3), team=Team(rank=share[0], size=share[1])
    )
    return Net(param, surroundings)


def labels(net: Net, batches: int) -> list[int]:
    """The labels of the next batches."""
    found: list[int] = []
    for _ in range(batches):
        net.forward()
        found += [int(label) for label in net.blobs["label"].data]
    return found


def of(net: Net, batches: int) -> list[int]:
    """The labels of so many batches; the net is closed."""
    try:
        return labels(net, batches)
    finally:
        net.close()


SOURCES = [
    "{}/dataset.json",
    "{}/dataset.json?first=0.5",
    "{}/dataset.json?sample=7&seed=1",
    "{}/dataset.json?weight=2;{}/b?weight=1",
    "{}/b",
]


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_goes_on_where_it_was(folder: Path, source: str) -> None:
    """After `skip_to(n)` come the batches of an uninterrupted run, pixels and all."""
    source = source.replace("{}", str(folder))
    more = "transform_param { crop_size: 3 mirror: true scale: 0.5 }"
    whole, other = data_net(source, 3, more), data_net(source, 3, more)
    seen = []
    for _ in range(9):
        whole.forward()
        seen.append((whole.blobs["x"].data.tolist(), whole.blobs["label"].data.tolist()))
    for at in (5, 0, 7):
        other.forward()
        other.skip_to(at)
        other.forward()
        found = (other.blobs["x"].data.tolist(), other.blobs["label"].data.tolist())
        assert found == seen[at]
    whole.close()
    other.close()


def test_an_index_is_one_source(folder: Path) -> None:
    """Its shards in order, whatever backend the net names, and over again."""
    assert of(data_net(f"{folder}/dataset.json", 5), 3) == [*range(11), 0, 1, 2, 3]


@pytest.mark.parametrize("source", SOURCES)
def test_solvers_share_a_source_while_training(folder: Path, source: str) -> None:
    """Solver r of n takes records i with i % n == r; together they take what one would."""
    source = source.replace("{}", str(folder))
    alone = of(data_net(source, 4), 6)
    parts = [of(data_net(source, 4, share=(rank, 3)), 2) for rank in range(3)]
    assert [parts[i % 3][i // 3] for i in range(24)] == alone
    net = data_net(source, 4, share=(1, 3))
    net.skip_to(1)
    assert of(net, 1) == parts[1][4:]


def test_when_testing_every_solver_reads_everything(folder: Path) -> None:
    """As in Caffe."""
    net = data_net(f"{folder}/b", 4, phase=caffe_pb2.TEST, share=(1, 2))
    assert of(net, 1) == [50, 51, 52, 53]


def test_restarts_are_logged_as_caffe_logs_them(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Once for every time through."""
    of(data_net(f"{folder}/dataset.json", 11), 3)
    assert capfd.readouterr().err.count("Restarting data prefetching from start.") >= 2


@pytest.fixture
def encoded(tmp_path: Path) -> Path:
    """Noise, some of it gray, as PNG files of several sizes in a database of 40 records."""
    cv2 = pytest.importorskip("cv2")
    random = np.random.default_rng(4)
    records = []
    for k in range(40):
        pixels = random.integers(0, 256, (9 + k % 3, 8 + k % 4, 3), np.uint8)
        content = cv2.imencode(".png", pixels)[1].tobytes()
        datum = caffe_pb2.Datum(data=content, encoded=True, label=k)
        records.append((b"%08d" % k, datum.SerializeToString()))
    with DatabaseWriter(tmp_path / "encoded") as writer:
        writer.put(records)
    return tmp_path / "encoded"


def test_several_workers_give_what_one_gives(
    encoded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Order, crops and mirrors do not depend on how many threads decode."""
    more = "transform_param { crop_size: 5 mirror: true mean_value: 3 }"
    found = []
    for count in (1, 2, 7):
        monkeypatch.setattr(
            "caffe_mnist.engine.data.records.Workers",
            lambda n=None, count=count: Workers(n or count),
        )
        net = data_net(str(encoded), 16, more)
        batches = []
        for _ in range(4):
            net.forward()
            batches.append((net.blobs["x"].data.tolist(), net.blobs["label"].data.tolist()))
        net.close()
        found.append(batches)
    assert found[0] == found[1] == found[2]
    assert [int(label) for label in found[0][2][1]] == [*range(32, 40), *range(8)]


def test_the_first_of_several_broken_records_is_named(encoded: Path, tmp_path: Path) -> None:
    """Whichever thread meets its own first."""
    with DatabaseWriter(tmp_path / "broken") as writer:
        for k in range(12):
            content = b"no picture" if k in (5, 6, 9) else b""
            datum = caffe_pb2.Datum(channels=1, height=1, width=1, data=b"x", label=k)
            if content:
                datum = caffe_pb2.Datum(data=content, encoded=True)
            writer.put([(b"%08d" % k, datum.SerializeToString())])
    net = data_net(str(tmp_path / "broken"), 12)
    with pytest.raises(CaffeMnistError, match="record 00000005"):
        net.forward()
    net.close()


def test_workers_keep_the_order_and_end() -> None:
    """Values in the order of the items, the first error in that order, and no thread left."""
    workers = Workers(3)
    assert workers.map(lambda x: x * x, range(50)) == [x * x for x in range(50)]
    with pytest.raises(ZeroDivisionError):
        workers.map(lambda x: 1 // (x - 7), range(20))
    assert workers.map(str, []) == []
    workers.close()
    workers.close()
