"""Write the documents that are made from the code: python scripts/write_docs.py [--check].

`docs/compatibility.md` lists what the registries hold (layers, solvers, policies, fillers,
layouts); `docs/architecture.md` ends with a sentence for every file, its docstring's first.
With --check nothing is written, and the exit status says whether they are up to date.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MARK = "<!-- made by scripts/write_docs.py from here on -->\n"


def main(arguments: list[str]) -> int:
    """Write what has changed, or say so; 1 if --check found anything."""
    stale = []
    for name, text in (
        ("docs/compatibility.md", compatibility()),
        ("docs/architecture.md", _kept("docs/architecture.md") + MARK + files()),
    ):
        path = ROOT / name
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(text)
    for name in stale:
        print(f"{name}: {'out of date' if '--check' in arguments else 'written'}")
    return 1 if stale and "--check" in arguments else 0


def compatibility() -> str:
    """The page of everything that nets, solvers and layouts may name."""
    from caffe_mnist.engine.fillers import fillers
    from caffe_mnist.engine.layer import layers
    from caffe_mnist.engine.lr_policy import policies
    from caffe_mnist.engine.updates import rules
    from caffe_mnist.layouts.layout import layouts

    text = (
        "# What the embedded engine knows\n\n"
        "Made from the registries by `python scripts/write_docs.py`. A name that is not here is\n"
        "refused with a line that lists those that are. How near the numbers come to real\n"
        "Caffe's is in [parity.md](parity.md), and what `tests/parity/` asserts.\n"
    )
    for title, registry, meaning in (
        ("Layers (`layer.type`)", layers, _layer),
        ("Solvers (`solver.type`)", rules, _first_line),
        ("Learning rate policies (`lr_policy`)", policies, _first_line),
        ("Fillers (`weight_filler.type`)", fillers, _first_line),
        ("Layouts (`--layout`)", layouts, _folders),
    ):
        text += f"\n## {title}\n\n" + _table(registry, meaning)
    return text


def files() -> str:
    """A list of all files of the package, room by room."""
    text, room = "\n## Every file\n", None
    for path in sorted(
        (ROOT / "caffe_mnist").rglob("*.py"), key=lambda path: (path.parent.parts, path.name)
    ):
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        sentence = docstring.partition("\n")[0]
        if path.parent != room:
            room = path.parent
            text += f"\n### `{room.relative_to(ROOT)}/`\n\n"
        if path.name == "__init__.py":
            text += f"{sentence}\n\n"
        else:
            text += f"- `{path.name}`: {sentence}\n"
    return text


def _table(registry: Any, meaning: Callable[[Any], str]) -> str:
    rows = [f"| `{name}` | {meaning(registry.get(name))} |\n" for name in registry]
    return f"{len(rows)} of them.\n\n| name | |\n| --- | --- |\n" + "".join(rows)


def _first_line(thing: Any) -> str:
    return str(thing.__doc__ or "").strip().partition("\n")[0].replace("|", "\\|")


def _layer(kind: Any) -> str:
    fork = f" Of a fork: {kind.fork} ([forks.md](forks.md))." if kind.fork else ""
    return _first_line(kind) + fork


def _folders(layout: Any) -> str:
    code = layout.code or "(where the nets are)"
    return f"code `{code}`, data `{layout.data}`, model `{layout.model}`"


def _kept(name: str) -> str:
    path = ROOT / name
    return path.read_text().partition(MARK)[0] if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
