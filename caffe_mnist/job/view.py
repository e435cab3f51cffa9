"""How the container's paths come to be at their place: a private view, or links there.

Links are seen by all programs of the machine, so they are second choice: another training would
take the machine for the platform, and two jobs for one. A real `/home/work` or `/cache` is never
touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from caffe_mnist.errors import JobError
from caffe_mnist.job.container import JOBS, PLACES, TEMPORARY, Container, is_idle
from caffe_mnist.job.namespace import REFUSED
from caffe_mnist.job.programs import python_line

ROOT = Path("/")


@contextlib.contextmanager
def seen(container: Container) -> Iterator[list[str]]:
    """The words that a command has to begin with to find the container's paths; none for links.

    The command has to be started in `user-job-dir` where there are none; they go there. Raises
    JobError where the paths can neither be shown privately nor be linked.
    """
    if container.root == ROOT:
        yield []
        return
    targets = {path: container.inside(path) for path in PLACES}
    words = _private(container, targets)
    refusal = _refusal(words)
    if refusal is None:
        yield words
        return
    made = _linked(targets)
    if made is None:
        raise JobError(
            f"the container's paths cannot be laid out: {refusal}, and {', '.join(targets)} "
            "may not be written or are taken",
            hint="allow user namespaces, run as root in a container (see Dockerfile), or make "
            "the folders and give --root /: sudo mkdir -m 777 /home/work /home/ma-user /cache",
        )
    try:
        yield []
    finally:
        for link in made:
            with contextlib.suppress(OSError):
                link.unlink()


def _linked(targets: Mapping[str, Path]) -> list[Path] | None:
    """The links that were made; None, and none of them, if any path is taken or not ours."""
    made: list[Path] = []
    try:
        for path, target in targets.items():
            link = Path(path)
            if _left_over(link):
                link.unlink()
            os.symlink(target, link, target_is_directory=True)
            made.append(link)
    except OSError:
        for link in made:
            link.unlink()
        return None
    return made


def _left_over(link: Path) -> bool:
    """Whether it is a link of ours, of a job that was killed."""
    if not link.is_symlink():
        return False
    target = os.readlink(link)
    if not target.endswith(str(link)):
        return False
    root = Path(target[: -len(str(link))] or "/")
    return is_idle(root) or (root.name.startswith(TEMPORARY) and not root.exists())


def _private(container: Container, targets: Mapping[str, Path]) -> list[str]:
    folder = container.root / ".view"
    folder.mkdir(exist_ok=True)
    paths = json.dumps({path: str(target) for path, target in targets.items()})
    return [
        sys.executable,
        "-c",
        python_line("caffe_mnist.job.namespace"),
        str(folder),
        paths,
        JOBS,
    ]


def _refusal(words: Sequence[str]) -> str | None:
    """Why there can be no private view; None if there can."""
    done = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
    if not done.returncode:
        return None
    said = done.stderr.strip().splitlines()[-1:] if done.returncode == REFUSED else []
    return said[0] if said else "a private view of the file system failed"
