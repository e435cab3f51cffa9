"""Files and folders in stores: python -m caffe_mnist.storage ls|cp|sync|rm|verify."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage

PROGRAM = "python -m caffe_mnist.storage"
URLS = "a file or folder, file://, s3://, obs://, gs:// or az:// URL"
Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; exit status 0, 1 (a store failed, faults were found) or 2 (bad input)."""

    def command() -> int:
        options = _parser().parse_args(argv)
        run: Command = options.run
        return run(options)

    return exit_status(command, PROGRAM)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=(__doc__ or "").split(":")[0] + ".")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run: Command, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        command.set_defaults(run=run)
        one_line_usage(command)
        return command

    ls = add("ls", _ls, "list what is at URLs, with sizes and times")
    ls.add_argument("urls", nargs="+", metavar="URL", help=URLS)
    ls.add_argument("-R", "--recursive", action="store_true", help="everything below, too")

    cp = add("cp", _cp, "copy a file, an object or everything below a folder")
    _add_ends(cp)
    cp.add_argument("-r", "-R", "--recursive", action="store_true", help="(folders always are)")

    sync = add("sync", _sync, "copy what is new or changed, or finish an upload that was cut off")
    _add_ends(sync)
    sync.add_argument("--checksum", action="store_true", help="compare contents, not times")

    rm = add("rm", _rm, "remove files, objects and everything below folders")
    rm.add_argument("urls", nargs="+", metavar="URL", help=URLS)
    rm.add_argument("-r", "-R", "--recursive", action="store_true", help="(folders always are)")
    rm.add_argument("-y", "--yes", action="store_true", help="do not ask")
    rm.add_argument("--bucket", action="store_true", help="allow URLs of whole buckets")

    verify = add("verify", _verify, "check every byte of snapshots against their manifests")
    verify.add_argument("urls", nargs="+", metavar="URL", help=URLS)
    one_line_usage(parser)
    return parser


def _add_ends(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", metavar="SOURCE", help=URLS)
    command.add_argument("target", metavar="TARGET", help="the same, of where it goes")


def _ls(options: argparse.Namespace) -> int:
    from caffe_mnist.storage.interruption import interruptible
    from caffe_mnist.storage.listing import lines, look

    for url in options.urls:
        listing = interruptible(partial(look, url, options.recursive))
        if len(options.urls) > 1:
            print(f"{url}:")
        for line in lines(listing):
            print(line)
    return 0


def _cp(options: argparse.Namespace) -> int:
    from caffe_mnist.storage.copies import copy
    from caffe_mnist.storage.interruption import interruptible

    stop = threading.Event()
    interruptible(partial(copy, options.source, options.target, stop), stop)
    return 0


def _sync(options: argparse.Namespace) -> int:
    from caffe_mnist.storage.interruption import interruptible
    from caffe_mnist.storage.places import local_path
    from caffe_mnist.storage.sync import sync
    from caffe_mnist.storage.urls import is_local

    if is_local(options.source) and (local_path(options.source) / "unfinished.json").is_file():
        return interruptible(partial(_finish, local_path(options.source), options.target))
    stop = threading.Event()
    work = partial(sync, options.source, options.target, options.checksum, stop)
    synced = interruptible(work, stop)
    print(f"{synced.copied} new or changed, {synced.kept} the same", file=sys.stderr)
    return 0


def _finish(folder: Path, url: str) -> int:
    from caffe_mnist.storage.unfinished import finish

    finish(folder, url, lambda text: print(text, file=sys.stderr))
    print(f"what was missing of {folder} is in {url}", file=sys.stderr)
    return 0


def _rm(options: argparse.Namespace) -> int:
    from caffe_mnist.storage.interruption import interruptible
    from caffe_mnist.storage.listing import amount, plural
    from caffe_mnist.storage.removal import NothingError, check_removable, removable, remove

    for url in options.urls:
        check_removable(url, options.bucket)
    if not options.yes and not sys.stdin.isatty():
        raise CaffeMnistError("nobody is here to be asked", hint="--yes removes without asking")
    stop, missing = threading.Event(), 0
    for url in options.urls:
        try:
            place = interruptible(partial(removable, url))
        except NothingError as error:  # the others go all the same
            print(f"{PROGRAM}: error: {error}", file=sys.stderr)
            missing += 1
            continue
        what = f"{plural(len(place.entries), 'file')}, {amount(place.size)}"
        if not options.yes and not _agreed(f"remove {url} ({what})? [y/N] "):
            print(f"kept {url}", file=sys.stderr)
            continue
        interruptible(partial(remove, place, stop), stop)
        print(f"removed {url} ({what})", file=sys.stderr)
    return 1 if missing else 0


def _agreed(question: str) -> bool:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _verify(options: argparse.Namespace) -> int:
    from caffe_mnist.storage.interruption import interruptible
    from caffe_mnist.storage.verification import verify

    verdicts, stop = [], threading.Event()
    for url in options.urls:
        verdicts += interruptible(partial(verify, url, stop), stop)
    for verdict in verdicts:
        for fault in verdict.faults:
            print(fault)
        if verdict.manifest is not None and not verdict.faults:
            files = len(verdict.manifest.files)
            print(f"{verdict.url}: complete, iteration {verdict.manifest.iteration}, {files} files")
    bad = sum(bool(verdict.faults) for verdict in verdicts)
    print(f"{len(verdicts) - bad} complete, {bad} not", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    status = main()
    if threading.active_count() > 1 and status == 130:
        # Calls that hang in a library would be waited for.
        os._exit(status)
    sys.exit(status)
