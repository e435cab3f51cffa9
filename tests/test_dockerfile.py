"""The Dockerfile, read and not built: it copies what there is and names what exists."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from caffe_mnist.job.__main__ import _parser

ROOT = Path(__file__).resolve().parents[1]
KNOWN = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "ENTRYPOINT", "CMD"}


def instructions() -> list[tuple[str, str]]:
    """Each instruction and its words, lines joined and comments gone."""
    text = (ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ").splitlines()
    found = [line.split(None, 1) for line in whole if line.strip()]
    return [(words[0], words[1]) for words in found]


def all_of(name: str) -> list[str]:
    """The words of all instructions of one kind."""
    return [words for kind, words in instructions() if kind == name]


def test_only_known_instructions_and_one_plain_base() -> None:
    """The base is a plain image name; nothing else is fetched by an address."""
    assert {kind for kind, _ in instructions()} <= KNOWN
    assert all_of("FROM") == ["python:3.11-slim-bookworm"]
    assert not re.search(r"https?://", (ROOT / "Dockerfile").read_text())


def test_what_is_copied_is_there_and_let_through() -> None:
    """Every COPY source exists, and .dockerignore keeps it."""
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    assert "*" in ignored
    for words in all_of("COPY"):
        *sources, target = words.split()
        assert target.startswith("./")
        for source in sources:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored, source


def test_the_package_is_installed_with_what_it_needs() -> None:
    """pip gets the extras by their names, within the tested versions."""
    line = next(words for words in all_of("RUN") if words.startswith("pip"))
    extras = re.search(r'"\.\[([a-z,]+)\]"', line)
    assert extras is not None
    project = (ROOT / "pyproject.toml").read_text()
    assert all(re.search(rf"^{name} = \[", project, re.MULTILINE) for name in extras[1].split(","))
    assert "engine" in extras[1]
    assert "--constraint constraints.txt" in line


def test_it_does_not_run_as_root() -> None:
    """The last user is not root, and owns the container's folders."""
    assert all_of("USER") == ["work"]
    owned = "chown work:work /home/work /home/ma-user /cache"
    assert any(owned in words for words in all_of("RUN"))


def test_its_commands_are_those_that_the_job_command_takes() -> None:
    """Lay-out and entry point parse, with the real paths as root."""
    lay_out = next(words for words in all_of("RUN") if "--lay-out" in words)
    found = _parser().parse_args(shlex.split(lay_out)[3:])
    assert (found.root, found.lay_out, found.script) == ("/", True, None)
    (start,) = map(json.loads, all_of("ENTRYPOINT"))
    assert start[:3] == ["python", "-m", "caffe_mnist.job"]
    found = _parser().parse_args([*start[3:], "--store", "/s", "/code/train.py", "--data_url=x"])
    assert (found.root, found.script, found.words) == ("/", "/code/train.py", ["--data_url=x"])
