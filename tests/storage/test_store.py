"""One contract for every store: local folders, and S3 with keys (OpenStack Swift)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage import store as stores
from caffe_mnist.storage.backends import Limits
from caffe_mnist.storage.entries import Entry
from caffe_mnist.storage.pace import Pace
from caffe_mnist.storage.store import Store, StoreError, open_store
from caffe_mnist.storage.urls import join
from tests.fixtures.faults import BUSY, FLIP, HANG, LOST, REFUSE, RESET, SLOW, FaultProxy
from tests.fixtures.swift import Swift
from tests.storage.conftest import hurry


def names(store: Store, prefix: str = "") -> list[tuple[str, int]]:
    """Names and sizes."""
    return [(entry.name, entry.size) for entry in store.list(prefix)]


@pytest.fixture(params=["folder", "file-url", "s3", "obs"])
def url(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """An empty place in each kind of store."""
    if request.param == "folder":
        yield str(tmp_path / "store")
    elif request.param == "file-url":
        yield f"file://{tmp_path}/store"
    else:
        swift: Swift = request.getfixturevalue("swift")
        for name, value in swift.env().items():
            if request.param == "obs":
                renamed = {
                    "AWS_ACCESS_KEY_ID": "OBS_ACCESS_KEY_ID",
                    "AWS_SECRET_ACCESS_KEY": "OBS_SECRET_ACCESS_KEY",
                    "AWS_ENDPOINT_URL_S3": "OBS_ENDPOINT",
                }
                name = renamed.get(name, name)
            monkeypatch.setenv(name, value)
        yield f"{request.param}://{swift.bucket()}/a folder/run"


def test_what_is_written_is_listed_and_read(url: str) -> None:
    """Whole objects, by name, with their sizes; a second writing replaces."""
    store = open_store(url)
    assert store.list() == []
    store.write("b/two.txt", b"22")
    store.write("a.txt", b"1")
    store.write("b/two.txt", b"333")
    assert names(store) == [("a.txt", 1), ("b/two.txt", 3)]
    assert names(store, "b") == [("b/two.txt", 3)]
    assert store.read("b/two.txt") == b"333"
    assert store.size("a.txt") == 1
    assert store.size("nothing") is None
    assert open_store(join(url, "b")).read("two.txt") == b"333"


def test_odd_names_survive(url: str) -> None:
    """Spaces, percent signs, plus and other alphabets."""
    store = open_store(url)
    for name in ("a b.txt", "50%.txt", "a+b.txt", "数字.png", "x#y", "q?r"):
        store.write(name, name.encode())
        assert store.read(name) == name.encode()
    assert len(store.list()) == 6


def test_large_objects_travel_in_parts(url: str, tmp_path: Path) -> None:
    """A file of several parts comes back byte for byte."""
    content = os.urandom(2**20) * 20 + b"end"
    (tmp_path / "big").write_bytes(content)
    store = open_store(url)
    store.upload(tmp_path / "big", "big")
    assert store.size("big") == len(content)
    assert b"".join(store.chunks("big")) == content


def test_create_writes_only_where_nothing_is(url: str) -> None:
    """The second one to create is told so, and the first one's bytes stay."""
    store = open_store(url)
    assert store.create("lock", b"first")
    assert not store.create("lock", b"second")
    assert store.read("lock") == b"first"


def test_delete_and_what_is_missing(url: str) -> None:
    """Deleting twice is no error; reading what is gone is one, naming it."""
    store = open_store(url)
    store.write("x", b"1")
    store.delete("x")
    store.delete("x")
    assert store.list() == []
    with pytest.raises(StoreError, match="x: there is no such object"):
        store.read("x")


def test_reading_is_limited(url: str) -> None:
    """An object that is larger than expected is not taken into memory."""
    store = open_store(url)
    store.write("x", bytes(100))
    with pytest.raises(StoreError, match="100 bytes, more than the 10 expected"):
        store.read("x", limit=10)


@pytest.fixture
def s3(swift: Swift, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket on Swift, with the keys in the environment; few and quick attempts."""
    for name, value in swift.env().items():
        monkeypatch.setenv(name, value)
    hurry(monkeypatch)
    return f"s3://{swift.bucket()}/run"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wrong", "its secret is wrong"),
        ("AWS_ACCESS_KEY_ID", "nobody", "the access key or its secret is wrong|no permission"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9", "the store does not answer"),
    ],
)
def test_wrong_access_is_one_clear_line(
    s3: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    """What is wrong is said; the secret is not."""
    monkeypatch.setenv(variable, value)
    store = open_store(s3)
    for action in (lambda: store.list(), lambda: store.write("x", b"1"), lambda: store.size("x")):
        with pytest.raises(StoreError, match=message) as caught:
            action()
        assert "testing" not in str(caught.value)
        assert "\n" not in str(caught.value)
    assert "testing" not in repr(store)


def test_a_missing_bucket_is_named(s3: str) -> None:
    """For reading and for writing."""
    for action in (lambda s: s.list(), lambda s: s.write("x", b"1")):
        with pytest.raises(StoreError, match="no such bucket"):
            action(open_store("s3://nowhere/run"))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://bucket/x", "no credentials in the environment"),
        ("obs://bucket/x", "no credentials"),
        ("gs://bucket/x", "no credentials"),
        ("az://bucket/x", "no credentials"),
        ("ftp://bucket/x", "unknown scheme ftp://"),
        ("s3:///x", "names no bucket"),
        ("s3://bucket/../x", "no meaning in a store"),
        ("file://host/x", "absolute path"),
        ("", "empty string"),
    ],
)
def test_urls_that_cannot_be_opened(
    url: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, without asking any network."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "OBS_", "S3_", "GOOGLE_", "AZURE_")):
            monkeypatch.delenv(name)
    with pytest.raises(CaffeMnistError, match=message):
        open_store(url)


def test_obs_needs_its_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no default address to fall back to."""
    for name in ("OBS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "S3_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OBS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("OBS_SECRET_ACCESS_KEY", "s")
    with pytest.raises(CaffeMnistError, match="OBS_ENDPOINT"):
        open_store("obs://bucket/x")


@pytest.mark.parametrize("kind", [REFUSE, RESET, LOST])
def test_short_faults_are_got_over(
    kind: str, s3: str, swift: Swift, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One refused, cut or unanswered connection is tried again by itself."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", faults.endpoint)
    store = open_store(s3)
    faults.fault(kind, times=1, after=300)
    store.write("x", b"1" * 2000)
    assert faults.hits == 1
    assert store.read("x") == b"1" * 2000


def test_a_flipped_byte_is_not_stored(
    s3: str, swift: Swift, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checksum that travels with the body makes the server refuse it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", faults.endpoint)
    store = open_store(s3)
    faults.fault(FLIP, times=10, after=20_000)
    with pytest.raises(StoreError):
        store.write("x", b"1" * 40_000)
    assert faults.hits >= 1
    faults.fault(None)
    assert store.size("x") is None


def test_a_lost_answer_to_create_is_looked_into(
    s3: str, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The object was made by us although nobody said so."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", faults.endpoint)
    store = open_store(s3)
    faults.fault(LOST, times=1)
    assert store.create("lock", b"ours")
    assert faults.hits == 1
    assert store.read("lock") == b"ours"


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    """A file in the way."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="file"):
        open_store(tmp_path / "file" / "store").write("x", b"1")
    assert Entry("a", 1) == Entry("a", 1, 0.0)


def test_markers_of_folders_are_no_objects(swift: Swift, s3: str) -> None:
    """Consoles make empty objects with a slash at their end; they are no files."""
    bucket = s3.partition("//")[2].partition("/")[0]
    swift.make_bucket(f"{bucket}/run/")
    swift.make_bucket(f"{bucket}/run/deep/")
    store = open_store(s3)
    store.write("deep/x", b"1")
    assert names(store) == [("deep/x", 1)]
    assert store.list_level() == (["deep"], [])
    assert names(open_store(join(s3, "deep"))) == [("x", 1)]


def test_one_level(url: str) -> None:
    """Folders by name, and the files beside them."""
    store = open_store(url)
    for name in ("a/1", "a/b/2", "x"):
        store.write(name, b"1")
    folders, entries = store.list_level()
    assert (folders, [entry.name for entry in entries]) == (["a"], ["x"])
    assert not store.is_empty()
    assert open_store(join(url, "nothing")).is_empty()
    store.delete_all(["a/1", "a/b/2", "not there"])
    assert names(store) == [("x", 1)]


def test_a_slow_link_gets_more_time(
    s3: str, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where a request's time runs out but the store answers, the parts go one by one and longer."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", faults.endpoint)
    paces = (Pace(4, Limits(request=1, retries=0)), Pace(1, Limits(request=60, retries=0)))
    monkeypatch.setattr(stores, "PACES", paces)
    content = os.urandom(6 * 2**20)
    (tmp_path / "big").write_bytes(content)
    moved: list[int] = []
    faults.fault(SLOW, rate=1e6)
    open_store(s3).upload(tmp_path / "big", "big", moved.append)
    faults.fault(None)
    assert sum(moved) == len(content)
    assert min(moved) < 0
    assert b"".join(open_store(s3).chunks("big")) == content


def test_a_store_that_hangs_gets_no_more_time(
    s3: str, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing is gained by waiting where no question is answered."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", faults.endpoint)
    paces = (Pace(4, Limits(request=1, retries=0)), Pace(1, Limits(request=600, retries=0)))
    monkeypatch.setattr(stores, "PACES", paces)
    monkeypatch.setattr(stores, "QUICK", Limits(request=1, retries=0))
    (tmp_path / "x").write_bytes(b"1")
    faults.fault(HANG)
    with pytest.raises(StoreError, match="did not answer in time"):
        open_store(s3).upload(tmp_path / "x", "x")


def test_a_hanging_answer_costs_one_more_request(
    s3: str, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that hangs while the others are answered is asked again."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", faults.endpoint)
    paces = (Pace(4, Limits(request=1, retries=0)), Pace(1, Limits(request=60, retries=0)))
    monkeypatch.setattr(stores, "PACES", paces)
    (tmp_path / "x").write_bytes(b"1")
    faults.fault(HANG, times=1)
    open_store(s3).upload(tmp_path / "x", "x")
    assert open_store(s3).read("x") == b"1"


@pytest.mark.parametrize("kind", [BUSY, FLIP, LOST, RESET])
@pytest.mark.parametrize("size", [40_000, 6 * 2**20])
def test_whole_objects_are_sent_again(
    kind: str,
    size: int,
    s3: str,
    faults: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What is left after the library's own attempts: damage on the way, a busy store."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", faults.endpoint)
    content = os.urandom(size)
    (tmp_path / "x").write_bytes(content)
    store = open_store(s3)
    faults.fault(kind, times=2, after=20_000)
    digest = store.upload(tmp_path / "x", "x")
    assert faults.hits >= 1
    assert digest == hashlib.sha256(content).hexdigest()
    faults.fault(None)
    assert b"".join(store.chunks("x")) == content
