"""The uploader: takes whole snapshots once, gives up on nothing, ends by itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from caffe_mnist.storage.newest import NEWEST, read_pointer
from caffe_mnist.storage.pairs import marks_of, pairs, write_marks
from caffe_mnist.storage.snapshots import fetch
from caffe_mnist.storage.store import Store, StoreError, open_store
from caffe_mnist.storage.survey import published
from caffe_mnist.storage.uploader import Settings, Uploader, main
from tests.fixtures.faults import REFUSE, FaultProxy
from tests.fixtures.swift import Swift


class Clock:
    """A clock that goes only when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time it was set to."""
        return self.now


def write(folder: Path, iteration: int, kind: str, size: int = 5000) -> Path:
    """One file of a snapshot, which does not begin like one of Caffe's that is cut."""
    path = folder / f"net_iter_{iteration}.{kind}"
    path.write_bytes(b"\xff" + os.urandom(size - 1))
    return path


def snapshot(folder: Path, iteration: int, size: int = 5000) -> None:
    """Both files, in Caffe's order."""
    write(folder, iteration, "caffemodel", size)
    write(folder, iteration, "solverstate", size)


def uploader(folder: Path, **more: Any) -> tuple[Uploader, Clock]:
    """An uploader of `folder` to `folder/store` with a clock of its own."""
    clock = Clock()
    settings = {"prefix": str(folder / "net"), "to": str(folder / "store"), "every": 0, **more}
    return Uploader(Settings(**settings), clock), clock


def iterations(folder: Path) -> list[int]:
    """What the store holds."""
    return [one.manifest.iteration for one in published(str(folder / "store"))]


def test_weights_alone_are_no_snapshot(tmp_path: Path) -> None:
    """Caffe writes the solver state second; before it there is nothing to take."""
    write(tmp_path, 10, "caffemodel")
    assert pairs(tmp_path / "net") == []
    write(tmp_path, 10, "solverstate")
    (tmp_path / "other_iter_10.solverstate").write_bytes(b"x")
    assert [pair.iteration for pair in pairs(tmp_path / "net")] == [10]


def test_a_snapshot_is_taken_when_it_has_settled(tmp_path: Path) -> None:
    """Two looks must see the same, and nobody may have it open for writing."""
    one, _ = uploader(tmp_path)
    snapshot(tmp_path, 10)
    one.look()
    assert iterations(tmp_path) == []
    with (tmp_path / "net_iter_10.solverstate").open("ab") as file:
        file.write(b"more")
        file.flush()
        one.look()
        one.look()
        assert iterations(tmp_path) == []
    one.look()
    assert iterations(tmp_path) == [10]


def test_nothing_is_uploaded_twice(tmp_path: Path) -> None:
    """Not by the same uploader, nor by one that is started anew."""
    snapshot(tmp_path, 10)
    snapshot(tmp_path, 20)
    for _ in range(2):
        one, _ = uploader(tmp_path)
        one.look(final=True)
        one.look(final=True)
    assert [entry.name for entry in open_store(tmp_path / "store").list()] == [
        f"{folder}/{name}"
        for folder, n in (("1", 10), ("2", 20))
        for name in ("manifest.json", f"net_iter_{n}.caffemodel", f"net_iter_{n}.solverstate")
    ] + ["newest.json"]


def test_a_snapshot_written_again_is_uploaded_again(tmp_path: Path) -> None:
    """Other bytes under an old name are another snapshot."""
    one, _ = uploader(tmp_path)
    snapshot(tmp_path, 10)
    one.look(final=True)
    snapshot(tmp_path, 10)
    one.look(final=True)
    assert iterations(tmp_path) == [10, 10]


def test_numbers_go_on_after_those_of_an_earlier_run(tmp_path: Path) -> None:
    """A half upload without a manifest is overwritten, never left."""
    snapshot(tmp_path, 10)
    uploader(tmp_path)[0].look(final=True)
    store = open_store(tmp_path / "store")
    store.write("2/net_iter_15.caffemodel", b"half")
    snapshot(tmp_path, 20)
    uploader(tmp_path)[0].look(final=True)
    assert [one.folder for one in published(str(tmp_path / "store"))] == ["1", "2"]
    assert store.size("2/net_iter_15.caffemodel") is None


def test_files_from_before_the_run_are_left(tmp_path: Path) -> None:
    """`since` keeps an earlier run's files out."""
    snapshot(tmp_path, 10)
    old = time.time() - 100
    for path in tmp_path.glob("net_iter_10.*"):
        os.utime(path, (old, old))
    snapshot(tmp_path, 20)
    uploader(tmp_path, since=old + 50)[0].look(final=True)
    assert iterations(tmp_path) == [20]


def test_marks_tell_an_earlier_runs_files_when_clocks_jump(tmp_path: Path) -> None:
    """The clock went back an hour when the training began: its snapshots are taken all the same."""
    snapshot(tmp_path, 10)
    snapshot(tmp_path, 20)
    write_marks(tmp_path / "marks", marks_of(tmp_path / "net"))
    one, _ = uploader(tmp_path, earlier=str(tmp_path / "marks"))
    write(tmp_path, 20, "caffemodel")  # Caffe writes the weights over its older ones …
    one.look(final=True)
    assert iterations(tmp_path) == []
    write(tmp_path, 20, "solverstate")  # … and then the state
    snapshot(tmp_path, 30)
    for path in [*tmp_path.glob("net_iter_20.*"), *tmp_path.glob("net_iter_30.*")]:
        os.utime(path, (time.time() - 3600,) * 2)
    one.look(final=True)
    assert iterations(tmp_path) == [20, 30]


def test_half_a_second_version_is_not_taken(tmp_path: Path) -> None:
    """New weights beside the state of before: the trainer was killed between the two."""
    one, _ = uploader(tmp_path)
    snapshot(tmp_path, 10)
    one.look(final=True)
    write(tmp_path, 10, "caffemodel")
    one.look()
    one.look()
    one.look(final=True)
    assert iterations(tmp_path) == [10]


def test_both_kinds_of_files_of_one_iteration(tmp_path: Path) -> None:
    """HDF5 beside binary: two snapshots, each once."""
    h5py = pytest.importorskip("h5py")
    one, _ = uploader(tmp_path)
    snapshot(tmp_path, 10)
    for kind in ("caffemodel", "solverstate"):
        with h5py.File(tmp_path / f"net_iter_10.{kind}.h5", "w") as file:
            file["iter"] = [10]
    for _ in range(3):
        one.look(final=True)
    assert iterations(tmp_path) == [10, 10]


def test_the_pointer_follows_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`newest.json` never names what is not complete; it is written when its turn is due."""
    writes = []
    whole = Store.write

    def write_(self: Store, name: str, content: bytes) -> None:
        if name == NEWEST:
            named = json.loads(content)
            there = {one.folder: one.manifest.iteration for one in published(self.url)}
            assert there[named["folder"]] == named["iteration"]
            writes.append(named["iteration"])
            if len(writes) == 1:
                raise StoreError("not now")
        whole(self, name, content)

    monkeypatch.setattr(Store, "write", write_)
    one, clock = uploader(tmp_path)
    snapshot(tmp_path, 10)
    assert not one.look(final=True)
    assert (iterations(tmp_path), read_pointer(str(tmp_path / "store"))) == ([10], None)
    clock.now = one.not_before
    assert one.look(final=True)
    for iteration in (30, 20):  # the newest is the one of the highest iteration
        snapshot(tmp_path, iteration)
        assert one.look(final=True)
        found = read_pointer(str(tmp_path / "store"))
        assert found is not None
        assert (found.folder, found.manifest.iteration) == ("2", 30)
    assert writes == [10, 10, 30]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"version": 2}', b"[" * 9999, b'{"folder": 7}'])
def test_a_pointer_that_is_none(tmp_path: Path, content: bytes) -> None:
    """It is a hint; what is wrong with it is no error."""
    open_store(tmp_path / "store").write(NEWEST, content)
    assert read_pointer(str(tmp_path / "store")) is None
    right = {"version": 1, "folder": "1", "iteration": 10, "created": ""}
    open_store(tmp_path / "store").write(NEWEST, json.dumps(right).encode())
    assert read_pointer(str(tmp_path / "store")) is None
    snapshot(tmp_path, 10)
    uploader(tmp_path)[0].look(final=True)
    open_store(tmp_path / "store").write(NEWEST, json.dumps({**right, "iteration": 9}).encode())
    assert read_pointer(str(tmp_path / "store")) is None


def test_uploads_keep_their_distance(tmp_path: Path) -> None:
    """At most one round in `every` seconds; the last round does not wait."""
    one, clock = uploader(tmp_path, every=60)
    for turn, iteration in enumerate((10, 20, 30)):
        snapshot(tmp_path, iteration)
        clock.now = turn * 10
        one.look()
        one.look()
    assert iterations(tmp_path) == [10]
    clock.now = 61
    one.look()
    assert iterations(tmp_path) == [10, 20, 30]
    snapshot(tmp_path, 40)
    one.look(final=True)
    assert iterations(tmp_path) == [10, 20, 30, 40]


def test_only_the_newest_are_kept_on_request(tmp_path: Path) -> None:
    """Oldest first; `final` and the newest always stay."""
    one, _ = uploader(tmp_path, keep=2)
    open_store(tmp_path / "store").write("final/x", b"1")
    for iteration in (10, 20, 30, 40):
        snapshot(tmp_path, iteration)
        one.look(final=True)
    assert iterations(tmp_path) == [30, 40]
    assert open_store(tmp_path / "store").size("final/x") == 1


def test_the_newest_is_kept_whatever_its_number(tmp_path: Path) -> None:
    """A job begun anew below an older one's snapshots: the furthest one stays, too."""
    one, _ = uploader(tmp_path, keep=2)
    for iteration in (900, 10, 20, 30):
        snapshot(tmp_path, iteration)
        one.look(final=True)
    assert iterations(tmp_path) == [20, 30, 900]


def test_what_somebody_died_removing_is_removed(tmp_path: Path) -> None:
    """A folder without a manifest below the oldest that is kept; never one above."""
    store = open_store(tmp_path / "store")
    for folder in ("1", "9"):
        store.write(f"{folder}/net_iter_5.caffemodel", b"half")
    store.write("2/manifest.json", b'{"version": 7}')
    for iteration in (10, 20, 30):
        snapshot(tmp_path, iteration)
        uploader(tmp_path, keep=2)[0].look(final=True)
    found = {entry.name.partition("/")[0] for entry in store.list()}
    assert found == {"2", "4", "5", "9", "newest.json"}


def test_what_would_be_removed_at_once_is_not_uploaded(tmp_path: Path) -> None:
    """After a while without a store, only the newest of `keep` go there."""
    for iteration in (10, 20, 30, 40):
        snapshot(tmp_path, iteration)
    uploader(tmp_path, keep=2)[0].look(final=True)
    assert [(one.folder, one.manifest.iteration) for one in published(str(tmp_path / "store"))] == [
        ("1", 30),
        ("2", 40),
    ]


def test_a_bucket_made_anew_is_filled_again(tmp_path: Path) -> None:
    """What is still on disk goes there once more; what was removed on purpose does not."""
    one, clock = uploader(tmp_path, keep=2)
    for iteration in (10, 20, 30):
        snapshot(tmp_path, iteration)
        one.look(final=True)
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "store").write_text("away")
    snapshot(tmp_path, 40)
    assert not one.look(final=True)
    (tmp_path / "store").unlink()
    clock.now = one.not_before
    while not one.look(final=True):
        clock.now = max(clock.now, one.not_before)
    assert iterations(tmp_path) == [30, 40]


def test_nobody_listens_and_the_disk_is_full(tmp_path: Path) -> None:
    """Lines that cannot be written stop no upload."""
    snapshot(tmp_path, 10)
    with open("/dev/full", "wb") as full:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "caffe_mnist.storage.uploader", "--prefix",
                str(tmp_path / "net"), "--to", str(tmp_path / "store"), "--report", "/dev/full",
            ],
            stdin=subprocess.PIPE,
            stderr=full,
        )  # fmt: skip
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=120) == 0
    assert iterations(tmp_path) == [10]


def test_failures_are_tried_again_with_growing_pauses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A store that cannot be written is not hammered, and nothing is lost."""
    (tmp_path / "store").write_text("in the way")
    one, clock = uploader(tmp_path)
    snapshot(tmp_path, 10)
    pauses = []
    for _ in range(4):
        assert not one.look(final=True)
        pauses.append(one.not_before - clock.now)
        assert not one.look(final=True)  # before the pause is over nothing is tried
        clock.now = one.not_before
    assert all(0 < pause <= 60 for pause in pauses)
    assert pauses[3] > pauses[0]
    assert one.failures == 4
    (tmp_path / "store").unlink()
    assert one.look(final=True)
    assert iterations(tmp_path) == [10]
    assert "iteration 10 not uploaded" in capsys.readouterr().err


def start(folder: Path, to: str, *flags: str, **environment: str) -> subprocess.Popen[bytes]:
    """The uploader as a process."""
    return subprocess.Popen(
        [
            sys.executable, "-m", "caffe_mnist.storage.uploader", "--prefix", str(folder / "net"),
            "--to", to, "--every", "0", "--report", str(folder / "report"), *flags,
        ],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )  # fmt: skip


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def events(folder: Path) -> list[str]:
    """The events of the report."""
    if not (folder / "report").exists():
        return []
    return [json.loads(line)["event"] for line in (folder / "report").read_text().splitlines()]


def test_sigterm_drains(tmp_path: Path) -> None:
    """What is complete is in the store when the process ends with 0."""
    process = start(tmp_path, str(tmp_path / "store"))
    snapshot(tmp_path, 10)
    until(lambda: "published" in events(tmp_path))
    snapshot(tmp_path, 20)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    assert iterations(tmp_path) == [10, 20]


def test_it_ends_with_its_launcher_and_the_trainer(tmp_path: Path) -> None:
    """Alone, it waits for the trainer, takes its last snapshot and ends."""
    with subprocess.Popen(["sleep", "600"]) as trainer:
        process = start(tmp_path, str(tmp_path / "store"), "--trainer", str(trainer.pid))
        assert process.stdin is not None
        process.stdin.close()
        snapshot(tmp_path, 10)
        until(lambda: "published" in events(tmp_path))
        assert process.poll() is None
        snapshot(tmp_path, 20)
        trainer.kill()
    assert process.wait(timeout=60) == 0
    assert iterations(tmp_path) == [10, 20]


def test_it_tells_what_is_not_safe(tmp_path: Path) -> None:
    """Exit status 1 when the store could not be reached to the end."""
    (tmp_path / "store").write_text("in the way")
    snapshot(tmp_path, 10)
    process = start(tmp_path, str(tmp_path / "store"), "--drain-timeout", "1")
    until(lambda: "failed" in events(tmp_path))
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 1
    assert events(tmp_path)[-1] == "gave up"


def test_killed_in_the_middle_nothing_is_lost(swift: Swift, tmp_path: Path) -> None:
    """After kill -9 the next one completes the store; no lie is ever published."""
    url = f"s3://{swift.bucket()}/run"
    for iteration in (10, 20, 30):
        snapshot(tmp_path, iteration, 3_000_000)
    environment = swift.env()
    for delay in (0.2, 0.4, 0.8):
        process = start(tmp_path, url, **environment)
        time.sleep(delay)
        process.kill()
        process.wait()
    process = start(tmp_path, url, **environment)
    until(lambda: events(tmp_path).count("published") >= 3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        found = published(url)
        assert [one.manifest.iteration for one in found] == [10, 20, 30]
        for one in found:
            fetch(one.url, tmp_path / "check" / one.folder)


def test_a_store_that_comes_back(swift: Swift, faults: FaultProxy, tmp_path: Path) -> None:
    """While nobody answers snapshots wait; then they go up."""
    url = f"s3://{swift.bucket()}/run"
    faults.fault(REFUSE)
    snapshot(tmp_path, 10)
    process = start(tmp_path, url, **swift.env(faults.endpoint))
    until(lambda: "failed" in events(tmp_path))
    faults.fault(None)
    until(lambda: "published" in events(tmp_path))
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to=s3://bucket/x"], "s3://bucket: no credentials in the environment"),
        (["--to=s3://k:s@bucket/x"], "s3://bucket/x: holds a key"),
        (["--to=ftp://host"], "unknown scheme ftp://"),
        (["--to=store", "--keep=-3"], "--keep: cannot be negative"),
        (["--to=store", "--keep=few"], "--keep: invalid int value: 'few'"),
        (["--to=store", "--every=nan"], "--every: cannot be nan"),
        (["--to=store", "--earlier=none"], "none: cannot read"),
        ([], "required: --to"),
    ],
)
def test_what_can_never_work_ends_at_once(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """In one line; it does not wait for ever for a store that cannot be."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("AWS_", "OBS_")) or name.endswith("ACCESS_KEY_ID"):
            monkeypatch.delenv(name)
    assert main(["--prefix=net", *arguments]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert message in line


def test_secrets_stay_out_of_sight(swift: Swift, tmp_path: Path) -> None:
    """Neither the process list nor the report holds a key."""
    snapshot(tmp_path, 10)
    process = start(tmp_path, f"s3://{swift.bucket()}/run", **swift.env())
    until(lambda: "published" in events(tmp_path))
    command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    for text in (command.decode(), (tmp_path / "report").read_text()):
        assert swift.secret not in text.replace("test:tester", "")
