"""Waiting until the first machine of several can be reached."""

from __future__ import annotations

import socket
import time

from caffe_mnist.errors import JobError

TRY_EVERY = 1.0
# Seconds, unless the settings of the meeting say otherwise (`timeout`).
PATIENCE = 900


def wait_until_reached(host: str, port: int, seconds: float, first: bool) -> None:
    """Until somebody takes connections at host:port, or, on the first machine, until it has a name.

    The name of a pod is not known before the pod is there. Raises JobError when it takes longer
    than so many seconds.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            if first:
                socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            else:
                socket.create_connection((host, port), max(end - time.monotonic(), 1)).close()
            return
        except OSError as error:
            left = end - time.monotonic()
            if left <= 0:
                reason = error.strerror or str(error) or type(error).__name__
                raise JobError(
                    f"cannot reach {host}:{port}, where the first machine keeps the meeting, "
                    f"within {seconds:g} s: {reason}",
                    hint="start the first machine, and name it by its address",
                ) from None
            time.sleep(min(TRY_EVERY, left))
