"""Refresh caffe_pb2.binpb and caffe_pb2.pyi from caffe.proto (needs the dev extra).

Beside them forks.binpb, from the files in fork_fields/.
"""

from __future__ import annotations

import sys
from pathlib import Path

from grpc_tools import protoc

SCHEMA = Path(__file__).resolve().parent.parent / "caffe_mnist" / "schema"
# What caffe_pb2.py has beside the messages.
OWN = """
from collections.abc import Callable as _Callable
from typing import Any as _Any

def load(change: _Optional[_Callable[[_Any], None]] = ...) -> dict[str, _Any]: ...
"""


def compile_schema(target: Path) -> int:
    """Write `caffe_pb2.binpb`, its stub and `forks.binpb` into `target`; protoc's exit status."""
    status: int = protoc.main(
        [
            "protoc",
            f"-I{SCHEMA}",
            f"--descriptor_set_out={target / 'caffe_pb2.binpb'}",
            f"--pyi_out={target}",
            "caffe.proto",
        ]
    )
    forks = sorted(path.name for path in (SCHEMA / "fork_fields").glob("*.proto"))
    paths = [f"-I{SCHEMA}", f"-I{SCHEMA / 'fork_fields'}"]
    written = f"--descriptor_set_out={target / 'forks.binpb'}"
    status = status or protoc.main(["protoc", *paths, written, *forks])
    stub = target / "caffe_pb2.pyi"
    stub.write_text(stub.read_text() + OWN)
    return status


if __name__ == "__main__":
    sys.exit(compile_schema(SCHEMA))
