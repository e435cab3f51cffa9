"""A graph as PyTorch's exported program (.pt2), which runs without this package."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from caffe_mnist.exchange.graph import Graph
from caffe_mnist.exchange.module import GraphModule

METADATA = "metadata.json"


def write_program(graph: Graph, path: Path, metadata: Mapping[str, str]) -> str:
    """Write the program; metadata goes into its extra file `metadata.json`.

    Sizes with names stay open. Where PyTorch finds that it cannot keep one open, the program is
    made for the net's own sizes, and the answer is why.
    """
    module = GraphModule(graph).eval()
    reason = ""
    with warnings.catch_warnings(), _quiet(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            program = torch.export.export(module, _example(graph, 2), dynamic_shapes=_open(graph))
        except Exception as error:  # of many kinds, from deep inside
            if _open(graph) is None:
                raise
            reason = str(error).strip().splitlines()[0]
            program = torch.export.export(module, _example(graph, 1))
        content = io.BytesIO()
        torch.export.save(program, content, extra_files={METADATA: json.dumps(dict(metadata))})
    path.write_bytes(content.getvalue())
    return reason


def _example(graph: Graph, at_least: int) -> tuple[torch.Tensor, ...]:
    kinds = {"float32": torch.float32, "uint8": torch.uint8}
    return tuple(
        torch.zeros(
            [
                max(size, at_least) if isinstance(name, str) else size
                for name, size in zip(port.sizes, port.shape)
            ],
            dtype=kinds[port.kind],
        )
        for port in graph.inputs
    )


def _open(graph: Graph) -> Any:
    """Which axes may have any size, as PyTorch's export takes it."""
    every = tuple(
        {
            axis: torch.export.Dim.DYNAMIC
            for axis, size in enumerate(port.sizes)
            if isinstance(size, str)
        }
        for port in graph.inputs
    )
    return (every,) if any(every) else None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """PyTorch logs what it tries."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
