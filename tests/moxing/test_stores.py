"""What only a real store can show: answers, keys, markers, names that are file and folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest

from caffe_mnist.moxing import file
from caffe_mnist.moxing.address import STORE
from tests.fixtures.swift import Swift


@pytest.fixture
def bucket(swift: Swift, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty bucket, with keys at hand."""
    monkeypatch.delenv(STORE, raising=False)
    for name, value in swift.env().items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    yield f"s3://{swift.bucket()}"
    os.environ.clear()
    os.environ.update(before)


def test_a_refusal_has_the_answer(bucket: str) -> None:
    """MoxFileRespException with the store's status and code, for a bucket and for keys."""
    with pytest.raises(file.MoxFileRespException) as found:
        file.write("s3://no-such-bucket/a", "1")
    assert (found.value.resp.status, found.value.resp.errorCode) == (404, "NoSuchBucket")
    assert not file.exists("s3://no-such-bucket/a")
    file.set_auth(ak="other", sk="secret")
    with pytest.raises(file.MoxFileRespException) as found:
        file.list_directory(bucket)
    assert found.value.resp.status == 403


def test_set_auth_is_enough(swift: Swift, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and endpoint without any environment, for both schemes."""
    for name in swift.env():
        monkeypatch.delenv(name)
    file.set_auth(
        ak=swift.key,
        sk=swift.secret,
        server="127.0.0.1",
        port=swift.port,
        is_secure=False,
        path_style=True,
        client_timeout=30,
        retry=3,
    )
    file.write(f"{bucket}/a", "1")
    assert file.read(bucket.replace("s3:", "obs:") + "/a") == "1"


def test_folders_as_consoles_make_them(swift: Swift, bucket: str) -> None:
    """An object `folder/` is a folder; ours is one for others; removing takes it away."""
    name = bucket.partition("://")[2]
    swift._ask("PUT", f"{name}/theirs/")
    assert file.is_directory(f"{bucket}/theirs")
    assert file.list_directory(bucket, recursive=True) == ["theirs"]
    file.make_dirs(f"{bucket}/ours/in")
    keys = {entry["path"] for page in obstore.list(swift.objects(name)) for entry in page}
    assert keys == {"theirs", "ours", "ours/in"}
    file.remove(f"{bucket}/theirs", recursive=True)
    file.remove(f"{bucket}/ours", recursive=True)
    assert list(obstore.list(swift.objects(name))) in ([], [[]])


def test_an_empty_file_is_no_folder(bucket: str) -> None:
    """A file of no bytes is listed, read and copied as a file."""
    file.write(f"{bucket}/d/empty", b"")
    assert not file.is_directory(f"{bucket}/d/empty")
    file.copy_parallel(f"{bucket}/d", f"{bucket}/e")
    assert file.read(f"{bucket}/e/empty") == ""


def test_a_name_twice(bucket: str, tmp_path: Path) -> None:
    """A file and a folder of one name cannot be downloaded beside each other."""
    file.write(f"{bucket}/d/a", "1")
    file.write(f"{bucket}/d/a/b", "2")
    assert file.is_directory(f"{bucket}/d/a")
    assert file.read(f"{bucket}/d/a") == "1"
    with pytest.raises(file.MoxFileNameDuplicateException, match="d/a"):
        file.copy_parallel(f"{bucket}/d", str(tmp_path / "d"))


def test_moved_urls_stay_in_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No URL leads out of the folder that stands for the stores."""
    monkeypatch.setenv(STORE, str(tmp_path / "stores"))
    for url in ("s3://../x", "s3://b/../../x", "s3://b/./x", "s3:///x"):
        with pytest.raises(OSError, match=r"no bucket|no meaning"):
            file.write(url, "1")
    assert list(tmp_path.rglob("x")) == []
