"""Strings of prototxt: what they mean and how they are written."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as some

from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.tokens import quote, tokens, unquote

# Anything a file name may hold: text, control characters, and bytes that are no UTF-8.
VALUES = some.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@given(VALUES, some.sampled_from("\"'"))
def test_what_is_quoted_comes_back(value: str, mark: str) -> None:
    """Every string of bytes survives being written and read, as one token."""
    written = quote(value, mark)
    assert unquote(written) == value
    kinds = [token.kind for token in tokens(written)]
    assert kinds == ["string", "end"]


@given(some.text())
def test_protobuf_reads_what_is_quoted(value: str) -> None:
    """protobuf's own parser understands the same."""
    text = f"type: {quote(value)}"
    assert text_format.Parse(text, caffe_pb2.SolverParameter()).type == value


@pytest.mark.parametrize("wrong", [r'"\q"', r'"\x"', r'"\8"', r'"\uD83D"', r'"\U00110000"'])
def test_escapes_that_mean_nothing_are_refused(wrong: str) -> None:
    """A wrong escape is an error, not a letter."""
    with pytest.raises(ValueError, match="escape"):
        unquote(wrong)


def test_other_letters_stay_as_they_are() -> None:
    """Paths in other scripts are written readably."""
    assert quote("/数据/é") == '"/数据/é"'
