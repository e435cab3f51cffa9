"""The documents as a site: it builds without a warning, and needs nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

pytest.importorskip("material", reason="the site needs mkdocs-material (extra docs)")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site. Read it only."""
    folder = tmp_path_factory.mktemp("site") / "html"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_every_page_is_in_it(site: Path) -> None:
    """README.md is the home page; each document has a page; the stories are in the navigation."""
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    documents = (ROOT / "docs").rglob("*.md")
    wanted = {path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for path in documents}
    assert wanted | {"index.html", "zh.html", "contributing.html", "changelog.html"} <= pages
    home = (site / "index.html").read_text(encoding="utf-8")
    assert "<h1" in home
    for story in (ROOT / "docs" / "stories").glob("*.md"):
        assert f'href="stories/{story.stem}.html"' in home


def test_links_lead_somewhere(site: Path) -> None:
    """Also those that lead out of docs/: to notebooks, prototxts, the pages of the root."""
    broken = []
    for page in site.rglob("*.html"):
        if page.name == "404.html":
            continue
        for link in re.findall(r'(?:href|src)="([^"]*)"', page.read_text(encoding="utf-8")):
            place = unquote(link.partition("#")[0])
            if place and ":" not in place and not (page.parent / place).exists():
                broken.append(f"{page.relative_to(site)}: {link}")
    assert broken == []
    assert (site / "files" / "notebooks" / "mnist_example.ipynb").is_file()


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """No fonts, scripts, styles or pictures of other hosts: the site works without a network."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'\ssrc="(?:https?:)?//[^"]*"', text), page
        for tag in re.findall(r"<link [^>]*>", text):
            assert not re.search(r'href="(?:https?:)?//', tag), tag
    for style in site.rglob("*.css"):
        assert not re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", style.read_text())
