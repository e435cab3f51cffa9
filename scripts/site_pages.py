"""Hooks of mkdocs.yml: what lies outside docs/ becomes part of the site.

README.md is the home page, and the other pages of the root stand beside it. A link that leads out
of docs/ to another file (a prototxt, a notebook) leads to a copy of it below `files/`.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "README.md": "index.md",
    "README.zh.md": "zh.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
WHOLE = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)\)")
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)#\s]+)")


def on_files(files: Files, *, config: Any) -> Files:
    """Add the pages of the root, and the files that pages link to."""
    for name, place in PAGES.items():
        files.append(File.generated(config, place, content=(ROOT / name).read_text("utf-8")))
    documents = [*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in PAGES)]
    linked = {target for path in documents for target in _targets(path)}
    for name in sorted(linked):
        if name not in PAGES and not name.startswith("docs/") and (ROOT / name).is_file():
            copy = File.generated(config, f"files/{name}", abs_src_path=str(ROOT / name))
            files.append(copy)
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Let links lead to where their targets are in the site; folders have no page, and no link."""
    place = page.file.src_uri
    source = {value: key for key, value in PAGES.items()}.get(place, f"docs/{place}")

    def known(match: re.Match[str]) -> str:
        folder = (ROOT / _target(source, match.group(2))).is_dir()
        return match.group(1) if folder else match.group(0)

    def moved(match: re.Match[str]) -> str:
        target = _target(source, match.group(1))
        if target.startswith("docs/"):
            target = target[len("docs/") :]
        else:
            target = PAGES.get(target, f"files/{target}")
        return posixpath.relpath(target, posixpath.dirname(place) or ".")

    return LINK.sub(moved, WHOLE.sub(known, markdown))


def _targets(path: Path) -> set[str]:
    source = path.relative_to(ROOT).as_posix()
    return {_target(source, link) for link in LINK.findall(path.read_text("utf-8"))}


def _target(source: str, link: str) -> str:
    """What a link in `source` leads to, as a path from the root of the project."""
    return os.path.normpath(posixpath.join(posixpath.dirname(source), link))
