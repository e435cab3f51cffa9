"""Whether a place in a store can be written, read and tidied up: with one small object."""

from __future__ import annotations

import os

from caffe_mnist.storage.store import StoreError, open_store

CONTENT = b"python -m caffe_mnist.train --preflight-only looks whether it may write here\n"


def probe(url: str) -> None:
    """Write, read back and remove an object below `url`; raises StoreError for what fails."""
    store, name = open_store(url, quick=True), f".preflight-{os.urandom(6).hex()}"
    store.write(name, CONTENT)
    try:
        if store.read(name) != CONTENT:
            raise StoreError("gives back something else than was written", where=url)
    finally:
        store.delete(name)
