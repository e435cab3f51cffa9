"""What passes between a script and its envoy."""

from __future__ import annotations

import io
from typing import Any

import pytest

from caffe_mnist.moxing.objects import Look
from caffe_mnist.moxing.wire import receive, send
from caffe_mnist.storage.entries import Entry

VALUES = [
    None,
    True,
    1.5,
    2**40,
    "straße \udcff",
    b"\x00\xff" * 1000,
    ("objects", "write", ("s3://a/b", b"", [b"x", b"yz"])),
    ([], [Entry("a", 1, 2.5, "tag"), Entry("b", 0)]),
    Look("file", 3, 4.5),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_arrive_as_they_were(value: Any) -> None:
    """Several one after the other, and then the end."""
    pipe = io.BytesIO()
    send(pipe, value)
    send(pipe, (value, "next"))
    pipe.seek(0)
    assert receive(pipe) == value
    assert receive(pipe) == (value, "next")
    with pytest.raises(EOFError):
        receive(pipe)


def test_exceptions_keep_their_kind() -> None:
    """Python's own, with what they say; of any other the text."""

    class OwnError(Exception):
        pass

    def arrived(error: Exception) -> Any:
        pipe = io.BytesIO()
        send(pipe, error)
        pipe.seek(0)
        return receive(pipe)

    missing = arrived(FileNotFoundError(2, "No such file or directory", "a/b"))
    assert (type(missing), missing.errno, missing.filename) == (FileNotFoundError, 2, "a/b")
    assert str(arrived(ValueError("no number"))) == "no number"
    own = arrived(OwnError("what"))
    assert (type(own), str(own)) == (RuntimeError, "OwnError: what")
    undecodable = arrived(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"))
    assert "UnicodeDecodeError" in repr(undecodable)


def test_what_has_no_form_is_not_sent() -> None:
    """Rather than sent as something else."""
    with pytest.raises(TypeError, match="object is not sent"):
        send(io.BytesIO(), object())
