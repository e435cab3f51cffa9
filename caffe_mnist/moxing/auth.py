"""`set_auth`: keys and connection, as the rest of this package reads them from the environment."""

from __future__ import annotations

import os
from typing import Any

from caffe_mnist.storage.backends import LONGEST_REQUEST


def set_auth(
    ak: str | None = None,
    sk: str | None = None,
    server: str | None = None,
    port: Any = None,
    is_secure: bool | None = None,
    ssl_verify: bool | None = None,
    long_conn_mode: bool | None = None,
    path_style: bool | None = None,
    retry: int | None = None,
    retry_wait: float | None = None,
    client_timeout: float | None = None,
    list_max_keys: int | None = None,
) -> None:
    """Keys, endpoint and style for this process and those that it starts from now on.

    What is None stays as it is. `long_conn_mode`, `retry`, `retry_wait` and `list_max_keys`
    change nothing here: connections are kept, requests are tried again with growing pauses.
    """
    if ak is not None:
        _set(ak, "AWS_ACCESS_KEY_ID", "OBS_ACCESS_KEY_ID")
    if sk is not None:
        _set(sk, "AWS_SECRET_ACCESS_KEY", "OBS_SECRET_ACCESS_KEY")
    if ak is not None or sk is not None:
        for name in ("AWS_SESSION_TOKEN", "OBS_SECURITY_TOKEN", "SECURITY_TOKEN"):
            os.environ.pop(name, None)
    if server is not None:
        _set(_endpoint(server, port, is_secure), "AWS_ENDPOINT_URL_S3", "OBS_ENDPOINT")
    elif is_secure is not None:
        _set("1" if is_secure else "0", "S3_USE_HTTPS")
    if ssl_verify is not None:
        _set("1" if ssl_verify else "0", "S3_VERIFY_SSL")
    if path_style is not None:
        _set("path" if path_style else "virtual", "S3_ADDRESSING_STYLE")
    if client_timeout is not None:
        _set(str(client_timeout), LONGEST_REQUEST)


def _endpoint(server: str, port: Any, is_secure: bool | None) -> str:
    scheme, _, host = server.rpartition("://")
    if is_secure is not None or not scheme:
        scheme = "http" if is_secure is False else "https"
    return f"{scheme}://{host.rstrip('/')}" + (f":{port}" if port is not None else "")


def _set(value: str, *names: str) -> None:
    os.environ.update(dict.fromkeys(names, value))
