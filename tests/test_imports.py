"""The arrows between the rooms, as docs/architecture.md draws them, read from the imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "caffe_mnist"

BASE = {"errors", "files", "old_python", "registry"}
# Which other rooms a room may import. What is absent here is a command: it may import all rooms.
ARROWS = {
    "errors": set(),
    "files": {"errors"},
    "old_python": {"errors"},
    "registry": {"errors"},
    "schema": BASE,
    "datasets": BASE | {"schema"},
    "layouts": BASE | {"schema"},
    "storage": BASE,
    "moxing": BASE | {"storage"},
    "cluster": BASE,
    "watch": BASE,
    "dashboard": BASE | {"watch"},
    "drawing": BASE | {"schema"},
    "launch": BASE | {"cluster", "storage", "layouts", "datasets", "watch", "schema"},
    "toolchains": BASE | {"layouts", "schema"},
    "trials": BASE | {"launch", "storage", "layouts", "watch", "schema"},
    "job": BASE | {"launch", "moxing", "storage", "layouts", "datasets", "schema"},
    "engine": BASE | {"datasets", "schema"},
    "evaluation": BASE | {"engine", "datasets", "storage"},
    "exchange": BASE | {"engine", "layouts", "schema"},
    "pycaffe": BASE | {"engine", "datasets", "drawing", "schema"},
    "service": BASE | {"pycaffe", "engine", "datasets", "schema"},
    "brew": BASE | {"cluster", "pycaffe", "engine", "schema"},
}
ROOMS = set(ARROWS)
USERS_OF_TORCH = {"engine", "exchange", "pycaffe", "service", "brew", "predict"}
NETWORK = {
    "aiohttp", "boto3", "botocore", "ftplib", "http", "httpx", "moto", "obstore", "requests",
    "s3fs", "smart_open", "socket", "socketserver", "ssl", "urllib.request", "urllib3",
}  # fmt: skip
# The service listens; what it must not do is call out, and these do not.
# The third only asks which addresses are this machine's.
LISTENERS = {"service": {"socket"}, "dashboard": {"socket"}, "cluster": {"socket"}}


class Import(NamedTuple):
    """One import statement's module, and where it stands."""

    file: Path
    line: int
    module: str

    @property
    def room(self) -> str:
        """The room (or command) that the statement stands in."""
        return self.file.relative_to(PACKAGE).parts[0].split(".")[0]

    @property
    def target(self) -> str | None:
        """The room or command of this package that is imported, if it is one."""
        parts = self.module.split(".")
        return parts[1] if parts[0] == "caffe_mnist" and len(parts) > 1 else None

    def __str__(self) -> str:
        return f"{self.file.relative_to(PACKAGE.parent)}:{self.line} imports {self.module}"


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    """Those of the whole package, read once the tests run and not while they are collected."""
    return list(_imports())


def _imports() -> Iterator[Import]:
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                for name in node.names:
                    yield Import(file, node.lineno, name.name)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{file}:{node.lineno}: a relative import"
                yield from (
                    Import(file, node.lineno, f"{node.module}.{name.name}") for name in node.names
                )


COMMANDS = sorted(
    file.stem for file in PACKAGE.glob("*.py") if file.stem not in ROOMS | {"__init__"}
)


def test_rooms_import_only_along_the_arrows(imports: list[Import]) -> None:
    """A room imports itself and the rooms that its arrows reach, and never a command."""
    wrong = [
        str(found)
        for found in imports
        if found.room in ROOMS
        and found.target is not None
        and found.target not in ARROWS[found.room] | {found.room, "__version__"}
    ]
    assert not wrong


def test_every_room_has_its_arrows() -> None:
    """A new folder of the package is entered here, on purpose, before it imports anything."""
    folders = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    assert folders <= ROOMS


def test_torch_stays_with_the_engine_and_its_users(imports: list[Import]) -> None:
    """The light half (convert, template, train) works where torch is not installed."""
    wrong = [
        str(found)
        for found in imports
        if found.module.split(".")[0] == "torch" and found.room not in USERS_OF_TORCH
    ]
    assert not wrong


def test_network_libraries_stay_in_storage(imports: list[Import]) -> None:
    """Who talks to the network is found in one room."""

    def calls_out(found: Import) -> bool:
        parts = found.module.split(".")
        names = {parts[0], ".".join(parts[:2])} - LISTENERS.get(found.room, set())
        return bool(names & NETWORK) and found.room != "storage"

    assert not [str(found) for found in imports if calls_out(found)]


def test_no_module_hides_a_library(imports: list[Import]) -> None:
    """No module bears the name of a library that the package imports: a script would find it."""
    libraries = {found.module.split(".")[0] for found in imports} - {"caffe_mnist"}
    modules = {file.stem for file in PACKAGE.rglob("*.py")}
    modules |= {folder.name for folder in PACKAGE.rglob("*") if folder.is_dir()}
    assert not libraries & modules


# Reads what a command has imported at its end, when it was asked for nothing but its help.
HELP = """
import runpy, sys
sys.argv[1:] = ["--help"]
try:
    runpy.run_module("caffe_mnist." + {command!r}, run_name="__main__", alter_sys=True)
except SystemExit as end:
    print("status", end.code or 0)
print("modules", *sorted(name for name in sys.modules if "." not in name))
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_instant(command: str) -> None:
    """`--help` of every command says something and imports no heavy library."""
    asked = subprocess.run(
        [sys.executable, "-c", HELP.format(command=command)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    *text, status, modules = asked.stdout.splitlines()
    assert (status, asked.stderr) == ("status 0", "")
    assert len(text) > 3
    heavy = {"torch", "matplotlib", "cv2", "numpy", "PIL", "obstore", "google", "starlette"}
    assert not heavy & set(modules.split())
