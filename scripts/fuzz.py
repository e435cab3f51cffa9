"""Fuzz a reader of files, guided by coverage: python scripts/fuzz.py TARGET [--seconds N].

The targets are those of tests/fuzz/targets, which the tests feed with hypothesis. Inputs that
reach new code are kept in --corpus; one that is neither taken nor refused in one line, that ends
the process, takes over a minute or 4 GiB, ends the run and is kept in --found as crash-…,
timeout-… or oom-…. `--replay FILE` gives one such file to the target again.

Needs atheris, which is no dependency of anything here: python -m pip install atheris
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECONDS_A_CASE = 60
MIB = 4096


def main(arguments: list[str]) -> int:
    """Fuzz or replay; 2 for bad usage or without atheris, else what libFuzzer returns."""
    sys.path.insert(0, str(ROOT))
    from tests.fuzz import targets

    parser = argparse.ArgumentParser(
        prog="scripts/fuzz.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = ", ".join(targets.names())
    parser.add_argument("target", choices=targets.names(), metavar="TARGET", help=known)
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="default: 60")
    parser.add_argument("--corpus", metavar="DIR", help="inputs worth keeping (default: forgotten)")
    parser.add_argument("--found", default=".", metavar="DIR", help="for what fails; default: .")
    parser.add_argument("--replay", metavar="FILE", help="give this file to the target, and end")
    options = parser.parse_args(arguments)
    if options.replay is not None:
        return replay(options.target, Path(options.replay).read_bytes())
    try:
        import atheris
    except ImportError:
        print("scripts/fuzz.py: error: needs atheris (pip install atheris)", file=sys.stderr)
        return 2
    found = os.path.join(os.path.abspath(options.found), "")
    os.makedirs(found, exist_ok=True)
    flags = [
        f"-max_total_time={options.seconds}", f"-timeout={SECONDS_A_CASE}",
        f"-rss_limit_mb={MIB}", f"-artifact_prefix={found}",
    ]  # fmt: skip
    with kept(options.corpus) as corpus:
        child = os.fork()  # libFuzzer ends the process in which it runs
        if not child:
            fuzz(atheris, options.target, [*flags, str(corpus)], corpus)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fuzz(atheris: Any, name: str, flags: list[str], corpus: Path) -> None:
    """Let libFuzzer call a target until its time is over; does not return."""
    with atheris.instrument_imports(include=["caffe_mnist"]):
        from tests.fuzz import targets, worker

        target = targets.load(name)
        for number, seed in enumerate(target.seeds()):
            (corpus / f"seed-{number}").write_bytes(seed)
        atheris.Setup([sys.argv[0], *flags], lambda data: ignore(worker.attempt(target, data)))
        atheris.Fuzz()
    os._exit(0)


def ignore(_: object) -> None:
    """libFuzzer takes no answer."""


def replay(name: str, data: bytes) -> int:
    """Say what becomes of one case; 1 for a fault."""
    from tests.fuzz import worker

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        answer = worker.answer(name, data)
        os.chdir(ROOT)
    print(answer.get("fault") or answer.get("refused") or "taken")
    return 1 if "fault" in answer else 0


@contextmanager
def kept(corpus: str | None) -> Iterator[Path]:
    """The folder of the corpus, and an empty one to work in."""
    with (
        tempfile.TemporaryDirectory(prefix="corpus.") as own,
        tempfile.TemporaryDirectory() as work,
    ):
        folder = Path(corpus or own).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        os.chdir(work)
        try:
            yield folder
        finally:
            os.chdir(ROOT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
