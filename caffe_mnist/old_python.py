"""Scripts for Python 2.7, which the platform had, brought to Python 3.

Only text that has to be changed is: what does not parse as Python 3, or speaks of names and
modules that Python 3 has not.
"""

from __future__ import annotations

import ast
import functools
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError

HINT = "a script of Python 2: let `2to3 -w -n FOLDER` rewrite it, or run it by a Python 2"
NAMES = {
    "basestring", "execfile", "long", "raw_input", "reduce", "reload", "unichr", "unicode",
    "xrange",
}  # fmt: skip
ATTRIBUTES = {"has_key", "iteritems", "iterkeys", "itervalues", "maxint", "setdefaultencoding"}
MODULES = {
    "__builtin__", "BaseHTTPServer", "commands", "ConfigParser", "cPickle", "cStringIO", "httplib",
    "Queue", "SocketServer", "StringIO", "thread", "urllib2", "urlparse",
}  # fmt: skip
ASKING = {"version_info", "PY2", "PY3"}
# What rewrites: Python's own library up to 3.12, and the package that it became.
LIBRARIES = ("lib2to3", "fissix")
# pandas had these methods on Python 3, too: of themselves they say nothing about `/`.
ITERATION = {"iteritems", "iterkeys", "itervalues"}
PRINTED = "print(…) % …"
# `/` of two whole numbers leaves the rest out; of all else it is Python 3's.
DIVISION = (
    "(lambda a, b, i=__import__('numbers').Integral:"
    " a // b if isinstance(a, i) and isinstance(b, i) else a / b)"
)


def modernise(path: Path, change: bool = True) -> str:
    """Bring one file up to date (if we may `change` it); says what was done, or nothing.

    Raises CaffeMnistError if it does not parse as Python 3 and cannot be rewritten.
    """
    text = path.read_bytes()
    new, done = modern(text, path, change)
    if new != text:
        path.write_bytes(new)
    return done


def modern(text: bytes, path: Path, change: bool = True) -> tuple[bytes, str]:
    """The text of a file as Python 3 takes it, and what was done to it (nothing: it is the same).

    Raises CaffeMnistError if it does not parse as Python 3 and cannot be rewritten.
    """
    tree: Any
    done = ""
    try:
        tree = _parsed(text)
        old = list(_old_words(tree, path.parent)) if change else []
        new = _rewritten(text, PRINTED in old, bool(set(old) - ITERATION)) if old else None
        if new is not None:
            text, tree = new, _parsed(new)
            done = f"speaks Python 2 ({old[0]}), rewritten by {_library()}"
    except (SyntaxError, ValueError) as error:
        new = _rewritten(text, printed=True, divided=True) if change else None
        if new is None:
            line = getattr(error, "lineno", None)
            what = f"does not parse as Python 3: {getattr(error, 'msg', error)}"
            where = f"{path.name}:{line}" if line else path.name
            raise CaffeMnistError(what, where=where, hint=HINT) from None
        text, tree, done = new, _parsed(new), f"is Python 2, rewritten by {_library()}"
    compared = _without_cmp(text, tree) if change else text
    if compared != text:
        done = done or "sort(cmp=…) of Python 2 became sort(key=…)"
    return compared, done


def _parsed(text: bytes) -> ast.AST:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _old_words(tree: ast.AST, folder: Path) -> Iterator[str]:
    """What a text that parses says that only Python 2 understands, and that it does not provide.

    A text that asks which Python it runs on knows itself what to do.
    """
    given: set[str] = set()
    guarded: set[int] = set()
    modules = {name for name in MODULES if not (folder / f"{name}.py").exists()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            given.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            given.add(node.name)
        elif isinstance(node, ast.arg):
            given.add(node.arg)
        elif isinstance(node, ast.alias):
            given.add(node.asname or node.name.partition(".")[0])
        elif getattr(node, "attr", getattr(node, "id", "")) in ASKING:
            return
        elif isinstance(node, ast.Try):
            guarded.update(id(inner) for inner in ast.walk(node))
    names = set() if "*" in given else NAMES - given  # who knows what came with a star
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Name) and node.id in names:
            yield node.id
        elif isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES - given:
            yield node.attr
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules and not node.level:
            yield node.module
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            function = getattr(node.left, "func", None)
            if isinstance(function, ast.Name) and function.id == "print":
                yield PRINTED


def _rewritten(text: bytes, printed: bool, divided: bool) -> bytes | None:
    """The text by one of LIBRARIES; None if none is there, or it fails.

    `printed`: whether `print` is the statement of Python 2; `divided`: whether `/` is its `/`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            refactor = _part("refactor")
            names = refactor.get_fixers_from_package(f"{_library()}.fixes")
            tool = refactor.RefactoringTool(names, {"print_function": not printed})
            source = text.decode().replace("\r\n", "\n")
            tree: Any = tool.refactor_string(source + "\n" * (not source.endswith("\n")), "script")
            if divided and "division" not in tree.future_features:
                _divide(tree)
            new = str(tree).encode()
            new = _without_encoding(new, _parsed(new))
            _parsed(new)
    except Exception:
        return None
    return new


@functools.cache
def _library() -> str:
    """The first of LIBRARIES that is there; raises ImportError if none is."""
    for name in LIBRARIES:
        try:
            import_module(f"{name}.refactor")
        except ImportError:
            continue
        return name
    raise ImportError(" and ".join(LIBRARIES))


def _part(name: str) -> Any:
    return import_module(f"{_library()}.{name}")


def _divide(tree: Any) -> None:
    """`a / b` and `a /= b` of a tree of LIBRARIES as Python 2 divides."""
    name_leaf, node_of = _part("fixer_util").Name, _part("pytree").Node
    symbols = _part("pygram").python_symbols

    for node in list(tree.post_order()):
        words = [str(one).strip() for one in node.children[1::2]]
        if node.type == symbols.term and "/" in words:
            left, *others = [one.clone() for one in node.children]
            left.prefix = ""
            for word, operator, right in zip(words, others[::2], others[1::2]):
                parts = [left, operator, right]
                left = _quotient(left, right) if word == "/" else node_of(symbols.term, parts)
            left.prefix = node.prefix
            node.replace(left)
        elif node.type == symbols.expr_stmt and words == ["/="]:
            target, operator, right = node.children
            quotient = _quotient(target.clone(), right.clone())
            quotient.prefix = " "
            operator.replace(name_leaf("=", prefix=operator.prefix))
            right.replace(quotient)


def _quotient(left: Any, right: Any) -> Any:
    parts = _part("fixer_util")
    left.prefix = right.prefix = ""
    return parts.Call(parts.Name(DIVISION), [left, parts.Name(", "), right])


def _without_encoding(text: bytes, tree: ast.AST) -> bytes:
    """`sys.setdefaultencoding(…)` goes: Python 3's is UTF-8, and there is no such function."""
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and getattr(node.value.func, "attr", "") == "setdefaultencoding"
    ]
    for node in sorted(found, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        start, end = _span(text, node)
        text = text[:start] + b"pass" + text[end:]
    return text


def _span(text: bytes, node: Any) -> tuple[int, int]:
    """Where a node stands in the text."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return (
        starts[node.lineno - 1] + node.col_offset,
        starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0),
    )


def _without_cmp(text: bytes, tree: ast.AST) -> bytes:
    """`sort(cmp=f)` and `sorted(…, cmp=f)` with Python 3's key in place of it."""
    found = [
        word
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "attr", "") == "sort" or getattr(node.func, "id", "") == "sorted")
        for word in node.keywords
        if word.arg == "cmp"
    ]
    for word in sorted(found, key=lambda word: (word.lineno, word.col_offset), reverse=True):
        begin, _ = _span(text, word)
        start, end = _span(text, word.value)
        new = b'key=__import__("functools").cmp_to_key(' + text[start:end] + b")"
        text = text[:begin] + new + text[end:]
    return text
