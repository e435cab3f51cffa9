"""What a Data layer's `source` may say."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from caffe_mnist.datasets.sources import Mixture, endless, open_source
from caffe_mnist.layouts.layout import Layout
from caffe_mnist.layouts.rules import Rules
from caffe_mnist.schema.sources import with_paths
from tests.fuzz.targets import database


def seeds() -> list[bytes]:
    """Parts and mixtures."""
    return [b"db", b"db?sample=0.5&seed=7", b"db?first=2&weight=1.5;db?first=0.9&weight=3"]


def run(data: bytes) -> None:
    """Some records of it; and its paths changed."""
    Path("db").mkdir()
    Path("db/data.mdb").write_bytes(database.seeds()[0])
    text = data.decode("utf-8", "surrogateescape").replace("\0", "")
    rules = Rules.of_layout(Layout("mine", "/code", "/data", "/model"), None)
    with_paths(text, lambda path: rules.path(path, "data"))
    source = open_source(text)
    try:
        list(islice(endless(source, 5, lambda: None), 10))
        assert isinstance(source, Mixture) or len(list(source.records(1))) == len(source) - 1
    finally:
        source.close()
