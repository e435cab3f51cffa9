"""One place in a store: whole objects, listed, written and read back.

Everything goes through one library (obstore) for every kind of store, and every expected
failure comes back as a StoreError of one line. What a store promises here:

- `write` and `upload` are seen whole or not at all;
- `create` writes only where nothing is (True) and says when something is (False);
- `list` names every object below, in order, and nothing that is half written.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from caffe_mnist.errors import JobError
from caffe_mnist.storage.credentials import s3_access
from caffe_mnist.storage.urls import Location, parse

# Parts of large objects, and how many travel at once: together the memory of one upload.
PART = 8 * 2**20
PARTS_AT_ONCE = 4
# The library's time limit is for a whole request, so it must let one part through a slow link.
REQUEST_LIMIT = timedelta(seconds=180)
CONNECT_LIMIT = timedelta(seconds=10)
# For objects of a few hundred bytes that somebody waits for.
QUICK_LIMIT = timedelta(seconds=8)
# The largest object that is read into memory at once (manifests, logs, reports).
LARGEST_READ = 64 * 2**20


class StoreError(JobError):
    """A store that could not do what was asked, after the library's own attempts."""


class MissingError(StoreError):
    """An object that is not there."""


@dataclass(frozen=True)
class Entry:
    """One object: its name below the store's place, its bytes, when it was written (epoch)."""

    name: str
    size: int
    modified: float = 0.0


class Store:
    """The objects below one URL. Make it with `open_store`."""

    def __init__(self, url: str, backend: Any) -> None:
        """Wrap the library's store; `url` is only for messages."""
        self.url = url
        self._backend = backend

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    def list(self, prefix: str = "") -> list[Entry]:
        """Every object below (below folder `prefix`), by name."""
        import obstore

        with self._errors(prefix):
            pages = obstore.list(self._backend, prefix or None)
            entries = [
                Entry(found["path"], found["size"], found["last_modified"].timestamp())
                for page in pages
                for found in page
            ]
        return sorted(entries, key=lambda entry: entry.name)

    def size(self, name: str) -> int | None:
        """The size of one object, or None if it is not there."""
        found = self.entry(name)
        return None if found is None else found.size

    def entry(self, name: str) -> Entry | None:
        """One object's size and time, or None if it is not there."""
        import obstore

        with self._errors(name):
            try:
                found = obstore.head(self._backend, name)
            except FileNotFoundError:
                return None
            return Entry(name, int(found["size"]), found["last_modified"].timestamp())

    def read(self, name: str, limit: int = LARGEST_READ) -> bytes:
        """The content of a small object; raises StoreError if it is missing or over `limit`."""
        import obstore

        with self._errors(name):
            result = obstore.get(self._backend, name)
            if result.meta["size"] > limit:
                raise StoreError(
                    f"{result.meta['size']} bytes, more than the {limit} expected",
                    where=self._place(name),
                )
            return bytes(result.bytes())

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of an object, piece by piece."""
        import obstore

        with self._errors(name):
            for chunk in obstore.get(self._backend, name).stream(min_chunk_size=2**20):
                yield bytes(chunk)

    def write(self, name: str, content: bytes) -> None:
        """Put a small object, replacing what was there."""
        import obstore

        with self._errors(name):
            obstore.put(self._backend, name, content)

    def write_chunks(self, name: str, content: Iterable[bytes]) -> None:
        """Put an object of any size from pieces; memory stays bounded."""
        import obstore

        with self._errors(name):
            obstore.put(
                self._backend, name, iter(content), chunk_size=PART, max_concurrency=PARTS_AT_ONCE
            )

    def upload(self, path: str | os.PathLike[str], name: str) -> None:
        """Put a file."""
        with open(path, "rb") as file:
            self.write_chunks(name, iter(lambda: file.read(2**20), b""))

    def create(self, name: str, content: bytes) -> bool:
        """Put an object where none is; False if there is one.

        A lost answer leaves in doubt whether it was our object that was made: it is read back
        and compared.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, GenericError, PreconditionError

        with self._errors(name):
            try:
                obstore.put(self._backend, name, content, mode="create")
            except (AlreadyExistsError, PreconditionError):
                return self.read(name) == content
            except GenericError:
                if self.size(name) is None:
                    raise
                return self.read(name) == content
        return True

    def delete(self, name: str) -> None:
        """Remove an object; it is no error if it is not there."""
        import obstore

        with self._errors(name):
            try:
                obstore.delete(self._backend, name)
            except FileNotFoundError:
                return

    @contextlib.contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        """Turn the library's exceptions into StoreErrors of one line."""
        from obstore import exceptions

        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise StoreError(_reason(error), where=self._place(name)) from None
            raise MissingError("there is no such object", where=self._place(name)) from None
        except exceptions.BaseError as error:
            raise StoreError(_reason(error), where=self._place(name)) from None
        except OSError as error:
            raise StoreError(error.strerror or str(error), where=self._place(name)) from None

    def _place(self, name: str) -> str:
        return f"{self.url.rstrip('/')}/{name}" if name else self.url


def open_store(url: str | os.PathLike[str], quick: bool = False) -> Store:
    """The store at `url`, with credentials from the environment.

    Nothing is contacted yet. Raises CaffeMnistError for an unknown scheme or missing
    credentials. A local folder is made when something is first written. A `quick` one is for
    small objects: a request fails after `QUICK_LIMIT`, after one more try at most.
    """
    location = parse(url)
    makers = {"file": _local, "s3": _s3, "obs": _s3, "gs": _google, "az": _azure}
    return Store(os.fspath(url), makers[location.scheme](location, quick))


def _local(location: Location, quick: bool) -> Any:
    from obstore.store import LocalStore

    path = Path(location.path).absolute()
    if path.exists() and not path.is_dir():
        raise StoreError("is a file, not a folder", where=location.path)
    try:
        return LocalStore(path, mkdir=True)
    except Exception as error:  # the library has no class for an unwritable folder
        raise StoreError(_reason(error), where=location.path) from None


def _s3(location: Location, quick: bool) -> Any:
    from obstore.store import S3Store

    access = s3_access(location.scheme, location.bucket)
    config: dict[str, Any] = {
        "access_key_id": access.key,
        "secret_access_key": access.secret,
        "region": access.region,
        "virtual_hosted_style_request": access.virtual_hosted,
        # Without it the library sends no checksum, and a byte that flips goes unnoticed.
        "checksum_algorithm": "SHA256",
    }
    if access.token:
        config["session_token"] = access.token
    options = _client_options(quick)
    if access.endpoint:
        config["endpoint"] = access.endpoint
        options["allow_http"] = access.endpoint.startswith("http://")
    if not access.verify:
        options["allow_invalid_certificates"] = True
    return S3Store(
        location.bucket,
        prefix=location.path or None,
        client_options=options,
        retry_config=_retry_config(quick),
        **config,
    )


def _google(location: Location, quick: bool) -> Any:
    from obstore.store import GCSStore

    names = (
        "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
    )  # fmt: skip
    _need(location, names)
    return GCSStore(
        location.bucket,
        prefix=location.path or None,
        client_options=_client_options(quick),
        retry_config=_retry_config(quick),
    )


def _azure(location: Location, quick: bool) -> Any:
    from obstore.store import AzureStore

    _need(location, ("AZURE_STORAGE_ACCOUNT_NAME",))
    return AzureStore(
        location.bucket,
        prefix=location.path or None,
        client_options=_client_options(quick),
        retry_config=_retry_config(quick),
    )


def _need(location: Location, names: tuple[str, ...]) -> None:
    """Without credentials the library would ask the cloud's metadata address, and hang."""
    if not any(os.environ.get(name) for name in names):
        raise StoreError(
            "no credentials in the environment",
            where=f"{location.scheme}://{location.bucket}",
            hint="set " + " or ".join(names),
        )


def _client_options(quick: bool) -> Any:
    limit = QUICK_LIMIT if quick else REQUEST_LIMIT
    return {"timeout": limit, "connect_timeout": min(limit, CONNECT_LIMIT)}


def _retry_config(quick: bool = False) -> Any:
    return {
        "max_retries": 1 if quick else 4,
        "retry_timeout": timedelta(seconds=5 if quick else 60),
        "backoff": {
            "init_backoff": timedelta(milliseconds=200),
            "max_backoff": timedelta(seconds=5),
        },
    }


def _reason(error: Exception) -> str:
    """The cause in the store's words: the code of its answer, or the innermost of a chain."""
    text = str(error).split("\n\nDebug source", maxsplit=1)[0]
    for word, meaning in REASONS.items():
        if word in text:
            return f"{meaning} ({word})"
    for field in ("<Message>", "Message: "):
        if field in text:
            return text.split(field, 1)[1].split("<", 1)[0].strip()
    if "No such file" in text or "os error" in text:
        return text.rsplit(": ", 1)[-1]
    if "error sending request" in text or "tcp connect" in text:
        return "the store does not answer (is the endpoint right?)"
    if "operation timed out" in text or "timed out" in text:
        return "the store did not answer in time"
    return " ".join(text.split())[:300]


REASONS = {
    "SignatureDoesNotMatch": "the access key or its secret is wrong",
    "InvalidAccessKeyId": "the access key is unknown",
    "NoSuchBucket": "there is no such bucket",
    "AccessDenied": "no permission",
    "403 Forbidden": "no permission",
    "SlowDown": "the store is too busy",
    "503 Service Unavailable": "the store is too busy",
    "QuotaExceeded": "the store is full",
    "No space left on device": "the disk is full",
    "Permission denied": "no permission",
    "BadDigest": "the data was damaged on the way",
    "XAmzContentSHA256Mismatch": "the data was damaged on the way",
}
