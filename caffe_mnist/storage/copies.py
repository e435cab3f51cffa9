"""Folders to and from stores: in parallel, checked, and not again what is there already."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing
from caffe_mnist.storage.progress import Progress
from caffe_mnist.storage.store import Entry, Store, StoreError, open_store
from caffe_mnist.storage.urls import is_local, join, parse

AT_ONCE = 8


def exists(url: str) -> bool:
    """Whether there is a file, an object or anything below `url`."""
    if is_local(url):
        return os.path.exists(parse(url).path)
    store = open_store(url)
    return bool(store.list()) or object_size(url) is not None


def object_size(url: str) -> int | None:
    """The size of the single file or object at `url`; None if there is none."""
    folder, _, name = url.rstrip("/").rpartition("/")
    if is_local(url):
        path = Path(parse(url).path)
        return path.stat().st_size if path.is_file() else None
    return open_store(folder).size(name) if parse(url).path else None


def download(url: str, path: Path) -> None:
    """One object into one file, written aside and renamed."""
    folder, _, name = url.rstrip("/").rpartition("/")
    store = open_store(folder or ("/" if url.startswith("/") else "."))
    size = store.size(name)
    if size is None:
        raise StoreError("there is no such object", where=url)
    path.parent.mkdir(parents=True, exist_ok=True)
    _download(store, Entry(name, size), path, lambda count: None)


def download_folder(
    url: str,
    folder: Path,
    only: Callable[[str], bool] | None = None,
    label: str = "download",
) -> list[Path]:
    """Everything below `url` into `folder`; returns the files.

    `only` picks by name. A file gets its object's time, so that one of the same size and time
    is kept. Raises StoreError when there is nothing, or when the store fails.
    """
    if is_local(url) and not os.path.isdir(parse(url).path):
        raise StoreError("there is no such folder", where=url)
    store = open_store(url)
    entries = [entry for entry in store.list() if only is None or only(entry.name)]
    if not entries:
        raise StoreError("there is nothing to copy", where=url, hint="is the URL right?")
    for entry in entries:
        _check_name(entry.name, url)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [entry for entry in entries if not _is_there(folder / entry.name, entry)]
    with Progress(label, sum(entry.size for entry in wanted), len(wanted)) as progress:

        def fetch(entry: Entry) -> None:
            target = folder / entry.name
            target.parent.mkdir(parents=True, exist_ok=True)
            _download(store, entry, target, progress.add)
            progress.done()

        _in_parallel(fetch, wanted)
    return [folder / entry.name for entry in entries]


def upload_folder(folder: Path, url: str, label: str = "upload") -> list[str]:
    """Every file below `folder` to `url`; returns the names. What is there is replaced."""
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    if not names:
        raise CaffeMnistError("there is nothing to copy", where=folder)
    store = open_store(url)
    total = sum((folder / name).stat().st_size for name in names)
    with Progress(label, total, len(names)) as progress:

        def send(name: str) -> None:
            size = (folder / name).stat().st_size
            store.upload(folder / name, name)
            found = store.size(name)
            if found != size:
                raise StoreError(f"holds {found} bytes instead of {size}", where=join(url, name))
            progress.add(size)
            progress.done()

        _in_parallel(send, names)
    return names


def _download(store: Store, entry: Entry, target: Path, add: Callable[[int], None]) -> None:
    with replacing(target) as aside, aside.open("wb") as file:
        size = 0
        for chunk in store.chunks(entry.name):
            file.write(chunk)
            size += len(chunk)
            add(len(chunk))
        if size != entry.size:
            raise StoreError(
                f"gave {size} bytes instead of {entry.size}", where=join(store.url, entry.name)
            )
        if entry.modified:
            file.flush()
            os.utime(file.fileno(), (entry.modified, entry.modified))


def _in_parallel(work: Callable[..., None], items: Sequence[object]) -> None:
    """Run `work` on all items; the first failure is raised after the running ones ended."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def _check_name(name: str, url: str) -> None:
    """Refuse names that would leave the folder."""
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or any(part in ("", ".", "..") for part in parts):
        raise StoreError(f"object name {name!r} is no path within a folder", where=url)


def _is_there(path: Path, entry: Entry) -> bool:
    if not path.is_file():
        return False
    status = path.stat()
    return status.st_size == entry.size and abs(status.st_mtime - entry.modified) < 1e-3
