"""Settings of the meeting: those that PyTorch knows, and nothing that it would pass over."""

from __future__ import annotations

import pytest

from caffe_mnist.cluster.meeting import meeting_settings
from caffe_mnist.errors import CaffeMnistError


def test_settings_are_names_and_numbers() -> None:
    """None at all is fine, and so are blanks."""
    assert meeting_settings("") == {}
    assert meeting_settings("last_call_timeout=10, keep_alive_interval = 1,") == {
        "last_call_timeout": "10",
        "keep_alive_interval": "1",
    }


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ("last_call=10", "'last_call' is no setting of the meeting"),
        ("is_host=1", "known: last_call_timeout, join_timeout"),
        ("last_call_timeout=soon", "gives no whole number of 1 or more"),
        ("timeout=0", "as timeout=10"),
        ("timeout", "'timeout' gives no whole number"),
    ],
)
def test_others_are_one_line(conf: str, words: str) -> None:
    """A name that is mistyped would leave the default as it is, and say nothing."""
    with pytest.raises(CaffeMnistError, match=r"^--rdzv-conf: ") as caught:
        meeting_settings(conf)
    assert words in str(caught.value)
