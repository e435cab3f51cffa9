"""What pip installs: the wheel and the source distribution, built from the tracked files alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("setuptools", reason="builds the wheel")

ROOT = Path(__file__).resolve().parents[1]
BUILD = """
import sys
from setuptools import build_meta
getattr(build_meta, sys.argv[2])(sys.argv[1])
"""
# Every command in one process: what it prints must be its help.
HELP = """
import contextlib, importlib, io, sys
import caffe_mnist
from caffe_mnist.__main__ import HERE, commands
assert caffe_mnist.__file__.startswith(sys.argv[1]), caffe_mnist.__file__
for name in commands():
    package = (HERE / name / "__main__.py").is_file()
    module = importlib.import_module(f"caffe_mnist.{name}{'.__main__' if package else ''}")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            status = module.main(["--help"])
        except SystemExit as end:
            status = end.code
    print(name, status or 0, len(said.getvalue().splitlines()) > 3)
"""


def tracked() -> list[str]:
    """The files of the repository."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-z"]
    done = subprocess.run(listed, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("no git repository")
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both archives."""
    source, out = (tmp_path_factory.mktemp(name) for name in ("source", "dist"))
    wanted = ("caffe_mnist/", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in")
    for name in tracked():
        if name.startswith(wanted):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    for what in ("build_sdist", "build_wheel"):
        command = [sys.executable, "-c", BUILD, str(out), what]
        done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
    return out


def package_files() -> set[str]:
    """Modules and data (schema, pages, tables, types) of the package."""
    return {name for name in tracked() if name.startswith("caffe_mnist/")}


def test_the_wheel_holds_the_whole_package(built: Path) -> None:
    """Every tracked file of the package and nothing else, and the command caffe-mnist."""
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (entry,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert b"caffe-mnist = caffe_mnist.__main__:main" in archive.read(entry)
    assert names == package_files()
    kinds = {Path(name).suffix for name in names}
    assert {".py", ".html", ".proto", ".binpb", ".toml", ".pyi"} <= kinds


def test_the_source_distribution_holds_it_too(built: Path) -> None:
    """With what builds it."""
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert package_files() <= names
    assert {"pyproject.toml", "README.md"} <= names


def test_every_command_of_the_wheel_has_its_help(built: Path, tmp_path: Path) -> None:
    """Out of the wheel, in a folder where nothing else of ours lies."""
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    place = str(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-c", HELP, place],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, env={"PYTHONPATH": place},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) > 20
    assert [line for line in lines if line[1:] != ["0", "True"]] == []
