"""Endpoints: what is asked of them, and one clear line for whatever wrong one answers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage import store as stores
from caffe_mnist.storage.backends import Limits
from caffe_mnist.storage.credentials import s3_access
from caffe_mnist.storage.reasons import reason
from caffe_mnist.storage.store import StoreError, open_store

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n<html><p>Welcome</html>"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\n<html></html>"
SAYS = b"<html><p>Message: File not found.</p></html>"
WORDS = b"HTTP/1.1 404 Not Found\r\nContent-Length: 44\r\n\r\n" + SAYS
OTHER = b"SSH-2.0-OpenSSH_9.2\r\n"


@contextlib.contextmanager
def answering(answer: bytes, asked: list[bytes] | None = None) -> Iterator[int]:
    """A port where everything is answered with these bytes; what was asked is noted."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), client:
                request = client.recv(65536)
                if asked is not None:
                    asked.append(request)
                client.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any keys, one attempt, and little patience."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    monkeypatch.setattr(stores, "ASKING", Limits(request=5, retries=0))


@pytest.mark.parametrize("answer", [PAGE, MISSING, WORDS, OTHER, b""])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_is_no_store_is_said(
    keys: None, answer: bytes, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A web page, another protocol, nothing; with and without TLS."""
    with answering(answer) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"{scheme}://127.0.0.1:{port}")
        with pytest.raises(StoreError, match=r"is the endpoint right\?") as caught:
            open_store("s3://bucket/x").list()
    assert "very-secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_host_that_is_not_there(keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name cannot be found."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://no-such-host.invalid")
    with pytest.raises(StoreError, match=r"is the endpoint right\?"):
        open_store("s3://bucket/x").list()


@pytest.mark.parametrize(
    "endpoint",
    ["http://bad host", "http://", "ftp://x", "http://key:secret@host", "http://h:99999"],
)
def test_an_endpoint_that_is_no_address(endpoint: str) -> None:
    """Found before anything is asked; what may hold keys is not repeated."""
    found = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": endpoint}
    with pytest.raises(CaffeMnistError, match="endpoint in the environment is no address") as error:
        s3_access("s3", "bucket", found)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("url", ["s3://a b/x", "s3://a\n/x", "s3://a%20/x"])
def test_names_that_can_be_no_bucket(keys: None, url: str) -> None:
    """The library would fail on them in its own way."""
    with pytest.raises(CaffeMnistError, match="can be no bucket"):
        open_store(url)


def test_signatures_in_addresses_are_not_repeated() -> None:
    """Some stores take the key in the query."""
    said = reason(Exception("Error performing GET https://x/y?sv=1&sig=SECRET in 3ms - odd"))
    assert said == "Error performing GET https://x/y in 3ms - odd"


@pytest.mark.parametrize(
    ("style", "endpoint", "line"),
    [
        ("path", "http://s3.test", "PUT http://s3.test/bucket/run/x HTTP/1.1"),
        ("virtual", "http://s3.test", "PUT http://bucket.s3.test/run/x HTTP/1.1"),
        ("virtual", "http://bucket.s3.test", "PUT http://bucket.s3.test/run/x HTTP/1.1"),
    ],
)
@pytest.mark.parametrize("scheme", ["s3", "obs"])
def test_where_the_bucket_stands(
    keys: None,
    style: str,
    endpoint: str,
    line: str,
    scheme: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the path or in the host's name. (Asked by way of a proxy: no such host is needed.)"""
    asked: list[bytes] = []
    with answering(b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 0\r\n\r\n', asked) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        monkeypatch.setenv("S3_ADDRESSING_STYLE", style)
        open_store(f"{scheme}://bucket/run").write("x", b"1")
    assert asked[0].split(b"\r\n")[0].decode() == line
    assert b"very-secret" not in asked[0]


def test_obs_does_not_go_to_amazons_endpoint(keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both are set, each scheme has its own address, key and token."""
    for name, value in {
        "AWS_ENDPOINT_URL_S3": "http://amazon.test",
        "AWS_ENDPOINT_URL": "http://amazon.test",
        "AWS_SESSION_TOKEN": "amazons-token",
        "OBS_ENDPOINT": "http://huawei.test",
        "OBS_ACCESS_KEY_ID": "obs-key",
        "OBS_SECRET_ACCESS_KEY": "obs-secret",
    }.items():
        monkeypatch.setenv(name, value)
    asked: list[bytes] = []
    with answering(b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 0\r\n\r\n', asked) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        open_store("obs://bucket/run").write("x", b"1")
        open_store("s3://bucket/run").write("x", b"1")
    obs, amazon = asked
    assert obs.startswith(b"PUT http://huawei.test/bucket/run/x")
    assert b"obs-key" in obs
    assert b"amazons-token" not in obs
    assert amazon.startswith(b"PUT http://amazon.test/bucket/run/x")
    assert b"amazons-token" in amazon


def test_secrets_are_not_in_what_is_printed(keys: None) -> None:
    """Neither of our store nor of the library's."""
    store = open_store("s3://bucket/x")
    for said in (repr(store), repr(store._backend), str(getattr(store._backend, "config", ""))):
        assert "very-secret" not in said


@pytest.mark.parametrize(
    ("found", "token"),
    [
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SESSION_TOKEN": "t"}, "t"),
        ({"OBS_ACCESS_KEY_ID": "a", "AWS_SESSION_TOKEN": "t"}, None),
        ({"OBS_ACCESS_KEY_ID": "a", "OBS_SECURITY_TOKEN": "t"}, "t"),
        ({"OBS_ACCESS_KEY_ID": "a", "SECURITY_TOKEN": "t"}, "t"),
        ({"ACCESS_KEY_ID": "a", "SECURITY_TOKEN": "t", "AWS_SESSION_TOKEN": "x"}, "t"),
        ({"AWS_ACCESS_KEY_ID": "a", "SECURITY_TOKEN": "t"}, None),
    ],
)
def test_a_token_belongs_to_its_key(found: dict[str, str], token: str | None) -> None:
    """One of another family is left alone."""
    for scheme in ("s3", "obs"):
        access = s3_access(scheme, "b", {**found, "SECRET_ACCESS_KEY": "s", "S3_ENDPOINT": "h"})
        assert access.token == token
