"""The convert command as a user meets it: started, fed with wrong things, killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import lmdb
import pytest

from caffe_mnist.convert import main
from caffe_mnist.datasets import mnist
from caffe_mnist.datasets.database import Database
from tests.datasets.idx_files import images, labels, pair

ROOT = Path(__file__).parents[1]
PROGRAM = [sys.executable, "-m", "caffe_mnist.convert"]


def run(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)], env=environment, cwd=cwd, capture_output=True, text=True
    )


def assert_refused(
    arguments: Sequence[object], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2 and one line that says what is wrong."""
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1, err
    assert err.startswith("python -m caffe_mnist.convert: error: ")
    assert what in err


def test_idx_to_lmdb(tmp_path: Path) -> None:
    """The plain case, as a process: records, rate on stderr, nothing on stdout."""
    done = run("idx", *pair(tmp_path, 20), tmp_path / "db")
    assert (done.returncode, done.stdout) == (0, "")
    assert "20 items" in done.stderr
    assert "items/s" in done.stderr
    with Database(tmp_path / "db") as database:
        assert len(database) == 20


def test_the_fast_way_loads_nothing_heavy(tmp_path: Path) -> None:
    """Converting plain IDX files imports neither NumPy nor protobuf nor a progress bar."""
    code = (
        "import sys; before = set(sys.modules);"  # an editable install has its own
        "from caffe_mnist.convert import main; status = main(sys.argv[1:]);"
        "heavy = {'numpy', 'google.protobuf', 'tqdm', 'pathlib', 'tempfile', 'gzip'};"
        "print(sorted(heavy & set(sys.modules) - before)); sys.exit(status)"
    )
    files = pair(tmp_path, 20)
    done = subprocess.run(
        [sys.executable, "-c", code, "idx", *files, tmp_path / "db"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_mnist_from_a_url(tmp_path: Path) -> None:
    """SRC may be the URL of a store; what was downloaded is gone at the end."""
    raw = tmp_path / "raw"
    raw.mkdir()
    for names in (mnist.NAMES[:2], mnist.NAMES[2:]):
        for path, name in zip(pair(raw, 10), names):
            path.rename(raw / name)
    (raw / "unrelated").write_text("text")
    done = run("mnist", raw.as_uri(), "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path)) == ["out", "raw"]
    assert sorted(os.listdir(tmp_path / "out")) == [
        "dataset.json",
        "mnist_test_lmdb",
        "mnist_train_lmdb",
    ]


def test_a_url_without_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A store that has other things, or nothing, is refused in one line."""
    url = tmp_path.as_uri()
    assert_refused(["mnist", url, tmp_path / "out"], url, capsys)
    (tmp_path / mnist.TRAIN_IMAGES).write_bytes(images(5))
    assert main(["mnist", url, str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"error: {url}: missing {mnist.TRAIN_LABELS}" in error
    assert os.listdir(tmp_path) == [mnist.TRAIN_IMAGES]


def test_digits_then_info_check_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The generated set, and the three commands that read a database."""
    assert main(["digits", str(tmp_path), "--train", "40", "--test", "10", "--seed", "7"]) == 0
    path = tmp_path / mnist.TRAIN_DATABASE
    info, check = run("info", path), run("check", path)
    assert (info.returncode, check.returncode) == (0, 0)
    assert {"records: 40", "keys: 00000000 to 00000039"} <= set(info.stdout.splitlines())
    assert "shape: 1 x 28 x 28 uint8 (40 records)" in info.stdout
    assert "40 records, all whole" in check.stdout
    assert main(["export", str(path), str(tmp_path / "out.npz")]) == 0
    assert (tmp_path / "out.npz").stat().st_size > 40 * 784
    capsys.readouterr()
    assert_refused(["digits", tmp_path], "exist already", capsys)


def test_check_names_broken_records(tmp_path: Path) -> None:
    """Exit status 1 and a line for each broken record."""
    assert main(["idx", *map(str, pair(tmp_path, 20)), str(tmp_path / "db")]) == 0
    with lmdb.open(str(tmp_path / "db")) as environment, environment.begin(write=True) as txn:
        txn.put(b"00000004", b"garbage")
        txn.put(b"00000009", b"")
    done = run("check", tmp_path / "db")
    assert done.returncode == 1
    assert [line.split(": ")[1] for line in done.stdout.splitlines()] == [
        "record 00000004",
        "record 00000009",
        "the shard db is not as it was made",
    ]


@pytest.mark.parametrize("command", ["check", "info"])
def test_damaged_pages_end_in_a_line(tmp_path: Path, command: str) -> None:
    """LMDB aborts the process that reads a page of zeros; the command does not die of it."""
    assert main(["idx", *map(str, pair(tmp_path, 2000)), str(tmp_path / "db")]) == 0
    content = bytearray((tmp_path / "db" / "data.mdb").read_bytes())
    content[4096 * 6 : 4096 * 7] = bytes(4096)
    (tmp_path / "db" / "data.mdb").write_bytes(content)
    done = run(command, tmp_path / "db")
    assert done.returncode in (1, 2)
    assert "damaged" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_wrong_calls_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each wrong call and input: one line, exit status 2, and nothing new on the disk."""
    one, other = pair(tmp_path, 20)
    (tmp_path / "short").write_bytes(images(20)[:-1])
    (tmp_path / "fewer").write_bytes(labels(19))
    (tmp_path / "there").mkdir()
    before = sorted(os.listdir(tmp_path))
    out = tmp_path / "out"
    for arguments, what in (
        ([], "COMMAND"),
        (["frobnicate"], "frobnicate"),
        (["idx", one], "LABELS, OUT"),
        (["idx", one, other, out, "--backend", "leveldb"], "LevelDB is not written"),
        (["idx", one, other, out, "--backend", "hdf5"], "unknown"),
        (["idx", one, other, out, "--limit", "0"], "--limit"),
        (["idx", one, other, out, "--limit", "many"], "--limit"),
        (["idx", one, other, out, "--shuffle", "much"], "--shuffle"),
        (["idx", one, other, tmp_path / "there"], "exists already"),
        (["idx", one, other, tmp_path / "none" / "out"], "cannot write"),
        (["idx", tmp_path / "short", other, out], "truncated"),
        (["idx", one, tmp_path / "fewer", out], "19 labels"),
        (["idx", other, one, out], "swapped"),
        (["mnist", tmp_path, out], "missing train-images"),
        (["mnist", tmp_path / "none", out], "No such file"),
        (["info", tmp_path / "none"], "no such database"),
        (["check", tmp_path / "there"], "no data.mdb"),
        (["export", tmp_path / "there", out], "no data.mdb"),
    ):
        if arguments[:1] in (["info"], ["check"]):  # they work in a child
            done = run(*arguments)
            assert (done.returncode, what in done.stderr) == (2, True)
            assert len(done.stderr.splitlines()) == 1
        else:
            assert_refused(arguments, what, capsys)
        assert sorted(os.listdir(tmp_path)) == before, arguments


def endless(folder: Path) -> tuple[Path, Path]:
    """A pair of files of which the images never come to an end: a pipe that is held open."""
    one, other = pair(folder, 3000)
    content = one.read_bytes()
    one.unlink()
    os.mkfifo(one)
    (folder / "content").write_bytes(content[: 16 + 2000 * 15])
    return one, other


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)],
)
def test_a_signal_leaves_what_was_there(
    tmp_path: Path, number: signal.Signals, status: int, overwrite: bool
) -> None:
    """In the middle of the work: the status of the signal, and the disk as before.

    Only SIGKILL leaves a folder aside, which the next run removes.
    """
    target = tmp_path / "out" / "db"
    target.parent.mkdir()
    if overwrite:
        assert main(["idx", *map(str, pair(tmp_path, 5)), str(target)]) == 0
    one, other = endless(tmp_path)
    process = subprocess.Popen(
        [*PROGRAM, "idx", one, other, target, "--overwrite"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_signals,
    )
    with one.open("wb", buffering=0) as pipe:
        pipe.write((tmp_path / "content").read_bytes())
        wait_until(lambda: any("aside" in name for name in os.listdir(target.parent)))
        process.send_signal(number)
        wait_until(lambda: not status > 0 or signal_was_noted(process.pid, number))
    _, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    assert "Traceback" not in err
    left = os.listdir(target.parent)
    assert ("db" in left) == overwrite
    assert any("aside" in name for name in left) == (number == signal.SIGKILL)
    one.unlink()
    assert main(["idx", *map(str, pair(tmp_path, 7)), str(target), "--overwrite"]) == 0
    assert sorted(os.listdir(target.parent)) == ["db", "db.dataset.json"]


def heed_signals() -> None:
    """Whatever started the tests may have had signals ignored (nohup, &), and they inherit that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def signal_was_noted(pid: int, number: int) -> bool:
    """Whether the signal is no longer pending for the process."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True
    pending = [int(line.split()[1], 16) for line in text.splitlines() if "Pnd:" in line]
    return not any(bits >> (number - 1) & 1 for bits in pending)


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for a condition, and fail when it does not come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mounting needs root")
def test_a_full_disk(tmp_path: Path) -> None:
    """A file system without room: one line with the reason, and the room is free again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk])
    if mounted.returncode:
        pytest.skip("this container may not mount")
    try:
        files = pair(tmp_path, 3000)
        (tmp_path / "images").write_bytes(images(3000, 40, 40))
        done = run("idx", *files, disk / "db")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "No space left on device" in done.stderr
        assert os.listdir(disk) == []
    finally:
        subprocess.run(["umount", disk], check=True)
