"""Where objects are: `file://` URLs and bare paths, `s3://`, `obs://`, `gs://`, `az://`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import unquote

from caffe_mnist.errors import CaffeMnistError

SCHEMES = ("file", "s3", "obs", "gs", "az")
# What signs a request in a query: Amazon's, OBS's, Google's and Azure's names for it. Any other
# question mark is a part of an object's name.
SIGNED = re.compile(
    r"[?&](X-(Amz|Obs|Goog)-[a-z-]+|Signature|(AWS)?AccessKeyId|GoogleAccessId|sig|"
    r"(access_?|security_?)?token|secret|password)=",
    re.IGNORECASE,
)
# Whoever stands before the host; a secret may hold slashes.
KEYS = re.compile(r"([^/@]*(:[^@]*)?@)+")


@dataclass(frozen=True)
class Location:
    """A parsed URL: scheme, bucket (empty for files) and the path within it."""

    scheme: str
    bucket: str
    path: str


def parse(url: str | os.PathLike[str]) -> Location:
    """Take a URL apart; a bare path is a file.

    Raises CaffeMnistError, without repeating secrets, for an unknown scheme and for a URL that
    holds a key or a signature: it would be seen in lists of processes, logs and records.
    """
    text = os.fspath(url)
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", text, re.DOTALL)
    if match is None:
        if not text:
            raise CaffeMnistError("an empty string is no place in a store")
        return Location("file", "", text)
    scheme, rest = match.group(1).lower(), match.group(2)
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise CaffeMnistError(
            f"unknown scheme {scheme}://",
            where=without_secret(text),
            hint=f"known: {known} and bare paths",
        )
    if scheme == "file":
        path = unquote(rest[len("localhost") :] if rest.startswith("localhost/") else rest)
        if not path.startswith("/"):
            raise CaffeMnistError("a file URL needs an absolute path: file:///…", where=text)
        return Location("file", "", path)
    if KEYS.match(rest) or SIGNED.search(rest):
        raise CaffeMnistError(
            "holds a key, a password or a signature, which others would see",
            where=without_secret(text),
            hint="keys come from the environment: docs/storage.md",
        )
    bucket, _, path = rest.partition("/")
    if not bucket:
        raise CaffeMnistError("names no bucket", where=text, hint=f"{scheme}://BUCKET/PATH")
    parts = [part for part in path.split("/") if part]
    if any(part in (".", "..") for part in parts):
        raise CaffeMnistError("'.' and '..' have no meaning in a store", where=text)
    return Location(scheme, bucket, "/".join(parts))


def without_secret(url: str) -> str:
    """A URL without a password and a query that it may carry; anything else as it is."""
    scheme, colon, rest = url.partition("://")
    if not colon:
        return url
    match = KEYS.match(rest)
    return f"{scheme}://{rest[match.end() if match else 0 :].partition('?')[0]}"


def is_local(url: str | os.PathLike[str]) -> bool:
    """Whether `url` is a file or folder of this machine."""
    return parse(url).scheme == "file"


def join(url: str | os.PathLike[str], *parts: str) -> str:
    """`url` with more path; no slash is doubled."""
    joined = os.fspath(url)
    for part in parts:
        joined = f"{joined.rstrip('/')}/{part.strip('/')}" if joined else part
    return joined
