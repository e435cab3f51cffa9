"""Every command line of the READMEs and of some other pages, run as those of the stories are."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.test_stories import READMES, ROOT, blocks, told, world

__all__ = ["world"]
NAMES = (
    "commands", "curves", "evaluate", "net_summary", "package", "predict", "python", "runs",
    "template",
)  # fmt: skip
PAGES = [ROOT / "docs" / f"{name}.md" for name in NAMES]


def test_the_readmes(world: Path) -> None:
    """Their main job, to the letter; both have the same commands, so one is run for both."""
    english, chinese = (typed(page) for page in READMES)
    assert english == chinese
    assert english
    assert "The result: [7]" in told(READMES[0], world)


def typed(page: Path) -> list[tuple[str, list[str]]]:
    """What is typed: the kind and the lines of each block, without comments."""
    return [
        (kind, [re.sub(r"\s+#.*", "", line) for line in content.splitlines()])
        for kind, content in blocks(page, "sh", "python")
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page(page: Path, world: Path, final: Path) -> None:
    """Pages whose lines need no more than a run in `store` and its folder `model`."""
    for folder in (final.parent, final.parent.parent / "model"):
        shutil.copytree(folder, world / folder.name)
    if page.stem == "python":
        shutil.rmtree(world / "store")
        shutil.rmtree(world / "model")
    told(page, world)
