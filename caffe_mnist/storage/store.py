"""One place in a store: whole objects, listed, written and read back.

Everything goes through one library (obstore) for every kind of store, and every expected
failure comes back as a StoreError of one line. What a store promises here:

- `write`, `send` and `upload` are seen whole or not at all;
- `create` writes only where nothing is (True) and says when something is (False);
- `list` names every object below, in order, and nothing that is half written.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from caffe_mnist.errors import JobError
from caffe_mnist.storage.backends import ASKING, QUICK, READING, Limits, backend
from caffe_mnist.storage.entries import Entry, Level, entry_of, files_of
from caffe_mnist.storage.pace import PACES, Pace
from caffe_mnist.storage.reasons import LATE, is_late, is_passing, reason
from caffe_mnist.storage.sources import Content, FileContent, ahead
from caffe_mnist.storage.urls import parse

# The largest object that is read into memory at once (manifests, logs, reports).
LARGEST_READ = 64 * 2**20
# How often a whole object is sent again after a failure that may pass, and the seconds between.
ATTEMPTS = 3
PAUSE = 1.0


class StoreError(JobError):
    """A store that could not do what was asked, after the library's own attempts.

    `passing`: it may well succeed when it is tried again.
    """

    passing = False


class MissingError(StoreError):
    """An object that is not there."""


class Store:
    """The objects below one URL. Make it with `open_store`."""

    def __init__(self, url: str, make: Callable[[Limits], Any], limits: Limits = ASKING) -> None:
        """`make` gives the library's store for limits of time; `url` is only for messages."""
        self.url = url
        self._make, self._limits = make, limits
        self._made: dict[Limits, Any] = {}

    def _within(self, limits: Limits) -> Any:
        if limits not in self._made:
            self._made[limits] = self._make(limits)
        return self._made[limits]

    @property
    def _backend(self) -> Any:
        return self._within(self._limits)

    @property
    def _reader(self) -> Any:
        return self._within(READING if self._limits is ASKING else self._limits)

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    def list(self, prefix: str = "") -> list[Entry]:
        """Every object below (below folder `prefix`), by name."""
        import obstore

        with self._errors(prefix, "list"):
            pages = obstore.list(self._backend, prefix or None)
            entries = [entry_of(found) for page in pages for found in page]
        return files_of(entries)

    def list_level(self, folder: str = "") -> Level:
        """The names of the folders in `folder`, and its objects, without looking deeper."""
        import obstore

        with self._errors(folder, "list"):
            found = obstore.list_with_delimiter(self._backend, folder or None)
            entries = [entry_of(one) for one in found["objects"]]
            folders = sorted(found["common_prefixes"])
        markers = set(folders)
        return folders, [one for one in files_of(entries) if one.name not in markers]

    def markers(self) -> Sequence[str]:
        """Folders with an empty object `folder/` to show them, by name; "" is the place itself."""
        import obstore

        with self._errors("", "list"):
            pages = obstore.list(self._backend)
            empty = [found["path"] for page in pages for found in page if not found["size"]]
        return [name for name in empty if not name or self.entry(name) is None]

    def is_empty(self) -> bool:
        """Whether there is nothing below; asks for no more than the first page of a list."""
        import obstore

        with self._errors("", "list"):
            return not any(len(page) for page in obstore.list(self._backend, chunk_size=1))

    def count(self, most: int) -> int:
        """How many objects are below; from `most` on it counts no further."""
        import obstore

        found = 0
        with self._errors("", "list"):
            for page in obstore.list(self._backend):
                found += len(page)
                if found >= most:
                    break
        return min(found, most)

    def size(self, name: str) -> int | None:
        """The size of one object, or None if it is not there."""
        found = self.entry(name)
        return None if found is None else found.size

    def entry(self, name: str) -> Entry | None:
        """One object's size and time, or None if it is not there."""
        import obstore
        from obstore import exceptions

        with self._errors(name, "read"):
            try:
                found = obstore.head(self._backend, name)
            except FileNotFoundError:
                return None
            except exceptions.BaseError as error:
                if any(status in str(error) for status in ("403 Forbidden", "400 Bad Request")):
                    self.is_empty()  # the answer to this question has no words, that to a list has
                raise
            return replace(entry_of(found), name=name)

    def read(self, name: str, limit: int = LARGEST_READ) -> bytes:
        """The content of a small object; raises StoreError if it is missing or over `limit`."""
        import obstore

        with self._errors(name, "read"):
            result = obstore.get(self._reader, name)
            if result.meta["size"] > limit:
                raise StoreError(
                    f"{result.meta['size']} bytes, more than the {limit} expected",
                    where=self._place(name),
                )
            return bytes(result.bytes())

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of an object, piece by piece."""
        import obstore

        with self._errors(name, "read"):
            for chunk in obstore.get(self._reader, name).stream(min_chunk_size=2**20):
                yield bytes(chunk)

    def write(self, name: str, content: bytes) -> None:
        """Put a small object, replacing what was there."""
        import obstore

        with self._errors(name, "write"):
            obstore.put(self._backend, name, content)

    def upload(
        self,
        path: str | os.PathLike[str],
        name: str,
        moved: Callable[[int], None] | None = None,
    ) -> str:
        """Put a file; returns the SHA-256 of what was sent, in hexadecimal.

        `moved` is told how many bytes were handed over, and a negative number when they have
        to be sent again. Raises OSError when the file cannot be read.
        """
        with open(path, "rb") as file:
            content = FileContent(file)
            self.send(name, content, os.fstat(file.fileno()).st_size, moved)
            return content.sha256

    def send(
        self,
        name: str,
        content: Content,
        size: int,
        moved: Callable[[int], None] | None = None,
    ) -> None:
        """Put an object of about `size` bytes from pieces, in parts if it is large.

        `content` gives the pieces anew for each attempt: what may pass (a busy store, a broken
        connection, damage on the way) is tried again, and so is what takes its time.
        """
        paces = PACES if self._limits is ASKING else (Pace(1, self._limits),)
        pace, attempt = 0, 1
        while True:
            try:
                self._send(name, content, size, paces[pace], moved)
                return
            except StoreError as error:
                if LATE in error.what:
                    if pace + 1 == len(paces) or not self._answers(name):
                        raise
                    pace += 1
                elif not error.passing or attempt == ATTEMPTS:
                    raise
                else:
                    time.sleep(PAUSE * attempt * random.uniform(0.5, 1.0))
                    attempt += 1

    def _send(
        self,
        name: str,
        content: Content,
        size: int,
        pace: Pace,
        moved: Callable[[int], None] | None,
    ) -> None:
        import obstore

        sent = 0

        def counted(pieces: Iterable[bytes]) -> Generator[bytes, None, None]:
            nonlocal sent
            for block in pieces:
                sent += len(block)
                if moved is not None:
                    moved(len(block))
                yield block

        part = pace.part(size)
        try:
            with self._errors(name, "write"):
                store = self._within(pace.for_object(size))
                if size <= part:
                    obstore.put(store, name, b"".join(counted(content())), use_multipart=False)
                else:
                    with contextlib.closing(ahead(counted(content()))) as blocks:
                        obstore.put(
                            store, name, blocks, chunk_size=part, max_concurrency=pace.at_once
                        )
        except BaseException:
            if moved is not None:
                moved(-sent)
            raise

    def _answers(self, name: str) -> bool:
        """Whether the store answers a question quickly; then it was the link that is slow."""
        import obstore

        try:
            obstore.head(self._within(QUICK), name)
        except FileNotFoundError:
            return True
        except Exception as error:
            return not is_late(error) and "HTTP error" not in str(error)
        return True

    def create(self, name: str, content: bytes) -> bool:
        """Put an object where none is; False if there is one.

        A lost answer leaves in doubt whether it was our object that was made: it is read back
        and compared.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, GenericError, PreconditionError

        with self._errors(name, "write"):
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

        with self._errors(name, "remove"):
            try:
                obstore.delete(self._backend, name)
            except FileNotFoundError:
                return

    def delete_all(self, names: Sequence[str]) -> None:
        """Remove many objects, a thousand a request where the store can."""
        import obstore

        for first in range(0, len(names), 1000):
            some = list(names[first : first + 1000])
            with self._errors(some[0], "remove"), contextlib.suppress(FileNotFoundError):
                obstore.delete(self._backend, some)

    @contextlib.contextmanager
    def _errors(self, name: str, act: str = "") -> Iterator[None]:
        """Turn the library's exceptions into StoreErrors of one line; `act` is what was tried."""
        from obstore import exceptions

        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error) or "ContainerNotFound" in str(error):
                raise StoreError(reason(error), where=self._place(name)) from None
            raise MissingError("there is no such object", where=self._place(name)) from None
        except exceptions.BaseError as error:
            failure = StoreError(reason(error, act), where=self._place(name))
            failure.passing = is_passing(error)
            raise failure from None
        except OSError as error:
            raise StoreError(error.strerror or str(error), where=self._place(name)) from None

    def _place(self, name: str) -> str:
        return f"{self.url.rstrip('/')}/{name}" if name else self.url


def open_store(url: str | os.PathLike[str], quick: bool = False) -> Store:
    """The store at `url`, with credentials from the environment.

    Nothing is contacted yet. Raises CaffeMnistError for an unknown scheme or missing
    credentials. A local folder is made when something is first written. A `quick` one is for
    small objects that somebody waits for: a request fails after a few seconds.
    """
    location = parse(url)
    path = Path(location.path)
    if location.scheme == "file" and path.exists() and not path.is_dir():
        raise StoreError("is a file, not a folder", where=location.path)
    store = Store(os.fspath(url), functools.partial(backend, location), QUICK if quick else ASKING)
    with store._errors(""):
        store._within(store._limits)
    return store
