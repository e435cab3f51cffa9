"""`newest.json`: which snapshot below a root is the newest, for readers that do not list.

It is written after the manifest of the snapshot that it names, and it is a hint: whoever reads
it checks that manifest, and looks through the whole root where it is missing or wrong. A job
that died between the two leaves it one snapshot behind.
"""

from __future__ import annotations

import json
import re

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.manifest import MANIFEST, Manifest
from caffe_mnist.storage.store import StoreError, open_store
from caffe_mnist.storage.survey import Published
from caffe_mnist.storage.urls import join

NEWEST = "newest.json"
VERSION = 1


def pointer(one: Published) -> bytes:
    """The content of `newest.json` for a snapshot that is complete in the store."""
    manifest = one.manifest
    fields = {"folder": one.folder, "iteration": manifest.iteration, "created": manifest.created}
    return (json.dumps({"version": VERSION, **fields}) + "\n").encode()


def read_pointer(root: str) -> Published | None:
    """The snapshot that `newest.json` names, if its manifest is there and says the same.

    Raises StoreError when the store fails; None for anything that is missing or wrong.
    """
    store = open_store(root)
    if store.size(NEWEST) is None:
        return None
    try:
        found = json.loads(store.read(NEWEST, limit=2**16))
        folder = found["folder"]
        if found["version"] != VERSION or not re.fullmatch(r"[0-9]+", folder):
            return None
        name = f"{folder}/{MANIFEST}"
        if store.size(name) is None:
            return None
        manifest = Manifest.from_json(store.read(name), join(root, name))
    except StoreError:
        raise
    except (CaffeMnistError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if manifest.iteration != found.get("iteration"):
        return None
    return Published(folder, join(root, folder), manifest)
