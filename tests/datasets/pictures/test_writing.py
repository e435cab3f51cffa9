"""Pictures to a database: whole or not at all, the same however many work, and resumable."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("cv2")
pytest.importorskip("PIL")

import cv2
import numpy as np

from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.datum import Image, decode
from caffe_mnist.datasets.index import digest
from caffe_mnist.datasets.mean import mean_image
from caffe_mnist.datasets.pictures.listing import Decoding, Entry, Listing, Written
from caffe_mnist.datasets.pictures.writing import NoRecordsError, forget, write_pictures
from caffe_mnist.errors import CaffeMnistError
from tests.datasets.pictures import zoo

SMALL = Decoding(height=40, width=50)
SCRIPT = """
import os, signal, sys
from caffe_mnist.datasets.pictures.listing import Decoding, Entry, Listing
from caffe_mnist.datasets.pictures.writing import write_pictures
root, out, count, last, resume = sys.argv[1:]
entries = tuple(Entry(f"{n}.jpg", n % 3) for n in range(int(count)))
def progress(name, done, total):
    if done >= int(last):
        os.kill(os.getpid(), signal.SIGKILL)
write_pictures(Listing(root + "/", entries, (), "list"), out, Decoding(height=40, width=50),
               workers=2, resume=bool(int(resume)), progress=progress)
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the zoo and of 1,000 pictures, of which number 333 and 334 are broken."""
    folder = tmp_path_factory.mktemp("pictures")
    zoo.write_zoo(folder)
    some = [bytes(cv2.imencode(".jpg", zoo.photograph(n, 60, 80))[1]) for n in range(10)]
    for number in range(1000):
        content = b"broken" if number in (333, 334) else some[number % 10]
        (folder / f"{number}.jpg").write_bytes(content)
    return folder


def numbered(folder: Path, count: int, first: int = 0) -> Listing:
    """The first of the numbered pictures."""
    entries = tuple(Entry(f"{n}.jpg", n % 3) for n in range(count))
    return Listing(f"{folder}/", entries, ("a", "b", "c"), "list", first)


def animals(folder: Path) -> Listing:
    """All of the zoo."""
    names = sorted({**zoo.whole(), **zoo.broken(), "folder.jpg": b"", "loop.jpg": b""})
    return Listing(f"{folder}/", tuple(Entry(name, -1) for name in names), (), "list")


def records(path: Path) -> dict[bytes, bytes]:
    """Keys and values, which must be in order."""
    with Database(path) as database:
        found = [(key, bytes(value)) for key, value in database.records()]
    assert [key for key, _ in found] == sorted(key for key, _ in found)
    return dict(found)


def test_records_are_numbered_and_named_and_counted(pictures: Path, tmp_path: Path) -> None:
    """Keys as convert_imageset's, gaps where pictures were skipped, labels and sizes counted."""
    told: list[tuple[str, int, int]] = []
    written = write_pictures(
        numbered(pictures, 400, first=7),
        tmp_path / "db",
        SMALL,
        progress=lambda *done: told.append(done),
    )
    found = records(tmp_path / "db")
    assert list(found)[:2] == [b"00000007_0.jpg", b"00000008_1.jpg"]
    assert len(found) == written.records == 398
    assert [tuple(one) for one in written.skipped] == [
        ("333.jpg", "no picture"),
        ("334.jpg", "no picture"),
    ]
    assert b"00000340_333.jpg" not in found
    assert found[b"00000342_335.jpg"]
    assert written.labels == {0: 133, 1: 132, 2: 133}
    assert written.sizes == {(60, 80): 398}
    assert written.sha256 == digest(found.items())
    assert (written.channels, written.height, written.width) == (3, 40, 50)
    assert told[0] == ("db", 0, 400)
    assert told[-1] == ("db", 400, 400)
    image = decode(found[b"00000012_5.jpg"])
    assert isinstance(image, Image)
    pixels = cv2.imread(str(pictures / "5.jpg"))
    assert pixels is not None
    pixels = cv2.resize(pixels, (50, 40))
    assert image.pixels == pixels.transpose(2, 0, 1).tobytes()
    assert image.label == 2


def test_the_database_is_the_same_whatever_the_number_of_workers(
    pictures: Path, tmp_path: Path
) -> None:
    """Byte for byte, with broken pictures and large ones between."""
    for count in (1, 2, 5):
        for name, listing in {"zoo": animals(pictures), "many": numbered(pictures, 99)}.items():
            write_pictures(listing, tmp_path / f"{name}{count}", Decoding(), workers=count)
    for name in ("zoo", "many"):
        first = (tmp_path / f"{name}1" / "data.mdb").read_bytes()
        for count in (2, 5):
            assert (tmp_path / f"{name}{count}" / "data.mdb").read_bytes() == first


def test_every_broken_picture_is_skipped_and_named(
    pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """And what decoders print about them reaches nobody's terminal."""
    written = write_pictures(animals(pictures), tmp_path / "db", Decoding())
    skipped = {one.name for one in written.skipped}
    assert skipped == {*zoo.broken(), "folder.jpg", "loop.jpg"}
    assert len(records(tmp_path / "db")) == len(zoo.whole())
    assert written.labels == {-1: len(zoo.whole())}
    assert written.height is None
    assert written.sums is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("how", [SMALL, Decoding(gray=True), Decoding(encode_type="jpg")])
def test_sums_are_those_of_the_database(pictures: Path, tmp_path: Path, how: Decoding) -> None:
    """Divided by the records they are the mean that is computed from it."""
    from caffe_mnist.engine.data.pictures import decode_picture

    written = write_pictures(numbered(pictures, 50), tmp_path / "db", how)
    mean = mean_image(tmp_path / "db", lambda content, where: decode_picture(content, None, where))
    assert written.sums is not None
    assert np.array_equal(written.sums / np.float32(written.records), mean)


def test_sizes_are_checked_when_wanted(pictures: Path, tmp_path: Path) -> None:
    """Pictures unlike the first are skipped, where convert_imageset ends; else all are taken."""
    names = ("0.jpg", "jpeg420.jpg", "1.jpg", "turn6.jpg", "2.jpg")
    listing = Listing(f"{pictures}/", tuple(Entry(name, 0) for name in names), (), "list")
    for encoded in (False, True):
        how = Decoding(check_size=True, encoded=encoded)
        written = write_pictures(listing, tmp_path / "db", how, overwrite=True)
        assert [tuple(one) for one in written.skipped] == [
            ("jpeg420.jpg", "3 x 73 x 97, unlike 3 x 60 x 80 of the first"),
            ("turn6.jpg", "3 x 97 x 73, unlike 3 x 60 x 80 of the first"),
        ]
        assert (written.channels, written.height, written.width) == (3, 60, 80)
    assert write_pictures(listing, tmp_path / "all", Decoding()).records == 5


def test_names_too_long_for_a_key_are_skipped(pictures: Path, tmp_path: Path) -> None:
    """LMDB takes 511 bytes, nine of them for the number."""
    start = "./" * 248
    entries = (Entry(f"{start}1.jpg", 0), Entry(f"{start}.//1.jpg", 0), Entry("2.jpg", 0))
    written = write_pictures(Listing(f"{pictures}/", entries, (), "list"), tmp_path / "db", SMALL)
    assert [one.reason for one in written.skipped] == [
        "its name is too long for a key: 504 bytes",
    ]


def test_no_database_is_made_of_nothing(pictures: Path, tmp_path: Path) -> None:
    """Not one good picture is a failure that names the first; nothing is left behind."""
    entries = (Entry("empty.jpg", 0), Entry("text.jpg", 1))
    with pytest.raises(NoRecordsError, match=r"none of 2 .*empty.jpg: an empty file") as failure:
        write_pictures(Listing(f"{pictures}/", entries, (), "list"), tmp_path / "db", SMALL)
    assert len(failure.value.skipped) == 2
    with pytest.raises(CaffeMnistError, match="there are no pictures"):
        write_pictures(Listing("", (), (), "list"), tmp_path / "db", SMALL)
    assert not os.listdir(tmp_path)


def run(pictures: Path, out: Path, count: int, *, last: int, resume: bool) -> int:
    """A process that converts, and kills itself once so many are done."""
    words = [str(pictures), str(out), str(count), str(last), str(int(resume))]
    command = [sys.executable, "-c", SCRIPT, *words]
    return subprocess.run(command, cwd=out.parent, timeout=120).returncode


@pytest.fixture(scope="module")
def whole(
    pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[bytes, bytes], Written]:
    """The records of 1,000 pictures converted in one go."""
    out = tmp_path_factory.mktemp("whole") / "db"
    written = write_pictures(numbered(pictures, 1000), out, SMALL)
    return records(out), written


def test_a_killed_run_is_gone_on_with(
    pictures: Path, tmp_path: Path, whole: tuple[dict[bytes, bytes], Written]
) -> None:
    """After any number of kills the very same records, and the same is said of it."""
    out = tmp_path / "db"
    for last in (100, 101, 334, 700):
        assert run(pictures, out, 1000, last=last, resume=last > 100) == -signal.SIGKILL
        assert not out.exists()
    told: list[int] = []
    written = write_pictures(
        numbered(pictures, 1000), out, SMALL, resume=True, progress=lambda _, n, __: told.append(n)
    )
    assert 700 <= told[0] < 800
    assert records(out) == whole[0]
    assert os.listdir(tmp_path) == ["db"]
    same_as(written, whole[1])


def same_as(written: Written, other: Written) -> None:
    """Whether two conversions say the same."""
    assert written.sums is not None
    assert other.sums is not None
    assert np.array_equal(written.sums, other.sums)
    for name in ("records", "skipped", "labels", "sizes", "channels", "height", "width", "sha256"):
        assert getattr(written, name) == getattr(other, name), name


def test_a_kill_between_journal_and_commit_loses_nothing(
    pictures: Path, tmp_path: Path, whole: tuple[dict[bytes, bytes], Written]
) -> None:
    """Lines of transactions that never were, and half a line, are left out."""
    out = tmp_path / "db"
    run(pictures, out, 1000, last=300, resume=False)
    with open(tmp_path / ".db.journal", "a") as journal:
        journal.write('{"following":999,"records":600,"skipped":[],"sizes":[],"shapes":[]}\n{"fol')
    written = write_pictures(numbered(pictures, 1000), out, SMALL, resume=True)
    assert records(out) == whole[0]
    same_as(written, whole[1])


def test_going_on_with_something_else_is_refused(pictures: Path, tmp_path: Path) -> None:
    """Another list or other options; what is there stays, until a run begins anew."""
    out = tmp_path / "db"
    run(pictures, out, 500, last=100, resume=False)
    left = sorted(os.listdir(tmp_path))
    for listing, how in [
        (numbered(pictures, 501), SMALL),
        (numbered(pictures, 500, first=1), SMALL),
        (numbered(pictures, 500), Decoding(height=40, width=51)),
    ]:
        with pytest.raises(CaffeMnistError, match="not those of the earlier run"):
            write_pictures(listing, out, how, resume=True)
    assert sorted(os.listdir(tmp_path)) == left
    assert write_pictures(numbered(pictures, 20), out, SMALL).records == 20
    assert os.listdir(tmp_path) == ["db"]


def test_resume_begins_where_nothing_was_left(pictures: Path, tmp_path: Path) -> None:
    """So that a script may always say it; also over an older database."""
    out = tmp_path / "db"
    assert write_pictures(numbered(pictures, 20), out, SMALL, resume=True).records == 20
    with pytest.raises(CaffeMnistError, match="exists already"):
        write_pictures(numbered(pictures, 21), out, SMALL, resume=True)
    again = write_pictures(numbered(pictures, 21), out, SMALL, resume=True, overwrite=True)
    assert again.records == 21
    assert os.listdir(tmp_path) == ["db"]


def test_a_finished_database_is_known_again(pictures: Path, tmp_path: Path) -> None:
    """While its journal is kept, nothing is done twice; other leftovers are not mistaken."""
    out, listing = tmp_path / "db", numbered(pictures, 400)
    first = write_pictures(listing, out, SMALL, keep_journal=True)
    before = (out / "data.mdb").stat().st_mtime_ns
    same_as(write_pictures(listing, out, SMALL, resume=True, keep_journal=True), first)
    assert (out / "data.mdb").stat().st_mtime_ns == before
    forget(out)
    assert os.listdir(tmp_path) == ["db"]


def test_interrupted_work_is_kept_and_the_old_database_too(pictures: Path, tmp_path: Path) -> None:
    """Ctrl-C in the middle: what was there is untouched, the next run goes on or begins anew."""
    out = tmp_path / "db"
    write_pictures(numbered(pictures, 20), out, SMALL)

    def interrupt(_: str, done: int, __: int) -> None:
        if done > 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_pictures(numbered(pictures, 400), out, SMALL, overwrite=True, progress=interrupt)
    assert len(records(out)) == 20
    written = write_pictures(numbered(pictures, 400), out, SMALL, overwrite=True, resume=True)
    assert len(records(out)) == written.records == 398
    assert os.listdir(tmp_path) == ["db"]


def test_two_at_once_do_not_write_the_same_database(pictures: Path, tmp_path: Path) -> None:
    """The second is told so."""
    out = tmp_path / "db"

    def second(*_: object) -> None:
        with pytest.raises(CaffeMnistError, match="another process is writing it"):
            write_pictures(numbered(pictures, 20), out, SMALL)

    assert write_pictures(numbered(pictures, 20), out, SMALL, progress=second).records == 20


@pytest.mark.skipif(not os.path.exists("/proc/self/cwd"), reason="looks into /proc")
def test_workers_end_with_their_killed_parent(pictures: Path, tmp_path: Path) -> None:
    """A kill -9 of the command leaves no process behind."""
    run(pictures, tmp_path / "db", 1000, last=100, resume=False)
    deadline = time.monotonic() + 60
    while workers_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not workers_of(tmp_path)


def workers_of(folder: Path) -> list[str]:
    """The workers of a run that was started in `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if b"pictures.worker" in command and os.readlink(process / "cwd") == str(folder):
                found.append(process.name)
    return found


def test_a_full_disk_is_said_and_can_be_gone_on_from(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line with the reason; --resume then goes on."""
    from caffe_mnist.datasets import writer

    out, put = tmp_path / "db", writer.DatabaseWriter.put
    count = 0

    def full(self: writer.DatabaseWriter, *arguments: object, **options: object) -> None:
        nonlocal count
        count += 1
        if count == 5:
            raise CaffeMnistError("cannot write: No space left on device", where=self.path)
        put(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(writer.DatabaseWriter, "put", full)
    with pytest.raises(CaffeMnistError, match=r"No space left on device \(--resume goes on"):
        write_pictures(numbered(pictures, 400), out, SMALL)
    assert write_pictures(numbered(pictures, 400), out, SMALL, resume=True).records == 398
