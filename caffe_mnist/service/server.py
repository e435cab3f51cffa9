"""Serving: a socket, uvicorn, and an end that lets running requests finish."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import logging
import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvicorn

from caffe_mnist.errors import CaffeMnistError, JobError
from caffe_mnist.service.application import Service
from caffe_mnist.service.connection import connection

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]", "::1")
SHORTEST_TOKEN = 16
# How long running requests may take to end after SIGTERM: the time limit of one.
GRACE = 40


def read_token(path: str) -> str:
    """The token in a file; raises CaffeMnistError for one that is too easy to guess."""
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise CaffeMnistError(f"cannot read the token: {reason}", where=path) from None
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
        raise CaffeMnistError(
            f"the token needs at least {SHORTEST_TOKEN} plain characters",
            where=path,
            hint="head -c 24 /dev/urandom | base64 > FILE",
        )
    with contextlib.suppress(OSError):
        if os.stat(path).st_mode & (stat.S_IRGRP | stat.S_IROTH):
            note = f"serve: {path}: others on this machine can read the token (chmod 600 {path})"
            print(note, file=sys.stderr, flush=True)
    return token


def check_host(host: str, token: str | None) -> Sequence[str] | None:
    """The names that the service may be called by (None: any).

    Raises CaffeMnistError for a host beyond loopback without a token.
    """
    if is_loopback(host):
        return [*LOCAL_NAMES, host]
    if token is None:
        raise CaffeMnistError(
            f"{host} can be reached from elsewhere: a token is needed",
            where="--host",
            hint="--token-file FILE",
        )
    return None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises JobError where the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol said: asyncio lets small answers go at once (TCP_NODELAY) only then.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
        return listener
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise JobError(f"cannot listen: {reason}", where=f"{host}:{port}") from None


def url_of(listener: socket.socket) -> str:
    """The address of a listening socket as a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def run(service: Service, listener: socket.socket, load: Callable[[], None]) -> int:
    """Serve until SIGTERM or SIGINT, then let running requests end; returns the exit status.

    The server answers from a thread of its own while `load` loads the model in this one, as it
    may run code of others. What `load` raises ends the service.
    """
    # What it says of broken forms, the answer says, too.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    protocol: Any = functools.partial(connection, service.settings.limits.seconds)
    config = uvicorn.Config(
        service.application,
        http=protocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=GRACE,
        lifespan="off",
    )
    server = uvicorn.Server(config)

    def stop(number: int, frame: object) -> None:
        service.ending = True
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    thread = threading.Thread(target=server.run, args=([listener],), name="server", daemon=True)
    thread.start()
    try:
        load()
        thread.join()
    finally:
        server.should_exit = True
        thread.join()
        service.close()
    if not service.ending:
        raise JobError("the server ended by itself", where=url_of(listener))
    print("serve: ended", file=sys.stderr, flush=True)
    return 0
