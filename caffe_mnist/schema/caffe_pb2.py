"""Caffe's messages in a descriptor pool of their own.

Real pycaffe registers the same message names in protobuf's default pool; a private pool lets
both live in one process, in either order. The types are in `caffe_pb2.pyi`; the descriptors in
`caffe_pb2.binpb` (a serialised FileDescriptorSet, made from `caffe.proto` by
`scripts/compile_schema.py`). Works with every protobuf release from 3.16 on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def load(change: Callable[[Any], None] | None = None) -> dict[str, Any]:
    """Message classes and enum values by name, from a pool of their own.

    `change` may alter the file's descriptor before the classes are made.
    """
    content = (Path(__file__).parent / "caffe_pb2.binpb").read_bytes()
    file = descriptor_pb2.FileDescriptorSet.FromString(content).file[0]
    if change is not None:
        change(file)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindFileByName(file.name)
    names: dict[str, Any] = {}
    if hasattr(message_factory, "GetMessageClass"):
        make = message_factory.GetMessageClass
    else:  # protobuf < 4.22
        make = message_factory.MessageFactory(pool).GetPrototype
    for name, descriptor in found.message_types_by_name.items():
        names[name] = make(descriptor)
    for descriptor in found.enum_types_by_name.values():
        names.update((value.name, value.number) for value in descriptor.values)
    return names


globals().update(load())
