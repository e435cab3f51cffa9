"""scripts/fuzz.py: the same targets under atheris, which is not installed with anything here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import targets
from tests.fuzz.judge import ROOT

# An atheris that gives the seeds of the corpus, and nothing else.
STANDIN = """
import contextlib, pathlib
def instrument_imports(include): return contextlib.nullcontext()
def Setup(arguments, call):
    print(*arguments[1:-1])
    for path in sorted(pathlib.Path(arguments[-1]).iterdir()): call(path.read_bytes())
def Fuzz(): print("fuzzed", flush=True)
"""


def script(folder: Path, *arguments: str, atheris: str) -> subprocess.CompletedProcess[str]:
    """Run it with such an atheris."""
    (folder / "atheris.py").write_text(atheris)
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "fuzz.py"), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"},
        capture_output=True,
        text=True,
    )


def test_without_atheris(tmp_path: Path) -> None:
    """One line says what to install; --help lists the targets, and says so too."""
    missing = "raise ImportError"
    result = script(tmp_path, "idx", atheris=missing)
    said = "scripts/fuzz.py: error: needs atheris (pip install atheris)\n"
    assert (result.returncode, result.stderr) == (2, said)
    shown = script(tmp_path, "--help", atheris=missing).stdout
    assert "pip install atheris" in shown
    assert all(name in shown for name in targets.names())


@pytest.mark.parametrize("name", ["idx", "database"])
def test_targets_are_given_their_seeds(tmp_path: Path, name: str) -> None:
    """The corpus begins with them; limits are set; nothing else is left behind."""
    arguments = (name, "--seconds", "3", "--corpus", "corpus", "--found", "found")
    result = script(tmp_path, *arguments, atheris=STANDIN)
    assert result.returncode == 0, result.stderr
    assert "-max_total_time=3 -timeout=60 -rss_limit_mb=4096" in result.stdout
    assert result.stdout.endswith("fuzzed\n")
    seeds = targets.load(name).seeds()
    kept = [path.read_bytes() for path in sorted((tmp_path / "corpus").iterdir())]
    assert kept == seeds
    left = {path.name for path in tmp_path.iterdir()} - {"__pycache__"}
    assert left == {"atheris.py", "corpus", "found"}


def test_a_found_case_is_given_again(tmp_path: Path) -> None:
    """--replay says what becomes of it."""
    (tmp_path / "case").write_bytes(b"\0\0\x08\1")
    result = script(tmp_path, "idx", "--replay", "case", atheris="raise ImportError")
    assert (result.returncode, result.stderr) == (0, "")
    assert "truncated" in result.stdout
