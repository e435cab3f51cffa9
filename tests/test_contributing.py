"""The guides of CONTRIBUTING.md, followed to the letter in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
# The checkout's own cache knows torch already, which takes a while to read.
MYPY = f"--cache-dir={ROOT / '.mypy_cache'}"
COPIED = ("caffe_mnist", "tests", "scripts", "docs", "prototxt", "pyproject.toml")
GUIDES = {
    "Add a layer": "Mish",
    "Add a dataset format": "pixel_rows.py",
    "Add a container layout": "kubeflow",
}


def _section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def _files(text: str) -> dict[str, str]:
    """Whole files: a path in a line of its own, then the block."""
    return dict(re.findall(r"^`([\w/.]+)`:\n\n```python\n(.*?)^```$", text, re.M | re.S))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what is tested, which finds its own package."""
    hidden = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        source, target = ROOT / name, tmp_path / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=hidden)
        else:
            shutil.copy(source, target)
    return tmp_path


def _run(copy: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(
        words, cwd=copy, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("title", GUIDES)
def test_a_guide_works(copy: Path, title: str) -> None:
    """Its files and changes, in place, pass its tests, types, style and the documents' check."""
    section = _section(title)
    files = _files(section)
    assert files
    for name, content in files.items():
        assert not (copy / name).exists(), f"{name} is there already: the guide needs another"
        (copy / name).write_text(content)
    for number, change in enumerate(_blocks(section, "diff")):
        patch = copy / f"{number}.diff"
        patch.write_text(change)
        _run(copy, "git", "apply", "--unsafe-paths", str(patch))
        files[re.findall(r"^\+\+\+ b/(.*)$", change, re.M)[0]] = ""
    for block in _blocks(section, "sh"):
        for line in block.splitlines():
            command, *words = line.partition("#")[0].split()
            assert command == ".venv/bin/python"
            _run(copy, sys.executable, *words)
    assert (
        GUIDES[title]
        in (copy / "docs" / "architecture.md").read_text()
        + (copy / "docs" / "compatibility.md").read_text()
    )
    _run(copy, sys.executable, "-m", "ruff", "check", *files)
    _run(copy, sys.executable, "-m", "ruff", "format", "--check", *files)
    ours = [name for name in files if name.startswith("caffe_mnist")]
    _run(copy, sys.executable, "-m", "mypy", MYPY, *ours)


@pytest.mark.parity
def test_the_case_for_real_caffe(
    copy: Path, real_caffe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of cases that the layer's guide shows is one that the parity tests take."""
    (case,) = [block for block in _blocks(_section("Add a layer"), "python") if "CASES" in block]
    for file in (copy / "tests" / "parity" / "cases").glob("*.py"):
        if file.name not in ("__init__.py", "case.py"):
            file.unlink()
    (copy / "tests" / "parity" / "cases" / "own.py").write_text(case)
    monkeypatch.setenv("CAFFE_PREFIX", str(real_caffe.parent))
    said = _run(copy, sys.executable, "-m", "pytest", "-q", "tests/parity/test_layers.py")
    assert "1 passed" in said


def test_every_script_is_explained() -> None:
    """The page names all scripts that a person runs."""
    scripts = {path.name for path in (ROOT / "scripts").glob("*.sh")} - {"debian.sh"}
    assert {name for name in scripts if f"scripts/{name}" in PAGE} == scripts
