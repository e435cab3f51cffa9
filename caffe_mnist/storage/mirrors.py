"""MNIST's four files from public mirrors: python -m caffe_mnist.storage.mirrors FOLDER.

Each mirror compresses the files in its own way, so the promise is about their content: a file
gets its name only after the unpacked size and SHA-256 were found right. What is in the folder
already, and right, is not downloaded again.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import sys
import time
import urllib.request
import zlib
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

from caffe_mnist.errors import CaffeMnistError, JobError, exit_status, one_line_usage
from caffe_mnist.files import replacing

PROGRAM = "python -m caffe_mnist.storage.mirrors"

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "https://ossci-datasets.s3.amazonaws.com/mnist",
)

# A silent connection is given up after the first, a file after the second (seconds).
SILENCE_LIMIT = 15.0
FILE_LIMIT = 300.0
CHUNK = 1 << 18


class Content(NamedTuple):
    """What an unpacked file holds."""

    size: int
    sha256: str


CONTENTS = {
    "train-images-idx3-ubyte": Content(
        47040016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    ),
    "train-labels-idx1-ubyte": Content(
        60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
    "t10k-images-idx3-ubyte": Content(
        7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    ),
    "t10k-labels-idx1-ubyte": Content(
        10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
}


class _WrongContentError(Exception):
    """A download that is complete and not the file that was asked for."""


def download_mnist(folder: Path, mirrors: Sequence[str] = MIRRORS) -> None:
    """Put the four files, as `.gz`, into `folder` (made if need be).

    Raises JobError, naming each mirror and its fault, when a file can be had from none.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaffeMnistError(f"cannot make: {error.strerror}", where=folder) from None
    order = list(mirrors)
    for name, content in CONTENTS.items():
        target = folder / f"{name}.gz"
        if not (_is_right(target, content) or _is_right(folder / name, content)):
            order = _download(target, content, order)


def _download(target: Path, content: Content, mirrors: list[str]) -> list[str]:
    """One file from the first mirror that has it; the mirrors, that one now first."""
    faults = []
    for mirror in mirrors:
        url = f"{mirror}/{target.name}"
        print(f"Downloading {url}", file=sys.stderr)
        try:
            packed = _fetch(url, content)
        except (OSError, EOFError, HTTPException, zlib.error, _WrongContentError) as error:
            faults.append(f"{mirror}: {getattr(error, 'reason', None) or error}")
            continue
        with replacing(target) as aside:
            aside.write_bytes(packed)
        return [mirror, *(other for other in mirrors if other != mirror)]
    raise JobError(f"cannot be downloaded: {'; '.join(faults)}", where=target.name)


def _fetch(url: str, content: Content) -> bytes:
    """The packed file at `url`, checked. Never reads more than the unpacked size."""
    deadline = time.monotonic() + FILE_LIMIT
    packed = bytearray()
    with urllib.request.urlopen(url, timeout=SILENCE_LIMIT) as answer:
        for chunk in iter(lambda: answer.read(CHUNK), b""):
            packed += chunk
            if len(packed) > content.size:
                raise _WrongContentError(f"more than the {content.size} bytes of the unpacked file")
            if time.monotonic() > deadline:
                raise _WrongContentError(f"not complete after {FILE_LIMIT:.0f} s")
    found = _content(gzip.GzipFile(fileobj=io.BytesIO(packed)), content.size)
    if found != content:
        raise _WrongContentError(f"wrong content: {found.size} bytes, SHA-256 {found.sha256}")
    return bytes(packed)


def _is_right(path: Path, content: Content) -> bool:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _content(file, content.size) == content
    except (OSError, EOFError, zlib.error):
        return False


def _content(file: gzip.GzipFile | io.BufferedReader, limit: int) -> Content:
    """Size and SHA-256 of an open file; reading ends beyond `limit` bytes."""
    size, digest = 0, hashlib.sha256()
    for chunk in iter(lambda: file.read(CHUNK), b""):
        size += len(chunk)
        digest.update(chunk)
        if size > limit:
            break
    return Content(size, digest.hexdigest())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 1 when no mirror has the files."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="MNIST from public mirrors.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to put the four files")

    one_line_usage(parser)

    def command() -> int:
        download_mnist(parser.parse_args(argv).folder)
        return 0

    return exit_status(command, PROGRAM)


if __name__ == "__main__":
    sys.exit(main())
