"""Layouts of one's own, in TOML."""

from __future__ import annotations

from pathlib import Path

from caffe_mnist import template
from tests.fuzz.targets import command

LAYOUT = """\
name = "mine"
code = "/workspace/code"
data = "/mnt/data"
model = "/mnt/output"
"""


def seeds() -> list[bytes]:
    """One layout."""
    return [LAYOUT.encode()]


def run(data: bytes) -> None:
    """Rewrite a solver for it."""
    Path("layout.toml").write_bytes(data)
    Path("solver.prototxt").write_text('train_net: "a/net.prototxt" snapshot_prefix: "b/x"\n')
    command(template.main, "solver.prototxt", "--layout", "layout.toml")
