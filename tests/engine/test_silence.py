"""Machines that fall silent: judged by what changes, never by their clocks."""

from __future__ import annotations

from caffe_mnist.engine.gathering import Gathering
from caffe_mnist.engine.silence import Silence


def test_a_machine_that_gave_signs_and_gives_none_is_silent() -> None:
    """After the limit, by the clock here; until then, and while its signs change, it is not."""
    silence: Silence[str] = Silence(15)
    assert silence.look({"a": 1, "b": 7}, 0) is None
    assert silence.look({"a": 2, "b": 8}, 5) is None
    assert silence.look({"a": 3, "b": 8}, 20) is None
    assert silence.look({"a": 3, "b": 8}, 20.1) == "b"
    assert silence.look({"a": 3}, 20.1) == "b"  # the library has taken it out
    assert silence.look({"a": 3, "b": 9}, 20.2) is None


def test_one_whose_signs_are_never_seen_to_change_is_not_judged() -> None:
    """A machine whose clock is far behind is hidden by the library, now and then or always."""
    silence: Silence[str] = Silence(15)
    assert silence.look({"a": 1}, 0) is None
    assert silence.look({}, 1) is None
    assert silence.look({}, 1000) is None


def test_how_long_silence_may_last() -> None:
    """So many signs of life as PyTorch lets go by, and the time of one more."""
    assert Gathering(1).silence == 20
    settings = {"keep_alive_interval": "1", "keep_alive_max_attempt": "4"}
    assert Gathering(1, settings=settings).silence == 5


def test_for_whom_is_waited() -> None:
    """On several machines only."""
    assert not Gathering(4).waiting
    assert Gathering(1, 1, 2).waiting == "waiting for 1 machine, 600 s at most"
    found = Gathering(1, 2, 3, settings={"join_timeout": "9"})
    assert found.waiting == "waiting for 2 machines, 9 s at most"
