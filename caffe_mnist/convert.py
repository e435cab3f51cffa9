"""Datasets into the databases that Caffe trains on: python -m caffe_mnist.convert."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from caffe_mnist.datasets.stopping import StoppableProgress
from caffe_mnist.errors import CaffeMnistError, exit_status

PROGRAM = "python -m caffe_mnist.convert"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit status: 0, 1 (check found faults) or 2 (bad input)."""

    def command() -> int:
        words = sys.argv[1:] if argv is None else list(argv)
        pictures = words[:1] in (["images"], ["imageset"])
        if pictures:
            from caffe_mnist.datasets.pictures.options import respelled

            words[1:] = respelled(words[1:])
        options = _parser(pictures).parse_args(words)
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)

    return exit_status(command, PROGRAM)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def error(self, message: str) -> NoReturn:
        raise CaffeMnistError(message, hint=f"{self.prog} --help")


def _parser(pictures: bool = True) -> _Parser:
    """The parser of all commands; without `pictures` those of pictures have no arguments."""
    parser = _Parser(prog=PROGRAM, description="Datasets into the databases that Caffe reads.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, prog=PROGRAM)

    idx = commands.add_parser("idx", help="a pair of IDX files to one database")
    idx.add_argument("images", metavar="IMAGES", help="IDX file of images, plain or .gz")
    idx.add_argument("labels", metavar="LABELS", help="IDX file of labels, plain or .gz")
    idx.add_argument("out", metavar="OUT", help="the database to make")
    _add_options(idx)
    idx.set_defaults(run=_idx)

    mnist = commands.add_parser("mnist", help="the four files of MNIST to two databases")
    mnist.add_argument("source", metavar="SRC", help="folder or URL holding the four files")
    mnist.add_argument(
        "out", metavar="OUT_DIR", help="folder for mnist_train_lmdb and mnist_test_lmdb"
    )
    _add_options(mnist)
    mnist.set_defaults(run=_mnist)

    images = commands.add_parser("images", help="pictures of any kind to a dataset")
    images.set_defaults(run=_images)
    imageset = commands.add_parser("imageset", help="as convert_imageset: a list to one database")
    imageset.set_defaults(run=_imageset)
    if pictures:
        from caffe_mnist.datasets.pictures.options import add_images, add_imageset

        add_images(images)
        add_imageset(imageset)

    digits = commands.add_parser("digits", help="generated digits (not MNIST), as IDX and LMDB")
    digits.add_argument("out", metavar="OUT_DIR", help="folder for the files and databases")
    digits.add_argument("--train", type=_count, default=6000, metavar="N", help="default: 6000")
    digits.add_argument("--test", type=_count, default=1000, metavar="N", help="default: 1000")
    digits.add_argument("--seed", type=int, default=0, metavar="SEED", help="default: 0")
    digits.add_argument("--overwrite", action="store_true", help="replace what is there")
    digits.set_defaults(run=_digits)

    flowers = commands.add_parser("flowers", help="generated pictures of flowers, as jpg + txt")
    flowers.add_argument("out", metavar="OUT_DIR", help="folder for the pairs n.jpg, n.txt")
    flowers.add_argument("--count", type=_count, default=4000, metavar="N", help="default: 4000")
    flowers.add_argument("--size", type=_count, default=320, metavar="N", help="longer side (320)")
    flowers.add_argument("--seed", type=int, default=0, metavar="SEED", help="default: 0")
    flowers.add_argument("--overwrite", action="store_true", help="replace what is there")
    flowers.set_defaults(run=_flowers)

    merge = commands.add_parser("merge", help="join shards, datasets or databases")
    merge.add_argument("out", metavar="OUT", help="folder for the index; with --one, the database")
    merge.add_argument("parts", metavar="PART", nargs="*", help="indexes, databases, their folders")
    merge.add_argument("--one", action="store_true", help="copy all records into one LMDB")
    merge.add_argument("--set", default="train", metavar="SET", help="for --one; default: train")
    merge.add_argument("--overwrite", action="store_true", help="replace what is there")
    merge.set_defaults(run=_merge)

    info = commands.add_parser("info", help="print what a database or a dataset holds")
    info.add_argument("database", metavar="DB")
    info.set_defaults(run=_info)

    check = commands.add_parser("check", help="read every record and name the broken ones")
    check.add_argument("database", metavar="DB")
    check.set_defaults(run=_check)

    export = commands.add_parser("export", help="write a database as NumPy arrays")
    export.add_argument("database", metavar="DB")
    export.add_argument("out", metavar="OUT.npz", help="arrays images, labels and keys")
    export.add_argument("--overwrite", action="store_true", help="replace the file")
    export.set_defaults(run=_export)
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backend", default="lmdb", metavar="lmdb", help="the only one written")
    parser.add_argument(
        "--shuffle", type=int, metavar="SEED", help="bring the records in an order drawn from SEED"
    )
    parser.add_argument(
        "--limit", type=_count, metavar="N", help="keep the first N records (after --shuffle)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace databases that exist")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count of at least 1")
    return int(text)


def _check_backend(options: argparse.Namespace) -> None:
    if options.backend == "leveldb":
        raise CaffeMnistError(
            "--backend leveldb: LevelDB is not written",
            hint="write LMDB, and let the net's data_param say backend: LMDB",
        )
    if options.backend != "lmdb":
        raise CaffeMnistError(f"--backend {options.backend}: unknown", hint="known: lmdb")


def _idx(options: argparse.Namespace) -> int:
    from caffe_mnist.datasets.conversion import convert

    _check_backend(options)
    with StoppableProgress(PROGRAM) as progress:
        convert(options.images, options.labels, options.out, progress=progress, **_how(options))
    return 0


def _mnist(options: argparse.Namespace) -> int:
    from caffe_mnist.datasets import mnist

    _check_backend(options)
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(StoppableProgress(PROGRAM))
        source = options.source
        if "://" in source:
            source = stack.enter_context(_downloaded(source, progress))
        mnist.convert(source, options.out, progress=progress, **_how(options))
    return 0


def _how(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in ("overwrite", "shuffle", "limit")}


@contextlib.contextmanager
def _downloaded(url: str, progress: StoppableProgress) -> Iterator[str]:
    """A folder with the files of MNIST from the store at `url`, for as long as it is needed."""
    import tempfile
    from pathlib import Path

    from caffe_mnist.datasets.mnist import ALL_NAMES
    from caffe_mnist.storage.copies import download_folder

    with tempfile.TemporaryDirectory(prefix="mnist-") as folder:
        try:
            with progress.at_once():
                download_folder(url, Path(folder), only=ALL_NAMES.__contains__)
            yield folder
        except CaffeMnistError as error:
            where = error.where and error.where.replace(folder, url)
            raise CaffeMnistError(error.what, where=where, hint=error.hint) from None


def _images(options: argparse.Namespace) -> int:
    from caffe_mnist.datasets.pictures.workers import Workers

    _check_backend(options)
    with StoppableProgress(PROGRAM) as progress, Workers(options.workers) as workers:
        if not options.dry_run:
            workers.start()
        from caffe_mnist.datasets.pictures import command  # while they are starting

        return command.images(options, progress, _fetched, workers)


def _imageset(options: argparse.Namespace) -> int:
    from caffe_mnist.datasets.pictures.workers import Workers

    _check_backend(options)
    with StoppableProgress(PROGRAM) as progress, Workers(options.workers).start() as workers:
        from caffe_mnist.datasets.pictures.imageset import imageset  # while they are starting

        return imageset(options, progress, workers)


def _fetched(url: str, folder: str) -> str:
    """Everything below `url` in `folder`, or where it is if that is on this machine.

    Of a list or a table the folder in which it is, where its pictures' paths begin.
    """
    from pathlib import Path

    from caffe_mnist.storage.copies import download_folder, object_size
    from caffe_mnist.storage.places import parent
    from caffe_mnist.storage.store import open_store
    from caffe_mnist.storage.urls import is_local, parse

    if is_local(url):
        return parse(url).path
    name = ""
    if not url.endswith("/") and object_size(url) and open_store(url).is_empty():
        url, name = parent(url)
    download_folder(url, Path(folder))
    return os.path.join(folder, name) if name else folder


def _flowers(options: argparse.Namespace) -> int:
    from caffe_mnist.datasets import flowers

    with StoppableProgress(PROGRAM) as progress:
        flowers.write(
            options.out,
            count=options.count,
            size=options.size,
            seed=options.seed,
            overwrite=options.overwrite,
            progress=progress,
        )
    return 0


def _digits(options: argparse.Namespace) -> int:
    from caffe_mnist.datasets import digits

    with StoppableProgress(PROGRAM) as progress:
        digits.write(
            options.out,
            train=options.train,
            test=options.test,
            seed=options.seed,
            overwrite=options.overwrite,
            progress=progress,
        )
    return 0


def _merge(options: argparse.Namespace) -> int:
    from caffe_mnist.datasets.merge import merge, merge_into_one

    folder = os.path.dirname(options.out) or "."
    paths = options.parts or [folder if options.out.endswith(".json") else options.out]
    with StoppableProgress(PROGRAM) as progress:
        if options.one:
            count = merge_into_one(
                options.out, paths, options.set, progress, overwrite=options.overwrite
            )
            print(f"{options.out}: {count} records")
            return 0
        index = merge(options.out, paths, progress, overwrite=options.overwrite)
    for name, one in index.sets.items():
        print(f"{index.path}: {name}: {one.records} records in {len(one.shards)} database(s)")
    if not os.path.isfile(os.path.join(os.path.dirname(index.path), "mean.binaryproto")):
        how = f"python -m caffe_mnist.compute_image_mean {index.path} MEAN.binaryproto"
        print(f"no mean, for want of the parts' sums: {how}")
    return 0


def _info(options: argparse.Namespace) -> int:
    from caffe_mnist.datasets import inspection

    return inspection.in_child(options.database, inspection.info, PROGRAM)


def _check(options: argparse.Namespace) -> int:
    from caffe_mnist.datasets import inspection

    return inspection.in_child(options.database, inspection.check, PROGRAM)


def _export(options: argparse.Namespace) -> int:
    from caffe_mnist.datasets.export import export

    with StoppableProgress(PROGRAM) as progress:
        export(options.database, options.out, overwrite=options.overwrite, progress=progress)
    return 0


if __name__ == "__main__":
    sys.exit(main())
