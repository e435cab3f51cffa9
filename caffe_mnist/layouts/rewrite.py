"""Prototxts with other paths and settings; all else stays to the letter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing
from caffe_mnist.layouts.paths import LISTS, NETS, PATHS, WRITTEN
from caffe_mnist.layouts.rules import Rules
from caffe_mnist.layouts.settings import set_fields
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.prototxt import Block, Scalar, examine, parse, place, quote, replace

SOLVER = caffe_pb2.SolverParameter.DESCRIPTOR
NET = caffe_pb2.NetParameter.DESCRIPTOR


@dataclass(frozen=True)
class PathField:
    """One path in a prototxt: its field, its place, its role and its value."""

    field: str
    start: int
    end: int
    value: str

    @property
    def role(self) -> str:
        """code, data or model."""
        return PATHS[self.field]

    @property
    def written(self) -> bool:
        """Whether the training makes what the path leads to."""
        return self.field in WRITTEN


@dataclass(frozen=True)
class Prototxt:
    """A solver or a net as text, parsed."""

    path: str
    text: str
    kind: Any
    block: Block

    @property
    def is_solver(self) -> bool:
        """Whether it is a solver; otherwise it is a net."""
        return bool(self.kind is SOLVER)

    def paths(self) -> Iterator[PathField]:
        """Every path in it, in order."""
        for block, item in self.block.walk():
            name = f"{block.kind.name}.{item.name}"
            if name in PATHS and isinstance(item.value, Scalar):
                yield PathField(name, item.value.start, item.value.end, item.value.text)

    def at(self, offset: int) -> str:
        """`file:line:column` of an offset."""
        return f"{self.path}:{place(self.text, offset)}"


def read_prototxt(path: str | os.PathLike[str]) -> Prototxt:
    """Read a solver or a net, whichever it is.

    Raises CaffeMnistError for files that cannot be read, and PrototxtError with every fault,
    each with its line and column, for text that is neither.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None
    except UnicodeDecodeError:
        raise CaffeMnistError("not a prototxt: the file is not UTF-8 text", where=path) from None
    kind = min((NET, SOLVER), key=lambda kind: len(examine(text, kind)[1]))
    return Prototxt(os.fspath(path), text, kind, parse(text, kind, path))


def rewrite(source: Prototxt, rules: Rules) -> str:
    """The text with paths and, in a solver, settings changed by `rules`."""
    changes = []
    for item in source.paths():
        pieces = item.value.split(",") if item.field in LISTS else [item.value]
        new = ",".join(rules.path(piece, item.role) for piece in pieces)
        if new != item.value:
            changes.append((item.start, item.end, quote(new)))
    text = replace(source.text, changes)
    if source.is_solver and rules.settings:
        text = set_fields(text, SOLVER, rules.settings, source.path)
    return text


def nets_of(solver: Prototxt) -> list[Path]:
    """The net files that a solver names, each once, where they are found.

    A net is looked for as Caffe does (from the working folder), then from the solver's folder,
    then by its bare name beside the solver (its path may be one inside a container). Raises
    CaffeMnistError naming the field's place when it is nowhere.
    """
    found = []
    for item in solver.paths():
        if item.field not in NETS:
            continue
        folder = Path(solver.path).parent
        places = [Path(item.value), folder / item.value, folder / Path(item.value).name]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise CaffeMnistError(
                f"the net {item.value} is not there, nor {places[-1]}", where=solver.at(item.start)
            )
        if path not in found:
            found.append(path)
    return found


def write_tree(solver: Path, out_dir: Path, rules: Rules) -> Path:
    """Rewrite a solver and every net that it names into `out_dir`; returns the new solver.

    The new solver names the new nets in `out_dir` unless the rules give a code folder or a map
    for them. Raises CaffeMnistError before anything is written.
    """
    source = read_prototxt(solver)
    if not source.is_solver:
        raise CaffeMnistError("is a net, expected a solver", where=solver)
    if "code" not in rules.folders:
        rules = Rules({**rules.folders, "code": os.fspath(out_dir)}, rules.maps, rules.settings)
    texts = {solver.name: rewrite(source, rules)}
    for net in nets_of(source):
        if net.name in texts:
            raise CaffeMnistError(f"two files are called {net.name}", where=solver)
        texts[net.name] = rewrite(read_prototxt(net), rules)
    write_texts(texts, out_dir)
    return out_dir / solver.name


def write_texts(texts: dict[str, str], out_dir: Path) -> None:
    """Write each text under its name into `out_dir`, aside first and then renamed."""
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaffeMnistError(f"cannot make the folder: {error.strerror}", where=out_dir) from None
    for name, text in texts.items():
        with replacing(out_dir / name) as aside:
            aside.write_text(text, encoding="utf-8")
