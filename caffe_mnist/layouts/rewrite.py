"""Prototxts with other paths and settings; all else stays to the letter."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError, ManyFaultsError
from caffe_mnist.files import replacing
from caffe_mnist.layouts.rules import Rules
from caffe_mnist.layouts.settings import check, concerns, strings_of
from caffe_mnist.layouts.source import (
    NET,
    SOLVER,
    Prototxt,
    kind_of_key,
    pieces,
    read_prototxt,
    with_settings,
)
from caffe_mnist.schema.paths import NETS
from caffe_mnist.schema.prototxt import Fault, PrototxtError


def rewrite(source: Prototxt, rules: Rules) -> str:
    """The text of one solver or net, settings and paths changed by `rules`."""
    source = with_settings(source, rules.settings)
    return source.with_paths(settle([source], rules))


def settle(sources: Sequence[Prototxt], rules: Rules) -> Rules:
    """`rules` for the paths of all `sources` (with their settings): no two become the same,
    and what a setting gives stays as it is given."""
    given = set()
    for key, value in rules.settings:
        field, strings = strings_of(kind_of_key(key), key, value)
        if field not in NETS:
            given |= {(field, one) for text in strings for one in pieces(field, text)}
    items = [item for source in sources for item in source.paths()]
    exact = tuple((item.value, item.value) for item in items if (item.field, item.value) in given)
    rules = replace(rules, exact=(*exact, *rules.exact))
    return rules.keeping_apart((item.value, item.role) for item in items if item.value)


def places_of_nets(solver: Prototxt, missing: bool = False) -> dict[str, Path]:
    """The nets that a solver names: what it calls each, and where it is found.

    A net is looked for as Caffe does (from the working folder), then from the solver's folder,
    then by its bare name beside the solver (its path may be one inside a container). With
    `missing`, those that are nowhere are passed over; otherwise PrototxtError names their
    fields' places.
    """
    found, faults = {}, []
    folder = Path(solver.path).parent
    for item in solver.paths():
        if item.field not in NETS:
            continue
        beside = folder / re.split(r"[/\\]", item.value)[-1]
        places = [Path(item.value), folder / item.value, beside]
        path = next((place for place in places if os.path.isfile(place)), None)
        if path is None:
            nor = "" if beside in places[:2] else f", nor {beside}"
            faults.append(Fault(item.start, f"the net {item.value!r} is not there{nor}"))
        else:
            found[item.value] = path
    if faults and not missing:
        raise PrototxtError(solver.path, solver.text, faults)
    return found


def nets_of(solver: Prototxt, missing: bool = False) -> list[Path]:
    """The net files that a solver names, each once, where they are found."""
    return list(dict.fromkeys(places_of_nets(solver, missing).values()))


def with_nets(
    paths: Iterable[Path], settings: Sequence[tuple[str, str]], missing: bool = False
) -> list[Prototxt]:
    """The prototxts of `paths`, each once, with `settings`, and the nets that solvers name.

    With `missing`, nets that are not there are passed over. Raises ManyFaultsError with every
    fault of every file, and CaffeMnistError for a setting that concerns none of them.
    """
    for key, value in settings:
        check(kind_of_key(key), key, value)
    found: dict[str, Prototxt] = {}
    faults: list[str] = []
    waiting: list[tuple[Path, Any]] = [(path, None) for path in paths]
    while waiting:
        path, kind = waiting.pop(0)
        if os.path.realpath(path) in found:
            continue
        try:
            source = with_settings(read_prototxt(path, kind), settings)
            found[os.path.realpath(path)] = source
            if source.is_solver:
                waiting += [(net, NET) for net in nets_of(source, missing)]
        except CaffeMnistError as error:
            faults += error.faults
    if faults:
        raise ManyFaultsError(faults)
    for key, _ in settings:
        kind = kind_of_key(key)
        if not any(one.kind is kind and concerns(one.block, key) for one in found.values()):
            what = "a solver" if kind is SOLVER else "a net with such a layer"
            raise CaffeMnistError(f"{key} needs {what}, there is none", where="--set")
    return list(found.values())


def write_tree(solver: Path, out_dir: Path, rules: Rules) -> Path:
    """Rewrite a solver and every net that it names into `out_dir`; returns the new solver.

    The new solver names the new nets in `out_dir` unless the rules give a code folder or a map
    for them. Raises CaffeMnistError before anything is written.
    """
    if not read_prototxt(solver).is_solver:
        raise CaffeMnistError("is a net, expected a solver", where=solver)
    sources = with_nets([solver], rules.settings)
    if not rules.folders.get("code"):
        rules = replace(rules, folders={**rules.folders, "code": os.fspath(out_dir)})
    rules = settle(sources, rules)
    texts = {Path(one.path): one.with_paths(rules) for one in sources}
    write_texts(by_name(texts), out_dir)
    return out_dir / solver.name


def by_name(texts: dict[Path, str]) -> dict[str, str]:
    """`texts` by the last name of each path; raises CaffeMnistError if two share one."""
    named: dict[str, str] = {}
    for path, text in texts.items():
        if path.name in named:
            raise CaffeMnistError(
                f"two files are called {path.name}", where=path, hint="give one another name"
            )
        named[path.name] = text
    return named


def write_texts(texts: dict[str, str], out_dir: Path) -> None:
    """Write each text under its name into `out_dir`: all of them or none."""
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaffeMnistError(f"cannot make the folder: {error.strerror}", where=out_dir) from None
    replace_texts({out_dir / name: text for name, text in texts.items()})


def replace_texts(texts: dict[Path, str]) -> None:
    """Write each text to its path: aside first, and when all are there, renamed."""
    with contextlib.ExitStack() as files:
        for path, text in texts.items():
            aside = files.enter_context(replacing(path))
            aside.write_bytes(text.encode("utf-8", "surrogateescape"))
