"""Refresh caffe_pb2.binpb and caffe_pb2.pyi from caffe.proto (needs the dev extra)."""

from __future__ import annotations

import sys
from pathlib import Path

from grpc_tools import protoc

SCHEMA = Path(__file__).resolve().parent.parent / "caffe_mnist" / "schema"


def compile_schema(target: Path) -> int:
    """Write `caffe_pb2.binpb` and `caffe_pb2.pyi` into `target`; returns protoc's exit status."""
    status: int = protoc.main(
        [
            "protoc",
            f"-I{SCHEMA}",
            f"--descriptor_set_out={target / 'caffe_pb2.binpb'}",
            f"--pyi_out={target}",
            "caffe.proto",
        ]
    )
    return status


if __name__ == "__main__":
    sys.exit(compile_schema(SCHEMA))
