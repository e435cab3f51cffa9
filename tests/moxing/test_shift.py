"""`shift('os', 'mox')`: Python's own functions take URLs, and give them back."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from caffe_mnist.moxing import file


def test_pythons_functions_take_urls_and_paths(base: str, tmp_path: Path) -> None:
    """Each function of the manual's list, on URLs; local paths are served as before."""
    originals = (open, os.listdir, os.stat, os.path.exists, glob.glob, shutil.copytree)
    file.shift("os", "mox")
    try:
        os.makedirs(f"{base}/d/e")
        with open(f"{base}/d/a.txt", "w") as opened:
            opened.write("one")
        os.mkdir(f"{base}/d/f")
        assert open(f"{base}/d/a.txt").read() == "one"  # noqa: SIM115
        assert sorted(os.listdir(f"{base}/d")) == ["a.txt", "e", "f"]
        assert os.path.exists(f"{base}/d")
        assert os.path.isdir(f"{base}/d/e")
        assert os.path.getsize(f"{base}/d/a.txt") == os.stat(f"{base}/d/a.txt").st_size == 3
        assert sorted(entry.name for entry in os.scandir(f"{base}/d")) == ["a.txt", "e", "f"]
        assert next(iter(os.walk(base)))[1] == ["d"]
        assert glob.glob(f"{base}/d/*.txt") == [f"{base}/d/a.txt"]
        os.rename(f"{base}/d/a.txt", f"{base}/d/b.txt")
        shutil.copyfile(f"{base}/d/b.txt", str(tmp_path / "b.txt"))
        shutil.copytree(f"{base}/d", str(tmp_path / "tree"))
        assert (tmp_path / "tree" / "b.txt").read_text() == (tmp_path / "b.txt").read_text()
        os.remove(f"{base}/d/b.txt")
        shutil.rmtree(f"{base}/d")
        assert not os.path.exists(f"{base}/d")
        with pytest.raises(FileNotFoundError):
            os.stat(f"{base}/d")
        with open(tmp_path / "x", "x", buffering=1, encoding="ascii") as opened:
            os.stat(opened.fileno())
        assert "x" in os.listdir(tmp_path)
    finally:
        file.shift("mox", "os")
    assert (open, os.listdir, os.stat, os.path.exists, glob.glob, shutil.copytree) == originals
    with pytest.raises(ValueError, match="os"):
        file.shift("os", "tf")


@pytest.mark.parametrize("name", ["moxing", "moxing.tensorflow", "moxing.mxnet"])
def test_import_names(name: str) -> None:
    """After `install()`, scripts import MoXing by each of its names."""
    text = (
        "from caffe_mnist.moxing.install import install; install(); "
        f"import {name} as mox; from moxing.framework.file import File; "
        "print(mox.file.exists('/'), mox.file.File is File, callable(mox.run))"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 3
