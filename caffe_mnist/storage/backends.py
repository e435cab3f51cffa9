"""The library's stores, one maker a scheme, with keys from the environment and limits of time."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.credentials import emulator, s3_access
from caffe_mnist.storage.urls import Location

CONNECT_LIMIT = 10.0
# An environment variable with seconds that no request may exceed: to notice a dead store sooner.
LONGEST_REQUEST = "CAFFE_MNIST_LONGEST_REQUEST"


@dataclass(frozen=True)
class Limits:
    """Seconds for one whole request, body included, and how it is tried again.

    `silence` ends a request of which nothing arrives for so long, where the library can.
    """

    request: float = 60.0
    silence: float = 0.0
    retries: int = 4
    retrying: float = 60.0


# Small objects, lists, questions; and the same for those that somebody waits for.
ASKING = Limits()
QUICK = Limits(request=8, retries=1, retrying=5)
# An answer of any length, as long as it moves.
READING = Limits(request=6 * 3600, silence=60)


def backend(location: Location, limits: Limits) -> Any:
    """The library's store for a place. Nothing is contacted yet.

    Raises CaffeMnistError for missing credentials and for names that can be no bucket.
    """
    makers = {"file": _local, "s3": _s3, "obs": _s3, "gs": _google, "az": _azure}
    if location.scheme != "file" and not re.fullmatch(r"[A-Za-z0-9$._:-]+", location.bucket):
        raise CaffeMnistError(
            f"{location.bucket!r} can be no bucket", where=f"{location.scheme}://{location.bucket}"
        )
    return makers[location.scheme](location, limits)


def _local(location: Location, limits: Limits) -> Any:
    from obstore.store import LocalStore

    return LocalStore(Path(location.path).absolute(), mkdir=True)


def _s3(location: Location, limits: Limits) -> Any:
    from obstore.store import S3Store

    access = s3_access(location.scheme, location.bucket)
    # Given as a function: as settings they would be mixed with a token of another key in the
    # environment, which the library reads too, and be readable in the store's `config`.
    keys = {
        "access_key_id": access.key,
        "secret_access_key": access.secret,
        "token": access.token,
        "expires_at": None,
    }
    config: dict[str, Any] = {
        "credential_provider": lambda: keys,
        "region": access.region,
        "virtual_hosted_style_request": access.virtual_hosted,
        # Without it the library sends no checksum, and a byte that flips goes unnoticed.
        "checksum_algorithm": "SHA256",
    }
    options: dict[str, Any] = {}
    if access.endpoint:
        config["endpoint"] = access.endpoint
        options["allow_http"] = access.endpoint.startswith("http://")
    if not access.verify:
        options["allow_invalid_certificates"] = True
    if access.endpoint and os.environ.get("AWS_ENDPOINT_URL_S3"):
        # New releases of the library would take that one instead; old ones do not know the name.
        try:
            both = {**config, "aws_endpoint_url_s3": access.endpoint}
            return _make(S3Store, location, limits, options, both)
        except Exception as error:
            if "is not valid" not in str(error):
                raise
    return _make(S3Store, location, limits, options, config)


def _google(location: Location, limits: Limits) -> Any:
    from obstore.store import GCSStore

    names = (
        "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
    )  # fmt: skip
    address = emulator("gs")
    if address is None:
        _need(location, names)
        return _make(GCSStore, location, limits, {}, {})
    key = {"gcs_base_url": address, "disable_oauth": True}
    key.update(client_email="", private_key="", private_key_id="")
    config = {"service_account_key": json.dumps(key)}
    return _make(GCSStore, location, limits, {"allow_http": True}, config)


def _azure(location: Location, limits: Limits) -> Any:
    from obstore.store import AzureStore

    address = emulator("az")
    if address is None:
        _need(location, ("AZURE_STORAGE_ACCOUNT_NAME",))
        return _make(AzureStore, location, limits, {}, {})
    return _make(AzureStore, location, limits, {"allow_http": True}, {"use_emulator": True})


def _make(kind: Any, location: Location, limits: Limits, options: Any, config: Any) -> Any:
    longest = float(os.environ.get(LONGEST_REQUEST) or "inf")
    if longest < limits.request:
        limits = replace(limits, request=longest, retrying=min(longest, limits.retrying))
    options = {
        "timeout": timedelta(seconds=limits.request),
        "connect_timeout": timedelta(seconds=min(limits.request, CONNECT_LIMIT)),
        **options,
    }
    retry = {
        "max_retries": limits.retries,
        "retry_timeout": timedelta(seconds=limits.retrying),
        "backoff": {
            "init_backoff": timedelta(milliseconds=200),
            "max_backoff": timedelta(seconds=5),
        },
    }
    words = {"prefix": location.path or None, "retry_config": retry, **config}
    if limits.silence:
        silence = timedelta(seconds=limits.silence)
        try:
            return kind(
                location.bucket, client_options={**options, "read_timeout": silence}, **words
            )
        except Exception as error:
            # The releases for Python 3.9 have no such limit, so the other one has to do.
            if "read_timeout" not in str(error):
                raise
            options["timeout"] = timedelta(seconds=min(limits.request, 1800))
    return kind(location.bucket, client_options=options, **words)


def _need(location: Location, names: tuple[str, ...]) -> None:
    """Without credentials the library would ask the cloud's metadata address, and hang."""
    if not any(os.environ.get(name) for name in names):
        raise CaffeMnistError(
            "no credentials in the environment",
            where=f"{location.scheme}://{location.bucket}",
            hint="set " + " or ".join(names),
        )
