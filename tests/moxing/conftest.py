"""The three kinds of places that scripts name: folders, stores, stores moved to a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from caffe_mnist.moxing.address import STORE
from tests.fixtures.swift import Swift


@pytest.fixture(params=["folder", "moved", "store"])
def base(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A place that is empty, by the path or URL that a script has for it."""
    monkeypatch.delenv(STORE, raising=False)
    # What set_auth puts there is gone afterwards.
    before = dict(os.environ)
    if request.param == "folder":
        (tmp_path / "base").mkdir()
        yield str(tmp_path / "base")
    elif request.param == "moved":
        monkeypatch.setenv(STORE, str(tmp_path))
        (tmp_path / "bucket" / "base").mkdir(parents=True)
        yield "s3://bucket/base"
    else:
        swift: Swift = request.getfixturevalue("swift")
        for name, value in swift.env().items():
            monkeypatch.setenv(name, value)
        yield f"s3://{swift.bucket()}"
    os.environ.clear()
    os.environ.update(before)
