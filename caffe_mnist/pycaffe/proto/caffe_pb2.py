"""Caffe's messages and enumerations, as protobuf's compiler would have made the module."""

from __future__ import annotations

from typing import Any

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from caffe_mnist.schema import caffe_pb2 as schema

DESCRIPTOR: Any = schema.NetParameter.DESCRIPTOR.file


def _names() -> dict[str, Any]:
    """Messages, enumerations and their values, and descriptors under their private names."""
    names: dict[str, Any] = {}
    for name, message in DESCRIPTOR.message_types_by_name.items():
        names[name] = getattr(schema, name)
        names[f"_{name.upper()}"] = message
    for name, kind in DESCRIPTOR.enum_types_by_name.items():
        names[name] = EnumTypeWrapper(kind)
        names[f"_{name.upper()}"] = kind
        names.update((value.name, value.number) for value in kind.values)
    return names


globals().update(_names())


def __getattr__(name: str) -> Any:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
