"""PyTorch's exported program (.pt2) as a Source, without running anything that is in it.

`torch.export.load` unpickles parts of the file and evaluates its expressions of sizes, so a file
from elsewhere could run programs. Here the archive is read as what it is: a zip file of JSON (the
graph) and of raw numbers. Tensors that it holds as pickles go through torch.load(weights_only).

Two layouts: since PyTorch 2.8 `models/NAME.json` with `data/weights/`, before that
`serialized_exported_program.json` with `serialized_state_dict.pt`.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.exchange.arriving.program_weights import read_tensors
from caffe_mnist.exchange.arriving.source import Node, Port, Ref, Source

# More JSON than any graph of layers has.
LARGEST_GRAPH = 2**28


def read_program(path: Path) -> Source:
    """Read the file; raises CaffeMnistError for anything that is no exported program."""
    try:
        with zipfile.ZipFile(path) as archive:
            content = _graph(archive, path)
            tensors = read_tensors(archive, path)
        return _source(content, tensors, path)
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise CaffeMnistError(f"is no exported program: {error}", where=path) from None
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, RecursionError) as error:
        raise CaffeMnistError(
            f"is no exported program that is known here: {type(error).__name__} {error}",
            where=path, hint="torch.export.save wrote it?",
        ) from None  # fmt: skip


def _graph(archive: zipfile.ZipFile, path: Path) -> Any:
    names = [
        name
        for name in archive.namelist()
        if name == "serialized_exported_program.json"
        or (name.endswith(".json") and "/models/" in f"/{name}")
    ]
    if len(names) != 1:
        raise CaffeMnistError(
            f"holds {len(names)} programs, expected one", where=path, hint="torch.export.save"
        )
    if archive.getinfo(names[0]).file_size > LARGEST_GRAPH:
        raise CaffeMnistError("has a graph too large to be one of layers", where=path)
    return json.loads(archive.read(names[0]))


def _source(content: Any, tensors: dict[str, Any], path: Path) -> Source:
    graph = content["graph_module"]["graph"]
    signature = content["graph_module"]["signature"]
    constants, known_as, inputs = {}, {}, []
    for spec in signature["input_specs"]:
        ((kind, given),) = spec.items()
        if kind == "user_input":
            name = given["arg"].get("as_tensor", {}).get("name")
            if name is None:
                raise CaffeMnistError("takes an input that is no tensor", where=path)
            inputs.append(Port(name, _sizes(graph["tensor_values"][name])))
            continue
        name = given.get("arg", {}).get("name")
        title = next(
            (v for k, v in given.items() if k.endswith("_name") and isinstance(v, str)), None
        )
        if name is None or title is None:
            continue
        if title not in tensors:
            raise CaffeMnistError(f"has no numbers of {title!r}", where=path)
        constants[name], known_as[name] = tensors[title], title
    nodes, moved = [], {}  # type: ignore[var-annotated]
    for number, one in enumerate(graph["nodes"]):
        node = _node(one, number, moved)
        nodes.append(node)
        if node.kind.endswith("_") and not node.kind.endswith("__") and node.outputs:
            changed = next(iter(node.settings.values()))
            node.kind = node.kind[:-1]
            if isinstance(changed, Ref):  # who reads it from now on reads what it became
                moved[changed.name] = node.outputs[0]
    outputs = []
    for spec in signature["output_specs"]:
        ((kind, given),) = spec.items()
        if kind == "user_output" and "as_tensor" in given["arg"]:
            outputs.append(_now(given["arg"]["as_tensor"]["name"], moved))
    return Source(
        path=path, name=path.stem, language="aten", opset=0, nodes=nodes, constants=constants,
        inputs=inputs, outputs=outputs, known_as=known_as,
    )  # fmt: skip


def _sizes(meta: Any) -> tuple[int | None, ...]:
    return tuple(one.get("as_int") for one in meta["sizes"])


def _node(one: Any, number: int, moved: dict[str, str]) -> Node:
    target = one["target"]
    kind = target.split(".")[-2] if target.startswith("torch.ops.") else target.split(".")[-1]
    settings = {}
    for place, given in enumerate(one["inputs"]):
        name = given.get("name") or str(place)
        settings[name if name not in settings else f"{name}{place}"] = _argument(
            given["arg"], moved
        )
    outputs = [name for given in one["outputs"] for name in _outputs(given)]
    return Node(
        kind=kind,
        name=one.get("name") or (outputs[0] if outputs else f"{kind}_{number}"),
        arguments=[],
        outputs=outputs,
        settings=settings,
        scope=_scope(one.get("metadata", {}).get("nn_module_stack", ""), kind),
        origin=target,
    )


def _argument(given: Any, moved: dict[str, str]) -> Any:
    ((kind, value),) = given.items()
    if kind == "as_none":
        return None
    if kind in ("as_tensor", "as_optional_tensor", "as_sym_int", "as_sym_float", "as_sym_bool"):
        return _single(value, moved)
    if kind in ("as_tensors", "as_sym_ints", "as_sym_floats", "as_optional_tensors"):
        return [_single(one, moved) for one in value]
    if kind == "as_float":  # what JSON has no number for stands there as a word
        return float(value)
    return value


def _single(value: Any, moved: dict[str, str]) -> Any:
    if isinstance(value, dict):
        for key in ("as_tensor", "as_name", "name"):
            if key in value:
                inner = value[key]
                name = inner["name"] if isinstance(inner, dict) else inner
                return Ref(_now(name, moved))
        if "as_none" in value:
            return None
        return next(iter(value.values()))  # as_int, as_float, as_bool
    return value


def _now(name: str, moved: dict[str, str]) -> str:
    while name in moved:
        name = moved[name]
    return name


def _outputs(given: Any) -> Sequence[str]:
    ((kind, value),) = given.items()
    if kind in ("as_tensor", "as_optional_tensor"):
        return [value["name"] if "name" in value else next(iter(value.values()))["name"]]
    if kind == "as_tensors":
        return [one["name"] for one in value]
    if kind.startswith("as_sym_"):
        return [value["as_name"]]
    return []


def _scope(stack: str, kind: str) -> str:
    """The module of "L__self__,,M;L__self___conv,conv,torch.nn.modules.conv.Conv2d"."""
    last = stack.split(";")[-1].split(",") if stack else []
    if len(last) < 3:
        return ""
    module = last[1]
    if last[2].startswith("torch.nn.modules."):
        return module
    return f"{module}.{kind.rstrip('_')}" if module else ""
