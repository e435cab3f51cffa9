"""Keys that are valid, and may not do everything: one line says what they may not, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from caffe_mnist.launch.place import Place
from caffe_mnist.launch.settings import Settings
from caffe_mnist.storage import store as stores
from caffe_mnist.storage.__main__ import main
from caffe_mnist.storage.owner import OWNER
from caffe_mnist.storage.store import Store, StoreError, open_store
from caffe_mnist.storage.survey import published
from tests.fixtures.jobs import Job
from tests.fixtures.swift import READER, WRITER, Swift


@pytest.fixture
def bucket(swift: Swift, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket that READER may list and read and WRITER may write and remove in; holds `d/f`."""
    for name, value in swift.env().items():
        monkeypatch.setenv(name, value)
    name = swift.bucket(READER, WRITER)
    open_store(f"s3://{name}").write("d/f", b"1")
    yield f"s3://{name}"
    assert {one.name for one in Store(name, lambda _: swift.objects(name)).list()} == {"d/f"}


def become(swift: Swift, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on with the keys of `user`."""
    for name, value in swift.env_of(user).items():
        monkeypatch.setenv(name, value)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of a command that fails with status 1."""
    assert main(list(arguments)) == 1
    said = capsys.readouterr().err.splitlines()
    (line,) = [one for one in said if "error: " in one]
    assert "Traceback" not in "".join(said)
    return line


def test_commands(
    swift: Swift,
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What may be done is done; what not, is named."""
    (tmp_path / "f").write_bytes(b"2")
    here, there = str(tmp_path), f"{bucket}/d"
    become(swift, READER, monkeypatch)
    assert main(["ls", there]) == 0
    write = f"{bucket}/e/f: no permission to write (AccessDenied)"
    assert write in refusal(capsys, "cp", here, f"{bucket}/e")
    assert write in refusal(capsys, "sync", here, f"{bucket}/e")
    assert f"{there}/f: no permission to remove" in refusal(capsys, "rm", "--yes", there)
    become(swift, WRITER, monkeypatch)
    assert f"{bucket}: no permission to list" in refusal(capsys, "ls", there)
    assert f"{bucket}: no permission to list" in refusal(capsys, "verify", there)
    assert f"{there}: no permission to list" in refusal(capsys, "cp", f"{there}/f", here + "/g")
    assert not (tmp_path / "g").exists()


@pytest.mark.parametrize(
    ("user", "what"), [(READER, "owner.json: no permission to write"), (WRITER, "to list")]
)
def test_a_job(
    swift: Swift, bucket: str, job: Job, user: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends before anything is copied or trained, with status 1."""
    become(swift, user, monkeypatch)
    job.url = f"{bucket}/run"
    done = job.run()
    assert done.status == 1
    (line,) = done.errors
    assert re.search(rf"error: {bucket}/run\S*: no permission", line), line
    assert what in line
    assert not job.calls()
    assert not (job.folder / "data").exists()


def test_keys_that_may_not_remove(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said at the start; with --keep, which could not be kept, it is an error."""

    def refuse(store: Store, name: str) -> None:
        raise StoreError("no permission to remove (AccessDenied)", where=store.url)

    monkeypatch.setattr(stores.Store, "delete", refuse)
    url, said = str(tmp_path / "store"), list[str]()
    with Place(Settings(train_url=url), said.append) as place:
        place.claim()
    assert (tmp_path / "store" / OWNER).exists()
    assert len(said) == 1
    assert "the next job needs --resume" in said[0]
    settings = Settings(train_url=str(tmp_path / "other"), keep=2)
    with pytest.raises(StoreError, match="no permission to remove"), Place(settings, print) as one:
        one.claim()
    assert not (tmp_path / "other" / OWNER).exists()
    assert published(url) == []
