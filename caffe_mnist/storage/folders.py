"""Folders in stores: an empty object `folder/`, as the consoles of S3-like stores make it.

The library writes no name that ends in a slash, so these two requests are signed here
(Signature Version 4). Other kinds of stores have folders only while something is in them.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
import urllib.error
import urllib.request
from datetime import datetime, timezone
from urllib.parse import quote, urlsplit

from caffe_mnist.storage.credentials import S3Access, s3_access
from caffe_mnist.storage.reasons import SILENT, reason
from caffe_mnist.storage.store import StoreError
from caffe_mnist.storage.urls import parse

LIMIT = 30.0
NOTHING = hashlib.sha256(b"").hexdigest()


def make_folder(url: str) -> None:
    """Let there be a folder at `url`, though nothing is in it. Raises StoreError."""
    _ask("PUT", url)


def remove_marker(url: str) -> None:
    """Remove the empty object that shows the folder at `url`, if there is one."""
    _ask("DELETE", url)


def _ask(method: str, url: str) -> None:
    place = parse(url)
    if place.scheme not in ("s3", "obs") or not place.path:
        return
    access = s3_access(place.scheme, place.bucket)
    host = f"{place.bucket}.s3.{access.region}.amazonaws.com"
    base = (access.endpoint or f"https://{host}").rstrip("/")
    path = f"{place.path}/" if access.virtual_hosted else f"{place.bucket}/{place.path}/"
    target = f"{base}/{quote(path, safe='/-_.~')}"
    request = urllib.request.Request(target, method=method, headers=_signed(method, target, access))
    if method == "PUT":
        request.data = b""
        request.add_header("Content-Type", "application/x-directory")
    context = None if access.verify else ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(request, timeout=LIMIT, context=context):
            return
    except urllib.error.HTTPError as error:
        if method == "DELETE" and error.code == 404:
            return
        text = error.read(10_000).decode(errors="replace")
        why = reason(Exception(text or f"{error.code} {error.reason}"))
        raise StoreError(why, where=url) from None
    except OSError:
        raise StoreError(SILENT, where=url) from None


def _signed(method: str, target: str, access: S3Access) -> dict[str, str]:
    """The headers that sign a request without a body."""
    parts = urlsplit(target)
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    head = {"host": parts.netloc, "x-amz-content-sha256": NOTHING, "x-amz-date": now}
    if access.token:
        head["x-amz-security-token"] = access.token
    names = ";".join(head)
    lines = "".join(f"{key}:{value}\n" for key, value in head.items())
    asked = f"{method}\n{parts.path}\n\n{lines}\n{names}\n{NOTHING}"
    scope = f"{now[:8]}/{access.region}/s3/aws4_request"
    digest = hashlib.sha256(asked.encode()).hexdigest()
    key = f"AWS4{access.secret}".encode()
    for part in [*scope.split("/"), f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return {
        **head,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={access.key}/{scope}, "
        f"SignedHeaders={names}, Signature={key.hex()}",
    }
