"""Uploads through broken networks and busy servers: nothing is lost, nothing is half there."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from caffe_mnist.storage.snapshots import DamagedError, fetch
from caffe_mnist.storage.store import Store, open_store
from caffe_mnist.storage.survey import published, read_manifest
from tests.faults.promises import Found, check_promises
from tests.fixtures import fake_caffe, faults
from tests.fixtures.faults import FaultProxy
from tests.fixtures.jobs import until
from tests.fixtures.swift import Swift

SIZE = 400_000


@dataclass
class Uploads:
    """A model folder and an uploader's place in a bucket, with faults between."""

    folder: Path
    swift: Swift
    proxy: FaultProxy
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bucket = self.swift.bucket()
        self.url = f"s3://{self.bucket}/run"
        self.report = self.folder / "report"

    def snapshot(self, iteration: int, size: int = SIZE) -> None:
        """Both files as Caffe writes them; the weights have `size` bytes more than needed."""
        fake_caffe.snapshot(f"{self.folder}/net", iteration)
        noise = random.Random(iteration).randbytes(size)
        with (self.folder / f"net_iter_{iteration}.caffemodel").open("ab") as file:
            file.write(b"\x0a" + fake_caffe.text(b"net of iteration %d" % iteration))
            # One more layer, of which only the blob is large.
            file.write(b"\xa2\x06" + fake_caffe.text(b"\x3a" + fake_caffe.text(b"\x2a\x00" + b"")))
            file.write(
                b"\xa2\x06" + fake_caffe.text(b"\x0a" + fake_caffe.text(noise.hex().encode()))
            )

    @contextmanager
    def uploader(self, *flags: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """The uploader as a process, killed if it does not end."""
        process = subprocess.Popen(
            [
                sys.executable, "-m", "caffe_mnist.storage.uploader", f"--prefix={self.folder}/net",
                f"--to={self.url}", "--every=0", f"--report={self.report}", "--look-every=0.1",
                *flags,
            ],
            stdin=subprocess.PIPE,
            env={
                **os.environ, "CAFFE_MNIST_LONGEST_REQUEST": "2",
                **self.swift.env(self.proxy.endpoint), **environment,
            },
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def end(self, process: subprocess.Popen[bytes]) -> int:
        """Ask it to end; its exit status."""
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=120)

    def events(self, kind: str) -> list[Any]:
        """What it reported of one kind."""
        if not self.report.exists():
            return []
        lines = map(json.loads, self.report.read_text().splitlines())
        return [line for line in lines if line["event"] == kind]

    def check(self, before: Found | None = None, **more: Any) -> Found:
        """The promises, seen without the proxy."""
        return check_promises(self.swift.objects(self.bucket, "run"), before, **more)


@pytest.fixture
def uploads(tmp_path: Path, swift: Swift, faults: FaultProxy) -> Uploads:
    """An empty folder and an empty bucket."""
    return Uploads(tmp_path, swift, faults)


PASSING = {
    "nobody listens": {"kind": faults.DOWN},
    "refused": {"kind": faults.REFUSE, "times": 5},
    "reset in a body": {"kind": faults.RESET, "times": 4, "after": 100_000},
    "reset at once": {"kind": faults.RESET, "times": 4},
    "lost answers": {"kind": faults.LOST, "times": 4},
    "hanging answers": {"kind": faults.HANG, "times": 2},
    "a flipped byte": {"kind": faults.FLIP, "times": 3, "after": 100_000},
    "a flipped byte in a head": {"kind": faults.FLIP, "times": 2, "after": 60},
    "a damaged answer": {"kind": faults.FLIP_ANSWER, "times": 3, "after": 30},
    "a slow link": {"kind": faults.SLOW, "rate": 2_000_000},
    "a stall": {"kind": faults.STALL, "times": 2, "after": 100_000},
    "500": {"kind": faults.BROKEN, "times": 6},
    "503 SlowDown": {"kind": faults.BUSY, "times": 6},
    "late answers": {"kind": faults.LATE, "rate": 0.1},
}


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes(uploads: Uploads, fault: str) -> None:
    """Complete snapshots stay complete, and those of the bad time follow."""
    uploads.snapshot(10)
    with uploads.uploader() as process:
        until(lambda: len(uploads.events("published")) == 1)
        before = uploads.check()
        uploads.proxy.fault(**PASSING[fault])
        uploads.snapshot(20)
        if fault == "nobody listens":
            until(lambda: uploads.events("failed"))
            before = uploads.check(before)
            uploads.proxy.fault(None)
        uploads.snapshot(30)
        until(lambda: uploads.proxy.hits or fault == "nobody listens")
        assert uploads.end(process) == 0
    found = uploads.check(before, at_least=3)
    assert sorted(one.iteration for one in found.complete.values()) == [10, 20, 30]


def test_wrong_keys(uploads: Uploads) -> None:
    """Said in a line, nothing on a command line; with the right ones it goes on."""
    uploads.snapshot(10)
    with uploads.uploader("--drain-timeout=1", AWS_SECRET_ACCESS_KEY="wrong") as process:
        until(lambda: uploads.events("failed"))
        assert uploads.end(process) == 1
    assert "wrong" in uploads.events("failed")[0]["text"]
    assert "not in the store: iteration 10" in uploads.events("gave up")[0]["text"]
    uploads.check(at_least=0)
    with uploads.uploader() as process:
        until(lambda: uploads.events("published"))
        assert uploads.end(process) == 0
    uploads.check()


@pytest.mark.parametrize("kind", [faults.HANG, faults.STALL])
def test_the_end_does_not_wait_for_a_request_that_hangs(uploads: Uploads, kind: str) -> None:
    """`--drain-timeout` is over all; what is left is named, stays on disk and goes up later."""
    uploads.snapshot(10)
    uploads.proxy.fault(kind)
    with uploads.uploader("--drain-timeout=0.5", CAFFE_MNIST_LONGEST_REQUEST="600") as process:
        until(lambda: uploads.proxy.hits)
        begun = time.monotonic()
        assert uploads.end(process) == 1
        assert time.monotonic() - begun < 60  # ten times less would do; the request takes 600
    assert "not in the store: iteration 10" in uploads.events("gave up")[0]["text"]
    uploads.check(at_least=0)
    uploads.proxy.fault(None)
    with uploads.uploader() as process:
        until(lambda: uploads.events("published"))
        assert uploads.end(process) == 0
    uploads.check()


def test_a_bucket_vanishes_and_comes_back(uploads: Uploads) -> None:
    """It is filled again with all that is still on disk, each once."""
    uploads.snapshot(10)
    with uploads.uploader() as process:
        until(lambda: uploads.events("published"))
        uploads.swift.drop_bucket(uploads.bucket)
        uploads.snapshot(20)
        until(lambda: uploads.events("failed"))
        assert "there is no such bucket" in uploads.events("failed")[0]["text"]
        uploads.swift.make_bucket(uploads.bucket)
        assert uploads.end(process) == 0
    found = uploads.check(at_least=2)
    assert sorted(one.iteration for one in found.complete.values()) == [10, 20]


def test_killed_at_any_moment(uploads: Uploads) -> None:
    """kill -9 in the middle of uploads: what was complete stays, the rest follows."""
    chance = random.Random(3)
    found = None
    for iteration in range(10, 80, 10):
        uploads.snapshot(iteration)
    # Slow enough that most kills come in the middle of a body.
    uploads.proxy.fault(faults.SLOW, rate=3_000_000)
    for _ in range(5):
        asked = len(uploads.proxy.requests) + chance.randrange(1, 25)
        with uploads.uploader() as process:
            until(lambda asked=asked: len(uploads.proxy.requests) >= asked)
            process.kill()
        found = uploads.check(found, at_least=0)
    uploads.proxy.fault(None)
    with uploads.uploader("--keep=5") as process:
        assert process.stdin is not None
        process.stdin.close()  # this ends it as a signal does, but may come before it listens
        assert process.wait(timeout=120) == 0
    found = uploads.check(found, at_least=5, keep=5)
    assert sorted(one.iteration for one in found.complete.values()) == [30, 40, 50, 60, 70]


JUMPING = """
import itertools, sys, time
jumps, real = itertools.cycle([0, -86400, 86400, 3600, -7200]), time.time
time.time = lambda: real() + next(jumps)
from caffe_mnist.storage.uploader import main
sys.exit(main())
"""


def test_a_clock_that_jumps(uploads: Uploads) -> None:
    """A day back, a day on, all the time: neither waits nor snapshots go by it."""
    one, old = uploads.folder / "uploader.py", time.time() - 86400
    one.write_text(JUMPING)
    with uploads.uploader() as process:
        pass
    command = [word for word in process.args if isinstance(word, str)]
    with subprocess.Popen(
        [sys.executable, str(one), *command[3:]],
        stdin=subprocess.PIPE,
        env={**os.environ, **uploads.swift.env(uploads.proxy.endpoint)},
    ) as process:
        try:
            uploads.snapshot(10)
            until(lambda: len(uploads.events("published")) == 1)
            uploads.proxy.fault(faults.REFUSE, times=8)
            uploads.snapshot(20)
            for path in uploads.folder.glob("net_iter_20.*"):
                os.utime(path, (old, old))
            until(lambda: len(uploads.events("published")) == 2)
            assert uploads.end(process) == 0
        finally:
            process.kill()
    uploads.check(at_least=2)


def test_a_reader_sees_a_damaged_answer(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A wrong bit on the way hides no snapshot, and what stays wrong is taken for none."""
    uploads.snapshot(10)
    with uploads.uploader() as process:
        until(lambda: uploads.events("published"))
        assert uploads.end(process) == 0
    uploads.check()
    for name, value in uploads.swift.env(uploads.proxy.endpoint).items():
        monkeypatch.setenv(name, value)
    manifest = read_manifest(f"{uploads.url}/1")
    uploads.proxy.fault(faults.FLIP_ANSWER, times=1, after=50_000)
    assert len(fetch(f"{uploads.url}/1", tmp_path / "copy")) == 2
    assert uploads.proxy.hits == 1
    whole, damage = Store.read, [b"", b"{", manifest.to_json().replace(b"10", b"90")]

    def read(self: Store, name: str, limit: int = 2**20) -> bytes:
        return damage.pop() if damage else whole(self, name, limit)

    monkeypatch.setattr(Store, "read", read)
    while damage:
        assert [one.manifest for one in published(uploads.url)] == [manifest]
        assert read_manifest(f"{uploads.url}/1") == manifest
    store = open_store(uploads.url)
    store.write("1/net_iter_10.caffemodel", b"\1" * manifest.files[0].size)
    with pytest.raises(DamagedError, match="is not what its manifest says"):
        fetch(f"{uploads.url}/1", tmp_path / "second")
    assert not list((tmp_path / "second").glob("*.caffemodel"))
