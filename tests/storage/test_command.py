"""python -m caffe_mnist.storage: what a person sees."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from caffe_mnist.storage.__main__ import main
from caffe_mnist.storage.snapshots import publish
from caffe_mnist.storage.store import open_store
from caffe_mnist.storage.urls import join
from tests.fixtures.faults import HANG, FaultProxy
from tests.storage.conftest import make, tree

COMMAND = [sys.executable, "-m", "caffe_mnist.storage"]


def said(*words: str, status: int = 0) -> tuple[str, str]:
    """What a process of the command says; its exit status is as expected."""
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done
    return done.stdout, done.stderr


def test_there_and_back(root: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """cp, ls, sync and rm, as in the document."""
    source = make(tmp_path / "source", a=b"12345", b__c=b"6")
    assert main(["cp", str(source), root]) == 0
    assert "2/2 files" in capfd.readouterr().err
    assert main(["ls", root]) == 0
    folder, file, total = capfd.readouterr().out.splitlines()
    assert folder.split() == ["-", "folder", "b/"]
    assert file.split()[::2] == ["5", "a"]
    assert total == "1 folder, 1 file, 5 bytes"
    assert main(["ls", "-R", root, join(root, "a")]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines if "Z  " in line] == ["a", "b/c", "a"]
    assert main(["sync", root, str(tmp_path / "copy")]) == 0
    assert "2 new or changed, 0 the same" in capfd.readouterr().err
    assert tree(tmp_path / "copy") == {"a": b"12345", "b/c": b"6"}
    assert main(["rm", "--yes", root, str(tmp_path / "copy")]) == 0
    assert not (tmp_path / "copy").exists()
    assert main(["ls", root]) == 1


def test_verify_tells_by_its_status(root: str, tmp_path: Path) -> None:
    """0 for complete snapshots; 1, and the names, for others."""
    files = make(tmp_path / "model", x=b"1")
    publish(join(root, "1"), sorted(files.iterdir()), 7)
    out, err = said("verify", root)
    assert out.strip().endswith("1: complete, iteration 7, 1 files")
    assert err.splitlines()[-1] == "1 complete, 0 not"
    open_store(root).write("1/x", b"2")
    out, err = said("verify", root, status=1)
    assert "1/x: damaged" in out
    assert err.splitlines()[-1] == "0 complete, 1 not"


def test_rm_of_several_goes_on(root: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What the last step of a sample cleans: dataset, code and models, also the second time."""
    store = open_store(root)
    for name in ("code/y", "models/1/z"):
        store.write(name, b"1")
    urls = [join(root, name) for name in ("dataset", "code", "models")]
    assert main(["rm", "--yes", *urls]) == 1
    said = capfd.readouterr().err.splitlines()
    assert [line.split(" (")[0] for line in said[1:]] == [f"removed {url}" for url in urls[1:]]
    assert "dataset: there is n" in said[0]
    assert store.list() == []


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["ls", "ftp://x"], 2, "unknown scheme ftp://"),
        (["cp", "x"], 2, "required: TARGET"),
        (["ls", "s3://k:s@bucket"], 2, "s3://bucket: holds a key"),
        (["cp", "a", "obs://bucket/x?Signature=s"], 2, "obs://bucket/x: holds a key"),
        (["sweep"], 2, "invalid choice"),
        (["rm", "s3://bucket", "--yes"], 2, "--bucket"),
        (["rm", "x"], 2, "--yes removes without asking"),
        (["ls", "s3://bucket"], 2, "no credentials in the environment"),
        (["cp", "nowhere", "x"], 1, "no such file or folder"),
        (["verify", "."], 1, "no snapshot here"),
        (["sync", "nowhere", "x"], 1, "no such file or folder"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str],
    status: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """With the exit status of bad input or of a failure."""
    monkeypatch.chdir(make(tmp_path / "here", a=b"1"))
    for name in list(os.environ):
        if name.startswith(("AWS_", "OBS_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115
    assert main(words) == status
    found = capfd.readouterr()
    assert len(found.err.splitlines()) == 1
    assert message in found.err


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_rm_asks_on_a_terminal(answer: str, left: int, tmp_path: Path) -> None:
    """And takes only a yes for one."""
    folder = make(tmp_path / "gone", a=b"12")
    ours, theirs = pty.openpty()
    words = [*COMMAND, "rm", str(folder)]
    process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
    os.write(ours, answer.encode())
    _, errors = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert f"remove {folder} (1 file, 2 bytes)? [y/N]".encode() in errors
    assert process.returncode == 0
    assert folder.exists() == bool(left)


def test_a_bar_on_a_terminal(tmp_path: Path) -> None:
    """Progress is a bar there, and lines elsewhere."""
    folder = make(tmp_path / "from", a=b"1" * 100_000)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    words = [*COMMAND, "cp", str(folder), str(tmp_path / "to")]
    process = subprocess.Popen(words, stderr=theirs)
    assert process.wait(timeout=60) == 0
    os.close(theirs)
    shown = os.read(ours, 65536)
    os.close(ours)
    assert b"100%" in shown


def test_ctrl_c_is_heard_while_a_store_is_silent(
    bucket: str, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exit status 130 and one line, long before the store's time is up."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", faults.endpoint)
    faults.fault(HANG)
    words = [*COMMAND, "cp", str(make(tmp_path, a=b"1")), bucket]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not faults.hits and time.monotonic() < deadline:
        time.sleep(0.05)
    shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()  # what a list of processes shows
    assert os.environ["AWS_SECRET_ACCESS_KEY"].encode() not in shown
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=40)
    assert process.returncode == 130
    assert errors.splitlines() == ["python -m caffe_mnist.storage: interrupted"]


def test_sync_finishes_an_upload_that_was_cut_off(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the model folder says that something is not in the store yet."""
    from caffe_mnist.storage import unfinished

    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(unfinished, "finish", lambda *words: asked.append(words))
    model = make(tmp_path / "model", **{"unfinished.json": b"{}"})
    assert main(["sync", str(model), root]) == 0
    assert [words[:2] for words in asked] == [(model, root)]


def test_help_is_instant() -> None:
    """Of every subcommand, without the library for stores."""
    for words in ([], ["ls"], ["cp"], ["sync"], ["rm"], ["verify"]):
        out, _ = said(*words, "--help")
        assert "usage: python -m caffe_mnist.storage" in out
    code = "import sys, caffe_mnist.storage.__main__; print('obstore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_keys_are_never_shown(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in what the command says, for right keys and for wrong ones."""
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    folder = str(make(tmp_path, a=b"1"))
    for value in (secret, "wrong-" + "k" * 20):
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", value)
        for words in (["cp", folder, bucket], ["ls", bucket], ["verify", bucket]):
            done = subprocess.run([*COMMAND, *words], capture_output=True, text=True)
            assert value not in done.stdout + done.stderr
