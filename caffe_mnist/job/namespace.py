"""Folders at fixed paths for one program only: a private view of the file system, without root.

Run as `python -c "…; main()" FOLDER TARGETS START COMMAND …`: makes a user and a mount namespace,
in it a new root (at the empty FOLDER) that shows all that was there and the folders of TARGETS
beside, goes to START in it and becomes COMMAND.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

# From <sched.h> and <sys/mount.h>.
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_BIND, MS_REC, MS_UNBINDABLE, MS_PRIVATE = 0x1000, 0x4000, 0x20000, 0x40000
# The exit status that says that the view could not be made.
REFUSED = 125


def main() -> int:
    """Become the command of our arguments, within the view; only returns when it cannot."""
    root, targets, start, *command = sys.argv[1:]
    try:
        enter(root, {name: Path(path) for name, path in json.loads(targets).items()})
        os.chdir(start)
    except OSError as error:
        print(f"no private view of the file system: {error}", file=sys.stderr)
        return REFUSED
    os.execvp(command[0], command)


def enter(root: str, targets: Mapping[str, Path]) -> None:
    """Let folders be seen at other (absolute) paths, by this process and its children only.

    `root` is an empty folder for the new root. The process must have one thread. Raises OSError
    where the system does not allow it.
    """
    _unshare()
    _mount("none", "/", "", MS_REC | MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", 0)
    _mount("none", root, "", MS_UNBINDABLE)
    _show("/", root, {tuple(Path(name).parts[1:]): path for name, path in targets.items()})
    os.chroot(root)


def _unshare() -> None:
    """A mount namespace, by right if we may, else within a user namespace of our own."""
    user, group = os.geteuid(), os.getegid()
    if user == 0 and _libc("unshare", CLONE_NEWNS, quiet=True) == 0:
        return
    _libc("unshare", CLONE_NEWUSER | CLONE_NEWNS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _show(place: str, copy: str, targets: Mapping[tuple[str, ...], Path]) -> None:
    """In the folder `copy`, everything of `place`; and each target where its path leads."""
    wanted = {parts[0] for parts in targets}
    there = os.listdir(place) if os.path.isdir(place) else []
    for name in sorted(wanted.union(there)):
        old, new = os.path.join(place, name), os.path.join(copy, name)
        inside = {parts[1:]: path for parts, path in targets.items() if parts[0] == name}
        if () in inside:
            os.mkdir(new)
            _bind(str(inside[()]), new)
        elif inside:
            os.mkdir(new)
            _show(old, new, inside)
        elif os.path.islink(old):
            os.symlink(os.readlink(old), new)
        else:
            if stat.S_ISDIR(os.lstat(old).st_mode):
                os.mkdir(new)
            else:
                Path(new).touch()
            with contextlib.suppress(OSError):  # what may not be shown again is not there
                _bind(old, new)


def _bind(source: str, target: str) -> None:
    _mount(source, target, "", MS_BIND | MS_REC)


def _mount(source: str, target: str, kind: str, flags: int) -> None:
    words = [os.fsencode(word) if word else None for word in (source, target, kind)]
    _libc("mount", *words, ctypes.c_ulong(flags), None)


def _libc(name: str, *words: object, quiet: bool = False) -> int:
    result: int = getattr(ctypes.CDLL(None, use_errno=True), name)(*words)
    if result and not quiet:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result
