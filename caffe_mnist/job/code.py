"""The code folder of a job: found by its script, copied into the container by its name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from caffe_mnist.errors import CaffeMnistError

# The platform's limit for code.
LARGEST = 50 * 2**20
LEFT_OUT = shutil.ignore_patterns(".git", "__pycache__", ".venv", "*.pyc")


@dataclass(frozen=True)
class Code:
    """The folder, the name that it gets below `user-job-dir`, the script's path from there.

    `beside`: the script (with the modules beside it) does not lie in the folder but above it.
    """

    folder: Path
    name: str
    script: str
    beside: Path | None = None

    def copy_to(self, jobs: Path, root: Path) -> bool:
        """Copy it below `jobs`, without `root` if that lies in it; False if it lies there already.

        Raises CaffeMnistError for what cannot be read or written.
        """
        target = jobs / self.name
        if target.exists() and os.path.samefile(self.folder, target):
            return False
        try:
            if self.beside is not None:
                for path in self.beside.glob("*.py"):
                    shutil.copy2(path, jobs / path.name)
            self._copy(target, root)
        except shutil.Error as error:
            raise CaffeMnistError(str(error.args[0][0][-1]), where=self.folder) from None
        except OSError as error:
            what = f"cannot be copied: {error.strerror}"
            raise CaffeMnistError(what, where=error.filename or self.folder) from None
        return True

    def _copy(self, target: Path, root: Path) -> None:

        def left_out(folder: str, names: list[str]) -> set[str]:
            skipped = set(LEFT_OUT(folder, names))
            inside = [name for name in names if os.path.realpath(Path(folder) / name) == str(root)]
            return skipped.union(inside)

        shutil.copytree(self.folder, target, ignore=left_out, dirs_exist_ok=True)


def find_code(script: str, words: Sequence[str], root: str | None) -> Code:
    """The code of a script with these arguments.

    It is the script's folder. `--data_path_suffix NAME` among the arguments names it, as the
    script will look for it by that name; where the script lies beside a folder NAME, that is it.
    Raises CaffeMnistError when there is no such script, or too much beside it.
    """
    path = Path(os.path.realpath(script))
    if not path.is_file():
        raise CaffeMnistError("there is no such script", where=script)
    suffix = (value_of(words, "data_path_suffix") or "").strip("/")
    if ".." in PurePosixPath(suffix).parts:
        raise CaffeMnistError(f"{suffix!r} is no name of a folder", where="--data_path_suffix")
    folder = path.parent
    if suffix and folder.name != suffix and (folder / suffix).is_dir():
        code = Code(folder / suffix, suffix, path.name, beside=folder)
    else:
        name = suffix or folder.name
        code = Code(folder, name, f"{name}/{path.name}")
    _check_size(code.folder, root)
    return code


def value_of(words: Sequence[str], name: str) -> str | None:
    """The value of `--name=value` or `--name value` among arguments; None where it is not."""
    for number, word in enumerate(words):
        if word.startswith(f"--{name}="):
            return word.partition("=")[2]
        if word == f"--{name}" and number + 1 < len(words):
            return words[number + 1]
    return None


def _check_size(folder: Path, root: str | None) -> None:
    without = None if root is None else os.path.realpath(root)
    size = 0
    for path, folders, files in os.walk(folder):
        dropped = LEFT_OUT(path, folders)
        folders[:] = [
            name
            for name in folders
            if name not in dropped and os.path.realpath(os.path.join(path, name)) != without
        ]
        for name in files:
            size += os.lstat(os.path.join(path, name)).st_size
        if size > LARGEST:
            raise CaffeMnistError(
                f"more than {LARGEST // 2**20} MiB in the script's folder, which is copied",
                where=folder,
                hint="as on the platform, put script and prototxts into a folder of their own",
            )
