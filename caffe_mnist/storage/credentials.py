"""Keys and endpoints from the environment, under every name that platforms give them.

    key        AWS_ACCESS_KEY_ID, OBS_ACCESS_KEY_ID, ACCESS_KEY_ID
    secret     AWS_SECRET_ACCESS_KEY, OBS_SECRET_ACCESS_KEY, SECRET_ACCESS_KEY
    token      AWS_SESSION_TOKEN, OBS_SECURITY_TOKEN, SECURITY_TOKEN
    endpoint   AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_ENDPOINT, OBS_ENDPOINT, S3_ENDPOINT
    region     AWS_REGION, AWS_DEFAULT_REGION, OBS_REGION, S3_REGION
    others     S3_USE_HTTPS (0 or 1), S3_VERIFY_SSL (0 or 1), S3_ADDRESSING_STYLE (path, virtual)

For obs:// URLs the OBS_ names go before the AWS_ ones, for s3:// URLs after them. Nothing here
is ever printed: objects that hold secrets have no telling `repr`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from caffe_mnist.errors import CaffeMnistError

KEYS = ("AWS_ACCESS_KEY_ID", "OBS_ACCESS_KEY_ID", "ACCESS_KEY_ID")
SECRETS = ("AWS_SECRET_ACCESS_KEY", "OBS_SECRET_ACCESS_KEY", "SECRET_ACCESS_KEY")
TOKENS = ("AWS_SESSION_TOKEN", "OBS_SECURITY_TOKEN", "SECURITY_TOKEN")
ENDPOINTS = (
    "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "OBS_ENDPOINT", "S3_ENDPOINT",
)  # fmt: skip
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION", "OBS_REGION", "S3_REGION")


@dataclass(frozen=True)
class S3Access:
    """How to reach an S3-like store."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    token: str | None = field(repr=False)
    endpoint: str | None
    region: str
    verify: bool
    virtual_hosted: bool


def s3_access(scheme: str, bucket: str, environment: Mapping[str, str] | None = None) -> S3Access:
    """What the environment says for `scheme` (s3 or obs) and `bucket`.

    Raises CaffeMnistError, naming the variables, when there is no key or secret, and for obs://
    when there is no endpoint.
    """
    found = os.environ if environment is None else environment
    first = "OBS_" if scheme == "obs" else "AWS_"

    def pick(names: tuple[str, ...]) -> str | None:
        ordered = sorted(names, key=lambda name: not name.startswith(first))
        return next((found[name] for name in ordered if found.get(name)), None)

    key, secret, endpoint = pick(KEYS), pick(SECRETS), pick(ENDPOINTS)
    where = f"{scheme}://{bucket}"
    for value, names in ((key, KEYS), (secret, SECRETS)):
        if value is None:
            raise CaffeMnistError(
                "no credentials in the environment", where=where, hint="set " + " or ".join(names)
            )
    if scheme == "obs" and endpoint is None:
        raise CaffeMnistError("no endpoint for obs:// URLs", where=where, hint="set OBS_ENDPOINT")
    if endpoint and "://" not in endpoint:
        secure = found.get("S3_USE_HTTPS", "1") not in ("0", "false", "")
        endpoint = f"{'https' if secure else 'http'}://{endpoint}"
    if endpoint:
        _check_endpoint(endpoint, where)
    style = found.get("S3_ADDRESSING_STYLE") or ("path" if endpoint else "virtual")
    if style not in ("path", "virtual"):
        raise CaffeMnistError(
            f"unknown style {style!r}", where="S3_ADDRESSING_STYLE", hint="path or virtual"
        )
    return S3Access(
        key=key or "",
        secret=secret or "",
        token=_token(found, key),
        endpoint=_with_bucket(endpoint, bucket) if endpoint and style == "virtual" else endpoint,
        region=pick(REGIONS) or "us-east-1",
        verify=found.get("S3_VERIFY_SSL", "1") not in ("0", "false", ""),
        virtual_hosted=style == "virtual",
    )


def _token(found: Mapping[str, str], key: str | None) -> str | None:
    """The token that belongs to the key: one of another family would spoil it."""
    for key_name, name in zip(KEYS, TOKENS):
        if key and found.get(key_name) == key and found.get(name):
            return found[name]
    from_amazon = found.get(KEYS[0]) == key
    return None if from_amazon else found.get("SECURITY_TOKEN")


def _check_endpoint(endpoint: str, where: str) -> None:
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    good = re.fullmatch(r"[A-Za-z0-9._:%-]+", host) and parts.scheme in ("http", "https")
    if not good or port == 0 or "@" in parts.netloc:
        raise CaffeMnistError(
            "the endpoint in the environment is no address", where=where,
            hint="https://HOST or http://HOST:PORT, without keys",
        )  # fmt: skip


def _with_bucket(endpoint: str, bucket: str) -> str:
    """The library wants the bucket in the host of a virtual-hosted endpoint."""
    scheme, _, host = endpoint.partition("://")
    return endpoint if host.startswith(f"{bucket}.") else f"{scheme}://{bucket}.{host}"


def emulator(scheme: str, environment: Mapping[str, str] | None = None) -> str | None:
    """The address of a server for trials that stands in for gs:// or az://; None without one.

    The names are those of Google's and Microsoft's own libraries.
    """
    found = os.environ if environment is None else environment
    if scheme == "gs":
        address = found.get("STORAGE_EMULATOR_HOST")
        return address if not address or "://" in address else f"http://{address}"
    if found.get("AZURE_STORAGE_USE_EMULATOR", "").lower() in ("1", "true", "yes", "on"):
        return found.get("AZURITE_BLOB_STORAGE_URL", "http://127.0.0.1:10000")
    return None
