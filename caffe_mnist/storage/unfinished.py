"""What a job could not bring to its store: `unfinished.json` beside its files, to be done later.

    {"version": 1, "run": "20260131-120000-1a2b3c", "training": "20260131-110000-4d5e6f",
     "url": "s3://bucket/run",
     "prefix": "lenet", "keep": 0, "snapshots": [500, 1000],
     "final": {"iteration": 1000, "files": ["lenet_iter_1000.caffemodel", …]},
     "failed": []}

The run that began the training, iterations of snapshots PREFIX_iter_N, the files of `final/`
and those of `failed/`, as paths below the folder. What is done is struck out, and the file goes
when nothing is left, so that it may be finished in several goes, by the job itself or by
`python -m caffe_mnist.storage sync FOLDER URL`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError, JobError, exit_status
from caffe_mnist.files import replacing
from caffe_mnist.storage.holder import new_run
from caffe_mnist.storage.manifest import MANIFEST
from caffe_mnist.storage.owner import OwnedError, Owner
from caffe_mnist.storage.pairs import Pair, marks_of, pairs, write_marks
from caffe_mnist.storage.snapshots import publish
from caffe_mnist.storage.store import StoreError, open_store
from caffe_mnist.storage.survey import FINAL, read_begun, survey
from caffe_mnist.storage.uploads import Settings, Uploader
from caffe_mnist.storage.urls import join

UNFINISHED = "unfinished.json"
FAILED = "failed"
VERSION = 1
PROGRAM = "python -m caffe_mnist.storage.unfinished"
TRIES = 3


@dataclass(frozen=True)
class Final:
    """The files of `final/`, below the folder, and the iteration of its snapshot."""

    iteration: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class Unfinished:
    """What is still to be brought to the store."""

    run: str
    url: str
    prefix: str
    keep: int = 0
    snapshots: tuple[int, ...] = ()
    final: Final | None = None
    failed: tuple[str, ...] = ()
    training: str = ""

    def __bool__(self) -> bool:
        return bool(self.snapshots or self.final or self.failed)

    def __str__(self) -> str:
        """What is not in the store, for people."""
        parts = [f"iteration {', '.join(map(str, self.snapshots))}"] if self.snapshots else []
        parts += [f"{FINAL}/"] if self.final else []
        return " and ".join(parts or [f"{FAILED}/" if self.failed else "nothing"])

    def write(self, folder: Path) -> None:
        """Keep it in `folder`; with nothing left, the file goes."""
        path = folder / UNFINISHED
        if not self:
            path.unlink(missing_ok=True)
            return
        with replacing(path) as aside:
            aside.write_text(json.dumps({"version": VERSION, **asdict(self)}, indent=1) + "\n")


def read_unfinished(folder: Path) -> Unfinished | None:
    """What `folder` has to bring to its store; None where all is done.

    Raises CaffeMnistError for an `unfinished.json` that is none, or a newer release's.
    """
    path = folder / UNFINISHED
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CaffeMnistError(f"cannot be read: {error.strerror}", where=path) from None
    try:
        found = json.loads(content)
        if found["version"] > VERSION:
            raise CaffeMnistError(
                f"is of version {found['version']}, this program knows {VERSION}",
                where=path,
                hint="use a newer release",
            )
        final = found["final"]
        return Unfinished(
            str(found["run"]),
            str(found["url"]),
            str(found["prefix"]),
            int(found["keep"]),
            tuple(int(iteration) for iteration in found["snapshots"]),
            final and Final(int(final["iteration"]), tuple(map(_below, final["files"]))),
            tuple(map(_below, found["failed"])),
            str(found.get("training", "")),
        )
    except (
        KeyError,
        ValueError,
        OverflowError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        what = f"is no list of what is to be done: {str(error)[:200]}"
        raise CaffeMnistError(what, where=path) from None


def finish(
    local: Path, url: str, say: Callable[[str], object] = lambda text: None, owner: str = ""
) -> bool:
    """Bring what `local` has not brought to `url` yet; False when there is nothing to do.

    Numbered snapshots get the next numbers (none twice), `final/` its manifest last, and what
    arrived is looked at once more. Where another training has begun there since, the snapshots
    are told from its own, and its final model stays. Without `owner`, the run that has the place
    already, the place must be free or its owner be the very run that left the work (and dead).
    Raises OwnedError if it is not, StoreError when the store fails, CaffeMnistError when a file
    is missing here.
    """
    work = read_unfinished(local)
    if work is None:
        return False
    place = Owner(url, owner or new_run(), say=say)
    try:
        if not owner:
            _claim(place, work)
            place.start()
        begun = read_begun(url).training
        if begun and work.training and begun != work.training:
            say(
                f"{url} is the place of a training that began later ({begun}): what comes now is "
                "of the earlier one, and --resume does not go on from it"
            )
        if work.snapshots:
            _snapshots(local, url, work, place)
            work = _done(replace(work, snapshots=()), local)
        if work.final is not None:
            place.check()
            _final(local, url, work.final, work.training)
            say(f"the final model is in {join(url, FINAL)}")
            work = _done(replace(work, final=None), local)
        if work.failed:
            place.check()
            store = open_store(url)
            for name in work.failed:
                if (local / name).is_file():
                    store.upload(local / name, f"{FAILED}/{Path(name).name}")
            _done(replace(work, failed=()), local)
        if work.keep:  # the uploader may have had no time for it
            _look(_uploader(local / work.prefix, url, work, place))
    finally:
        if not owner:
            place.release()
    return True


def _done(work: Unfinished, local: Path) -> Unfinished:
    work.write(local)
    return work


def _claim(place: Owner, work: Unfinished) -> None:
    try:
        place.claim()
    except OwnedError as error:
        if error.run != work.run:
            raise
        place.claim(take_over=True)


def _snapshots(local: Path, url: str, work: Unfinished, place: Owner) -> None:
    """Those that are missing, each as the uploader does it."""
    prefix = local / work.prefix
    wanted = [pair for pair in pairs(prefix) if pair.iteration in work.snapshots]
    gone = set(work.snapshots) - {pair.iteration for pair in wanted}
    if gone:
        names = ", ".join(str(iteration) for iteration in sorted(gone))
        raise CaffeMnistError(f"the snapshot of iteration {names} is not here", where=local)
    if not _look(_uploader(prefix, url, work, place, wanted)):
        raise StoreError("not all snapshots arrived (see the lines above)", where=url)


def _uploader(
    prefix: Path, url: str, work: Unfinished, place: Owner, wanted: Sequence[Pair] = ()
) -> Uploader:
    """One that uploads `wanted`, and leaves as many as are to be kept."""
    marks = frozenset(mark for pair in wanted for mark in pair.marks)
    with tempfile.TemporaryDirectory(prefix="caffe_mnist.") as folder:
        earlier = Path(folder) / "earlier.json"
        write_marks(earlier, marks_of(prefix) - marks)
        settings = Settings(
            os.fspath(prefix),
            url,
            keep=work.keep,
            earlier=os.fspath(earlier),
            training=work.training,
        )
        uploader = Uploader(settings, owner=place)
    uploader.hurry()
    return uploader


def _look(uploader: Uploader) -> bool:
    """Whether it could do all, in a few tries."""
    while not uploader.look(final=True):
        if uploader.failures >= TRIES:
            return False
        time.sleep(0.2)
    return True


def _final(local: Path, url: str, final: Final, training: str) -> None:
    """`final/`, and a look whether what it promises is there."""
    _check_later(url, final, training)
    files = [local / name for name in final.files]
    for path in files:
        if not path.is_file():
            raise CaffeMnistError("belongs to the final model and is not here", where=path)
    place = join(url, FINAL)
    manifest = publish(place, files, final.iteration, training=training)
    store = open_store(place)
    sizes = {entry.name: entry.size for entry in store.list()}
    whole = all(sizes.get(file.name) == file.size for file in manifest.files)
    if not whole or store.read(MANIFEST) != manifest.to_json():
        raise StoreError("is not complete after all was sent", where=place)


def _check_later(url: str, final: Final, training: str) -> None:
    """Raise CaffeMnistError where `final/` is of a training that was begun later."""
    found = survey(url)
    there = [one for one in found.current if one.number is None]
    if training and found.begun.training not in ("", training) and there:
        raise CaffeMnistError(
            f"is the final model of a training that began later ({found.begun.training}), so that "
            f"the one of iteration {final.iteration} is not brought there",
            where=join(url, FINAL),
            hint="sync to another place brings it there",
        )


def _below(name: object) -> str:
    """A path that stays below the folder."""
    if not isinstance(name, str) or name.startswith("/") or ".." in name.split("/"):
        raise ValueError(f"{name!r} is no path below the folder")
    return name


def main(argv: Sequence[str] | None = None) -> int:
    """For the launcher: finish, again and again, until it is done or somebody else's."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="the model folder")
    parser.add_argument("url", help="the store's folder for this job")
    parser.add_argument("--owner", default="", metavar="RUN", help="the run that has the place")
    given = parser.parse_args(argv)

    def say(text: str) -> None:
        with contextlib.suppress(OSError):
            print(f"train: {text}", file=sys.stderr, flush=True)

    def command() -> int:
        pause = 0.5
        while True:
            try:
                finish(given.folder, given.url, say, given.owner)
                return 0
            except CaffeMnistError as error:
                if isinstance(error, OwnedError) or not isinstance(error, JobError):
                    say(str(error))
                    return error.status
                pause = min(2 * pause, 30.0)
                say(f"{error}; next try in {pause:.0f} s")
                time.sleep(pause)

    return exit_status(command, PROGRAM)


if __name__ == "__main__":
    sys.exit(main())
