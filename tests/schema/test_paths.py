"""Every path of the schema is known, and every known one is rewritten, wherever it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from caffe_mnist.layouts.rules import Rules
from caffe_mnist.layouts.source import NET, SOLVER, prototxt
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.paths import LISTS, NO_PATHS, PATHS, WRITTEN
from caffe_mnist.schema.values import is_required, kind_of

FOLDERS = {"code": "/c", "data": "/d", "model": "/m"}


def messages() -> dict[str, Any]:
    """Every message of the schema, those inside others too, by name."""
    waiting: list[Any] = list(caffe_pb2.NetParameter.DESCRIPTOR.file.message_types_by_name.values())
    found: dict[str, Any] = {}
    while waiting:
        kind = waiting.pop()
        found[kind.name] = kind
        waiting += kind.nested_types
    return found


def strings() -> set[str]:
    """`Message.field` of every string in the schema."""
    return {
        f"{name}.{declared.name}"
        for name, kind in messages().items()
        for declared in kind.fields
        if kind_of(declared) == "string"
    }


def routes(kind: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways from a message to its path fields; no message is entered twice on one way."""
    for declared in kind.fields:
        if f"{kind.name}.{declared.name}" in PATHS:
            yield (*above, declared)
        inner = declared.message_type
        if inner is not None and inner not in (kind, *(one.message_type for one in above)):
            yield from routes(inner, (*above, declared))


def text_of(route: tuple[Any, ...], value: str) -> str:
    """A prototxt with `value` at the end of the way, and what its messages need besides."""
    text = f'{route[-1].name}: "{value}"'
    for declared in reversed(route[:-1]):
        needed = [one for one in declared.message_type.fields if is_required(one)]
        assert not needed, "give it its required fields"
        text = f"{declared.name} {{ {text} }}"
    return text


WAYS = [(SOLVER, way) for way in routes(SOLVER)] + [(NET, way) for way in routes(NET)]


def test_every_string_is_either_a_path_or_none() -> None:
    """The two tables name each string field of the schema once, and nothing else."""
    assert not NO_PATHS & set(PATHS)
    assert NO_PATHS | set(PATHS) == strings()


def test_what_sounds_like_a_path_is_one() -> None:
    """No field whose name speaks of files is among those that are left alone."""
    words = ("file", "source", "folder", "root", "prefix", "weights", "path", "net")
    suspects = {name for name in strings() if any(word in name.split(".")[1] for word in words)}
    assert suspects <= set(PATHS)


def test_the_smaller_tables_are_parts_of_the_large_one() -> None:
    """Written paths and lists are paths; roles are the three that there are."""
    assert set(PATHS) >= WRITTEN | LISTS
    assert set(PATHS.values()) == {"code", "data", "model"}


@pytest.mark.parametrize(
    ("kind", "way"), WAYS, ids=[".".join(one.name for one in way) for _, way in WAYS]
)
def test_a_path_is_rewritten_wherever_it_stands(kind: Any, way: tuple[Any, ...]) -> None:
    """Each path field, in solvers, their inline nets, today's, V1 and V0 layers."""
    text = text_of(way, "/old/place/thing")
    role = PATHS[f"{way[-1].containing_type.name}.{way[-1].name}"]
    new = prototxt("x", text, kind).with_paths(Rules(FOLDERS))
    assert new == text.replace("/old/place", FOLDERS[role])


def test_the_ways_reach_every_path() -> None:
    """Nothing but a solver's state has a path that no prototxt reaches."""
    reached = {f"{way[-1].containing_type.name}.{way[-1].name}" for _, way in WAYS}
    assert set(PATHS) - reached == {"SolverState.learned_net"}


def test_strings_that_are_no_paths_stay() -> None:
    """A layer's name may look like a path; it is none."""
    text = 'layer { name: "/a/b" type: "x/y" bottom: "/c/d" top: "e/f" python_param '
    text += '{ module: "/m/n" layer: "/o/p" param_str: "/q/r" } include { stage: "/s/t" } }'
    assert prototxt("x", text, NET).with_paths(Rules(FOLDERS)) == text
