"""The processes that decode: whatever becomes of one, the work goes on in order."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

pytest.importorskip("cv2")
pytest.importorskip("PIL")

import cv2
import numpy as np

from caffe_mnist.datasets.pictures import crew as crews
from caffe_mnist.datasets.pictures import workers as processes
from caffe_mnist.datasets.pictures.crew import CHUNK, Crew
from caffe_mnist.datasets.pictures.exchange import SLOT
from caffe_mnist.datasets.pictures.listing import Decoding, Entry, Listing
from caffe_mnist.datasets.pictures.workers import Workers
from caffe_mnist.errors import CaffeMnistError, JobError
from tests.datasets.pictures import zoo

# A worker whose decoder fails by the picture's name; "once" only while its file says so.
HOSTILE = """
import os, signal, sys, time
from caffe_mnist.datasets.pictures import worker
whole = worker.read_picture
def hostile(content, header, name, decoding):
    if "once" in name and os.path.exists("once"):
        os.unlink("once")
        os.kill(os.getpid(), signal.SIGKILL)
    if "crash" in name:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "exit" in name:
        os._exit(3)
    while "endless" in name:
        time.sleep(1)
    return whole(content, header, name, decoding)
worker.read_picture = hostile
worker.main(sys.argv[1:])
"""


def listing(folder: Path, *names: str) -> Listing:
    """Files of these names, all of them the same small picture."""
    for name in names:
        (folder / name).write_bytes(zoo.whole()["jpeg420.jpg"])
    entries = tuple(Entry(name, number) for number, name in enumerate(names))
    return Listing(f"{folder}/", entries, (), "list")


def outcome(work: Listing, count: int = 2) -> dict[int, str]:
    """What becomes of each picture: "" for a record, or the reason; checked to be in order."""
    found: list[tuple[int, str]] = []
    with Workers() as workers, Crew(work, Decoding(), count, workers) as crew:
        for part in crew.parts():
            assert all(bytes(part.view(one.at, 1)) == b"\x08" for one in part.records)
            dealt = [(one.number, "") for one in part.records] + part.skipped
            found += sorted(dealt)
    assert [number for number, _ in found] == list(range(len(work.entries)))
    return dict(found)


@pytest.fixture
def _hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hostile.py").write_text(HOSTILE)
    monkeypatch.setattr(processes, "WORKER", [str(tmp_path / "hostile.py")])
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_hostile")
@pytest.mark.parametrize("count", [1, 3])
def test_a_decoder_that_crashes_costs_one_picture(tmp_path: Path, count: int) -> None:
    """It is named with the signal; all others become records, in order."""
    names = [f"{n}.jpg" for n in range(50)]
    names[5], names[6], names[40] = "crash1.jpg", "exit.jpg", "crash2.jpg"
    found = outcome(listing(tmp_path, *names), count)
    assert {number: why for number, why in found.items() if why} == {
        5: "OpenCV ended with SIGSEGV on it",
        6: "OpenCV ended with status 3 on it",
        40: "OpenCV ended with SIGSEGV on it",
    }


@pytest.mark.usefixtures("_hostile")
def test_a_decoder_that_never_ends_costs_one_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time limit, twice, it is given up."""
    monkeypatch.setattr(crews, "TIME_LIMIT", 2.0)
    names = [f"{n}.jpg" for n in range(40)]
    names[17] = "endless.jpg"
    found = outcome(listing(tmp_path, *names))
    assert {number: why for number, why in found.items() if why} == {
        17: "decoding it takes longer than 2 seconds"
    }


@pytest.mark.usefixtures("_hostile")
def test_a_worker_that_is_killed_once_costs_nothing(tmp_path: Path) -> None:
    """By a system short of memory, say: the picture is tried once more."""
    (tmp_path / "once").touch()
    names = [f"{n}.jpg" for n in range(40)]
    names[20] = "once.jpg"
    assert not any(outcome(listing(tmp_path, *names)).values())
    assert not (tmp_path / "once").exists()


def test_workers_that_cannot_start_are_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the last line that they wrote, and soon."""
    (tmp_path / "worker.py").write_text("raise ImportError('no such library')")
    monkeypatch.setattr(processes, "WORKER", [str(tmp_path / "worker.py")])
    with pytest.raises(JobError, match="ImportError: no such library"):
        outcome(listing(tmp_path, "0.jpg"))


def test_records_larger_than_a_slot_come_in_order(tmp_path: Path) -> None:
    """Between small ones, several in a row."""
    work = listing(tmp_path, *(f"{n}.jpg" for n in range(2 * CHUNK + 3)))
    for number in (0, 1, 5, CHUNK, 2 * CHUNK + 2):
        large = cv2.imencode(".png", zoo.photograph(number, 1200, 1200 + number))[1]
        assert SLOT < 3 * 1200 * 1200
        (tmp_path / f"{number}.jpg").write_bytes(bytes(large))
    shapes = {}
    with Workers() as workers, Crew(work, Decoding(), 2, workers) as crew:
        for part in crew.parts():
            for one in part.records:
                assert one.pixels is not None
                at, shape = one.pixels
                size = shape[0] * shape[1] * shape[2]
                seen = np.frombuffer(part.view(at, size), np.uint8).reshape(shape)
                if shape[1] == 1200:
                    whole = zoo.photograph(one.number, 1200, 1200 + one.number)
                    assert np.array_equal(seen.transpose(1, 2, 0), whole)
                shapes[one.number] = shape
    assert list(shapes) == list(range(2 * CHUNK + 3))
    assert shapes[5] == (3, 1200, 1205)
    assert shapes[6] == (3, zoo.HEIGHT, zoo.WIDTH)


def test_a_kind_that_opencv_does_not_write_is_said_at_once(tmp_path: Path) -> None:
    """Not once for every picture."""
    work = listing(tmp_path, "0.jpg")
    with (
        pytest.raises(CaffeMnistError, match="xyz: OpenCV writes no such pictures"),
        Workers() as workers,
        Crew(work, Decoding(encode_type="xyz"), 1, workers) as crew,
    ):
        list(crew.parts())


def test_no_process_is_left(tmp_path: Path) -> None:
    """Neither when all is done, nor when the work is left in the middle."""
    work = listing(tmp_path, *(f"{n}.jpg" for n in range(60)))
    with Workers() as workers, Crew(work, Decoding(), 2, workers) as crew:
        pids = [worker.process.pid for worker in crew._workers]
        next(crew.parts())
        os.kill(pids[0], signal.SIGSTOP)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_workers_go_on_with_the_next_pictures(tmp_path: Path) -> None:
    """The same processes, started before it was known what they are to do, and told anew."""
    works = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        works.append(listing(tmp_path / name, *(f"{n}.jpg" for n in range(40))))
    seen = []
    with Workers(2).start() as workers:
        pids = {worker.process.pid for worker in workers._idle}
        for work, decoding in zip(works, (Decoding(), Decoding(height=8, width=9))):
            with Crew(work, decoding, 2, workers) as crew:
                assert {worker.process.pid for worker in crew._workers} == pids
                shapes = {one.shape for part in crew.parts() for one in part.records}
                seen.append(shapes)
    assert seen == [{(3, zoo.HEIGHT, zoo.WIDTH)}, {(3, 8, 9)}]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
