"""Scripts for Python 2.7, which the platform had: what can be brought to Python 3, in a copy.

Only files in the container's copy of the code are changed, and only where they have to be.
"""

from __future__ import annotations

import ast
import warnings
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError

HINT = "a script of Python 2: let `2to3 -w -n FOLDER` rewrite it, or run it by a Python 2"


def modernise(path: Path, change: bool = True) -> str:
    """Bring one file up to date (if we may `change` it); says what was done, or nothing.

    Raises CaffeMnistError if it does not parse as Python 3 and cannot be rewritten.
    """
    text = path.read_bytes()
    tree: Any
    try:
        tree, done = _parsed(text), ""
    except (SyntaxError, ValueError) as error:
        new = _rewritten(text) if change else None
        if new is None:
            line = getattr(error, "lineno", None)
            what = f"does not parse as Python 3: {getattr(error, 'msg', error)}"
            raise CaffeMnistError(
                what, where=f"{path.name}:{line}" if line else path.name, hint=HINT
            ) from None
        text, tree, done = new, _parsed(new), "is Python 2, rewritten by lib2to3 in the copy"
    compared = _without_cmp(text, tree) if change else text
    if compared != text:
        done = done or "sort(cmp=…) of Python 2 became sort(key=…) in the copy"
    if done:
        path.write_bytes(compared)
    return done


def _parsed(text: bytes) -> ast.AST:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _rewritten(text: bytes) -> bytes | None:
    """The text by lib2to3, which Python has up to 3.12; None if that is not there or fails."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from lib2to3 import refactor

            names = refactor.get_fixers_from_package("lib2to3.fixes")
            tool = refactor.RefactoringTool(names)
            source = text.decode().replace("\r\n", "\n")
            new = str(tool.refactor_string(source + "\n" * (not source.endswith("\n")), "script"))
            _parsed(new.encode())
    except Exception:
        return None
    return new.encode()


def _without_cmp(text: bytes, tree: ast.AST) -> bytes:
    """`sort(cmp=f)` and `sorted(…, cmp=f)` with Python 3's key in place of it."""
    lines = text.splitlines(keepends=True)
    found = [
        word
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "attr", "") == "sort" or getattr(node.func, "id", "") == "sorted")
        for word in node.keywords
        if word.arg == "cmp"
    ]
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    for word in sorted(found, key=lambda word: (word.lineno, word.col_offset), reverse=True):
        begin = starts[word.lineno - 1] + word.col_offset
        value = word.value
        start = starts[value.lineno - 1] + value.col_offset
        end = starts[(value.end_lineno or 0) - 1] + (value.end_col_offset or 0)
        new = b'key=__import__("functools").cmp_to_key(' + text[start:end] + b")"
        text = text[:begin] + new + text[end:]
    return text
