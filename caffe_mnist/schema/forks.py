"""Fields that forks of Caffe added to its messages, beside the schema, which stays Caffe's own.

`fork_fields/` has a file a fork, in a package of its own (`caffe.ssd`); there `LayerParameter`
holds only what the fork added to Caffe's message of that name. In a message of ours such fields
are unknown ones, under the fork's numbers: so they are kept when it is copied or written, binary
files of forks bring them along, and numbers that two forks use for different things disturb
nobody. Where Caffe 1.0 itself uses a fork's number, ours is another one, and the fork's is looked
at in layers of the fork's types. Whoever knows what a type means asks for its settings.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

FOLDER = Path(__file__).parent
# Where a fork's fields in a LayerParameter are to be read as such, by the layer's type.
TYPES = {
    "BN": ("segnet", "pspnet"),
    "DetectionOutput": ("ssd",),
    "Interp": ("pspnet",),
    "MultiBoxLoss": ("ssd",),
    "Normalize": ("ssd",),
    "Permute": ("ssd",),
    "PriorBox": ("ssd",),
    "ROIPooling": ("rcnn",),
    "ReLU6": ("mobile",),
    "ShuffleChannel": ("mobile",),
    "SmoothL1Loss": ("rcnn",),
    "Upsample": ("segnet",),
}
# In files of forks and of other builds of them, a layer's settings have these numbers.
OTHER_NUMBERS = {
    ("pspnet", "bn_param"): (137,),
    ("pspnet", "interp_param"): (143,),
    ("rcnn", "roi_pooling_param"): (147, 150, 154),
    ("mobile", "shuffle_channel_param"): (159,),
    ("segnet", "upsample_param"): (137, 149, 150),
}


def settings(message: Message, fork: str) -> Any:
    """What `message` (of any pool) holds of a fork's fields, as the fork's message."""
    content = message.SerializePartialToString()
    found: Any = _messages()[fork][message.DESCRIPTOR.name].FromString(content)
    if fork in _forks_of(message) and not found.ListFields():
        _read_other_numbers(found, fork, content)
    return found


def merge(message: Message, added: Message) -> None:
    """Put a fork's fields into a message of ours."""
    message.MergeFromString(added.SerializePartialToString())


def candidates(kind: Any, name: str) -> list[Any]:
    """The fields of that name that forks added to Caffe's message `kind`, as descriptors."""
    if kind.file.package != "caffe":
        return []
    found = []
    for fork in _messages().values():
        message = fork.get(kind.name)
        if message is not None and name in message.DESCRIPTOR.fields_by_name:
            found.append(message.DESCRIPTOR.fields_by_name[name])
    return found


def is_added(declared: Any) -> bool:
    """Whether a field is one that a fork added to a message of Caffe's."""
    kind = declared.containing_type
    return bool(kind.file.package != "caffe" and kind.name in _names())


def message_of(declared: Any) -> type[Message]:
    """The class that an added field belongs to."""
    kind = declared.containing_type
    return _messages()[kind.file.package.partition(".")[2]][kind.name]


def added_to(message: Message) -> list[Message]:
    """What forks added to `message`, for a layer those that its type belongs to."""
    name = message.DESCRIPTOR.name
    forks = [fork for fork, kinds in _messages().items() if name in kinds]
    if name == "LayerParameter":
        forks = [fork for fork in forks if fork in _forks_of(message)]
    return [found for found in (settings(message, fork) for fork in forks) if found.ListFields()]


def _read_other_numbers(found: Any, fork: str, content: bytes) -> None:
    for (owner, name), numbers in OTHER_NUMBERS.items():
        for number in numbers if owner == fork else ():
            for payload in _payloads(content, number):
                getattr(found, name).MergeFromString(payload)


def _payloads(content: bytes, wanted: int) -> Iterator[bytes]:
    """What stands behind the field of that number in a serialised message."""
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        kind, size = tag & 7, 0
        if kind == 2:
            size, at = _varint(content, at)
        elif kind == 0:
            _, at = _varint(content, at)
        else:
            size = {1: 8, 5: 4}.get(kind, len(content))
        if kind == 2 and tag >> 3 == wanted:
            yield content[at : at + size]
        at += size


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number of 7 bits a byte, and where it ends."""
    number = shift = 0
    while True:
        number |= (content[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if content[at - 1] < 128:
            return number, at


def numbers_of(message: Message) -> set[int]:
    """The fields' numbers that mean a fork's setting in a layer of this type."""
    known = _forks_of(message)
    return {
        number
        for (fork, _), numbers in OTHER_NUMBERS.items()
        for number in numbers
        if fork in known
    }


def _forks_of(message: Any) -> tuple[str, ...]:
    """The forks that a layer's type belongs to; none for other messages."""
    return TYPES.get(message.type, ()) if message.DESCRIPTOR.name == "LayerParameter" else ()


@functools.cache
def _names() -> frozenset[str]:
    """The messages of Caffe's that forks add to."""
    content = (FOLDER / "caffe_pb2.binpb").read_bytes()
    caffe = descriptor_pb2.FileDescriptorSet.FromString(content).file[0]
    return frozenset(kind.name for kind in caffe.message_type)


@functools.cache
def _messages() -> dict[str, dict[str, type[Message]]]:
    """Message classes by fork and name, from a pool of their own."""
    pool = descriptor_pool.DescriptorPool()
    own = set()
    for name in ("caffe_pb2.binpb", "forks.binpb"):
        files = descriptor_pb2.FileDescriptorSet.FromString((FOLDER / name).read_bytes()).file
        for file in files:
            pool.Add(file)
            if file.package != "caffe":
                own.add(file.name)
    if hasattr(message_factory, "GetMessageClass"):
        make = message_factory.GetMessageClass
    else:  # protobuf < 4.22
        make = message_factory.MessageFactory(pool).GetPrototype  # type: ignore[attr-defined]
    found = {}
    for name in sorted(own):
        described = pool.FindFileByName(name)
        found[described.package.partition(".")[2]] = {
            kind: make(descriptor) for kind, descriptor in described.message_types_by_name.items()
        }
    return found
