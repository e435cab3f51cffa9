"""A job script of the platform, run unchanged: python -m caffe_mnist.job SCRIPT [ARGS]."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage

PROGRAM = "python -m caffe_mnist.job"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
EPILOG = """\
Options of ours stand before SCRIPT; all words after it are the script's.

The script finds its folder at /home/work/user-job-dir/NAME, Caffe's programs in
/home/work/caffe/bin, a scratch disk at /cache, `import caffe` and `import moxing`.

examples:
  job --store . --root box codes/train.py --data_url=s3://bucket/mnist/ --train_url=s3://bucket/out/
  job --caffe embedded codes/train.py --data_url=obs://bucket/mnist/ --train_url=obs://bucket/out/

exit status: the script's; 128 + N if signal N ended it; 1 or 2 if it could not be started.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one job; returns the script's exit status."""
    return exit_status(lambda: _run(_parser().parse_args(argv)), PROGRAM)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Run a job script that was written for the platform, unchanged.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="where the container's folders are kept; / for the real paths themselves "
        "(default: a temporary folder)",
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="go on in what an earlier job left in --root, instead of moving it aside",
    )
    parser.add_argument(
        "--store",
        metavar="URL",
        help="where s3:// and obs:// URLs of the script lead: bucket and key below this folder "
        "or URL (default: to the stores themselves)",
    )
    parser.add_argument(
        "--caffe",
        default="auto",
        metavar="auto|embedded|PATH",
        help="which Caffe caffe.bin is (default: auto)",
    )
    parser.add_argument(
        "--lay-out", action="store_true", help="only make the container in --root, for an image"
    )
    parser.add_argument(
        "script", metavar="SCRIPT", nargs="?", help="the boot file, in its code folder"
    )
    parser.add_argument("words", metavar="ARGS", nargs=argparse.REMAINDER, help="the script's")
    return parser


def _run(options: argparse.Namespace) -> int:
    from caffe_mnist.job.code import find_code
    from caffe_mnist.job.container import JOBS, container, lay_out
    from caffe_mnist.job.real import find_caffe
    from caffe_mnist.job.surroundings import environment
    from caffe_mnist.job.view import seen

    if options.lay_out:
        if options.root is None or options.script:
            raise CaffeMnistError("--lay-out takes --root DIR and no script")
        caffe = find_caffe(options.caffe)
        with container(options.root, keep=True) as made:
            lay_out(made, caffe.programs, own_caffe=not caffe.module)
        return 0
    if not options.script:
        raise CaffeMnistError("which script?", hint=f"{PROGRAM} --help")
    words = _absolute(options.words)
    code = find_code(options.script, words, options.root)
    store = _store(options.store)
    caffe = find_caffe(options.caffe)
    _say(f"caffe.bin is {caffe.description}")
    _note_options(words)
    _note_missing(words, store)
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(container(options.root, options.keep))
        lay_out(made, caffe.programs, own_caffe=not caffe.module)
        copied = code.copy_to(made.inside(JOBS), made.root)
        _modernise(made.inside(JOBS), code.script, copied)
        before = stack.enter_context(seen(made))
        surroundings = environment(code, words, store, caffe.python)
        command = [*before, sys.executable, f"{JOBS}/{code.script}", *words]
        folder = str(made.inside(JOBS)) if before else JOBS
        return _wait(command, surroundings, folder, made.lock)


def _say(text: str) -> None:
    print(f"job: {text}", file=sys.stderr, flush=True)


def _store(url: str | None) -> str | None:
    """The URL, absolute if it is a folder. Raises CaffeMnistError for a URL that can be none."""
    if url is None:
        return None
    from caffe_mnist.storage.urls import is_local, parse

    if not is_local(url):
        return url
    path = os.path.abspath(parse(url).path)
    if not os.path.isdir(path):
        raise CaffeMnistError("there is no such folder", where=f"--store {url}")
    return path


def _absolute(words: Sequence[str]) -> list[str]:
    """The arguments; a folder of this place in `data_url` or `train_url` by its whole path.

    The platform passes URLs there, and the script starts in another folder than ours.
    """
    found = list(words)
    for number, word in enumerate(found):
        name, equals, value = word.partition("=")
        at, text = (number, value) if equals else (number + 1, "".join(found[number + 1 :][:1]))
        if name not in ("--data_url", "--train_url") or not text or text.startswith("--"):
            continue
        if "://" in text or text.startswith("/"):
            continue
        whole = os.path.abspath(text) + "/" * text.endswith("/")
        found[at] = f"{name}={whole}" if equals else whole
        _say(f"{name} {text} is {whole}")
    return found


def _note_options(words: Sequence[str]) -> None:
    for name in ("--root", "--store", "--caffe", "--keep"):
        if any(word.partition("=")[0] == name for word in words):
            _say(f"{name} stands after SCRIPT and is passed to it")


def _note_missing(words: Sequence[str], store: str | None) -> None:
    """Scripts of the samples do nothing, successfully, if there is nothing at `data_url`."""
    from caffe_mnist.job.code import value_of
    from caffe_mnist.moxing.address import STORE
    from caffe_mnist.moxing.looking import exists
    from caffe_mnist.storage.backends import LONGEST_REQUEST

    url = value_of(words, "data_url")
    if not url:
        return
    before = dict(os.environ)
    os.environ.setdefault(LONGEST_REQUEST, "8")
    os.environ.pop(STORE, None)
    if store:
        os.environ[STORE] = store
    try:
        if not exists(url):
            _say(f"there is nothing at data_url {url}" + (f" (in {store})" if store else ""))
    except OSError as error:
        _say(f"data_url: {error}")
    finally:
        os.environ.clear()
        os.environ.update(before)


def _modernise(jobs: Path, script: str, change: bool) -> None:
    """The script, and where it was copied all modules that came with it."""
    from caffe_mnist.old_python import modernise

    boot = jobs / script
    for path in sorted({boot, *(jobs.rglob("*.py") if change else ())}):
        try:
            done = modernise(path, change)
        except CaffeMnistError:
            if path == boot:
                raise
            continue
        if done:
            name = path.name if path.parent == boot.parent else path.relative_to(jobs)
            _say(f"{name} {done} in the copy")


def _wait(command: list[str], surroundings: dict[str, str], folder: str, lock: int) -> int:
    """The exit status of the script. Signals reach all of its processes; none outlives it."""
    process = subprocess.Popen(
        command, cwd=folder, env=surroundings, start_new_session=True, pass_fds=(lock,)
    )
    with _passed_on(process.pid):
        status = process.wait()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if status < 0:
        _say(f"the script was ended by {signal.Signals(-status).name}")
        return 128 - status
    return status


@contextlib.contextmanager
def _passed_on(group: int) -> Iterator[None]:
    """Signals go to a group of processes; after the second one of a kind they are killed."""
    seen: list[int] = []

    def pass_on(number: int, _: Any) -> None:
        seen.append(number)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number if seen.count(number) < 3 else signal.SIGKILL)

    before = {number: signal.signal(number, pass_on) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
