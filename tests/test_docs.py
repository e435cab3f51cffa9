"""The documents say what is so: links lead somewhere, commands and flags exist."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_pages_made_from_the_code_are_up_to_date() -> None:
    """`python scripts/write_docs.py` would change nothing."""
    command = [sys.executable, "scripts/write_docs.py", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the project."""
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    targets = [link for link in links if "://" not in link]
    assert [link for link in targets if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_their_options_exist(page: Path) -> None:
    """Every `python -m caffe_mnist.X --option` in a page is one that the command takes."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    for line in lines:
        found = re.search(r"python -m (caffe_mnist\.[\w.]+)([^|#;]*)", line)
        if found is None or found[1] == "caffe_mnist.caffe":
            continue
        known = help_text(found[1], subcommand(found[1], found[2]))
        # After a script stand the script's own.
        ours = re.split(r"\.py\b", found[2])[0] if found[1] == "caffe_mnist.job" else found[2]
        for option in re.findall(r"(?<=\s)--([a-z_-]+)", ours):
            if option not in ("init_method", "help"):
                assert f"--{option.replace('_', '-')}" in known, line


def subcommand(module: str, arguments: str) -> str:
    """The word after `convert` and `storage`, which have commands of their own."""
    words = arguments.split()
    return words[0] if module in ("caffe_mnist.convert", "caffe_mnist.storage") and words else ""


@functools.cache
def help_text(module: str, command: str) -> str:
    """What `--help` of a command prints."""
    words = [sys.executable, "-m", module, *filter(None, [command]), "--help"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_both_readmes_say_the_same() -> None:
    """The same commands, links and tables of figures, in as many sections."""
    found = [_skeleton((ROOT / name).read_text()) for name in ("README.md", "README.zh.md")]
    assert found[0] == found[1]


def _skeleton(text: str) -> dict[str, list[str]]:
    """What does not depend on the language, except the pages that are there in both."""
    links = re.findall(r"\]\(([^)]+)\)", text)
    blocks = re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)
    rows = [re.findall(r"\d[\d,.]*\d", line) for line in text.splitlines() if line[:1] == "|"]
    return {
        "links": sorted(link.replace("_zh", "").replace(".zh", "") for link in links),
        "commands": [re.sub(r" *#.*", "", block) for block in blocks],
        "headings": re.findall(r"^#+(?= )", text, re.MULTILINE),
        "figures": [" ".join(row) for row in rows],
    }
