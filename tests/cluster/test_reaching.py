"""Waiting for the first machine: it may come late, but not for ever."""

from __future__ import annotations

import socket
import threading

import pytest

from caffe_mnist.cluster.reaching import wait_until_reached
from caffe_mnist.errors import JobError


def test_the_first_machine_may_come_later() -> None:
    """Somebody who takes connections is enough; on the first machine itself a known name is."""
    with socket.socket() as server:
        server.bind(("localhost", 0))  # refuses, as nobody listens yet
        port = server.getsockname()[1]
        timer = threading.Timer(0.2, server.listen)
        timer.start()
        wait_until_reached("localhost", port, 60, first=False)
        timer.join()
    wait_until_reached("localhost", port, 60, first=True)


@pytest.mark.parametrize(("host", "first"), [("localhost", False), ("nobody.invalid", True)])
def test_one_that_never_comes_is_one_line(host: str, first: bool) -> None:
    """Where it was looked for, how long, and why it was not found."""
    with socket.socket() as nobody:
        nobody.bind(("localhost", 0))
        port = nobody.getsockname()[1]
        with pytest.raises(JobError, match=rf"^cannot reach {host}:{port}, .* within 0.1 s: \w+"):
            wait_until_reached(host, port, 0.1, first)
