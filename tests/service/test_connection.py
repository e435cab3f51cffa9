"""Connections that ask nothing are closed; those that ask are served."""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("uvicorn")

import uvicorn

from caffe_mnist.service.connection import connection
from tests.fixtures.jobs import until

PATIENCE = 1.0


async def _application(scope: Any, receive: Any, send: Any) -> None:
    """Answers when the whole body is there."""
    while (await receive()).get("more_body"):
        pass
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a server with little patience for heads of requests."""
    protocol: Any = functools.partial(connection, PATIENCE)
    config = uvicorn.Config(_application, http=protocol, lifespan="off", log_level="error",
                            timeout_keep_alive=60)  # fmt: skip
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            until(lambda: server.started)
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        yield client


@pytest.mark.parametrize("head", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_who_never_asks_is_let_go(port: int, head: bytes) -> None:
    """Silent, or in the middle of a head; also after an answer."""
    with _connected(port) as client:
        client.sendall(head)
        assert client.recv(100) == b""
    with _connected(port) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"ok" in client.recv(1000)
        client.sendall(head)
        assert client.recv(100) == b""


def test_a_slow_body_is_waited_for(port: int) -> None:
    """Bodies have their own limit; and one connection may ask often."""
    with _connected(port) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
        begun = time.monotonic()
        client.settimeout(2.5 * PATIENCE)
        with pytest.raises(TimeoutError):
            client.recv(100)
        assert time.monotonic() - begun > 2 * PATIENCE
        client.settimeout(60)
        client.sendall(b"body")
        assert b"ok" in client.recv(1000)
