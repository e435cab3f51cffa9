"""Arrays on the memory that a net really uses, at one place as long as somebody holds them.

Layers replace their blobs' tensors in each pass, may keep channels last, and hand tensors on.
User code holds arrays across passes and writes into them. So while an array of a blob is held,
what a layer puts in its place is copied into it and the blob goes on with the array's memory
(`settle`, after each layer). On a GPU arrays are copies on the host: written to the device
before a layer runs (`commit`), read from it afterwards (`settle`). Blobs whose arrays nobody
holds cost nothing.

As in Caffe, the tops of Split, Flatten and Reshape, and of Parameter, lie in the memory of
their source: writing one writes the other.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from torch import Tensor

from caffe_mnist.engine.blob import Blob, Parameter

Floats = npt.NDArray[np.float32]
NAMES = ("data", "diff")


@dataclass
class Held:
    """An array, and the tensor on the same memory.

    Handed out are views of the array: it lives as long as one of them does.
    """

    array: weakref.ref[Floats]
    tensor: Tensor


@dataclass
class Record:
    """What is handed out of one blob, where its data comes from and whom it goes to."""

    held: dict[str, Held] = field(default_factory=dict)
    source: Blob | None = None
    sharers: list[weakref.ref[Blob]] = field(default_factory=list)


_records: weakref.WeakKeyDictionary[Blob, Record] = weakref.WeakKeyDictionary()


def array(blob: Blob, name: str) -> Floats:
    """`data` or `diff` of a blob, writable; on the same memory while one is held."""
    if isinstance(blob, Parameter) and blob.owner is not None:
        return array(blob.owner, name).reshape(blob.shape)
    record = _record(blob)
    source = record.source
    if name == "data" and source is not None and _same_memory(blob.data, source.data):
        return array(source, "data").reshape(blob.shape)
    if blob.device.type == "cpu":
        settle([blob])
    held = record.held.get(name)
    known = held.array() if held is not None else None
    if held is not None and tuple(held.tensor.shape) == blob.shape:
        if known is not None:
            return known.view()
        if blob.device.type != "cpu":  # written since the last pass, and not on the device yet
            return _hand_out(record, name, held.tensor)
    values: Tensor = getattr(blob, name).detach()
    if blob.device.type != "cpu":
        return _hand_out(record, name, values.cpu().contiguous())
    if not values.is_contiguous() and not (isinstance(blob, Parameter) and name == "data"):
        values = values.contiguous()
        _put(blob, name, values)
    return _hand_out(record, name, values)


def share(source: Blob, top: Blob) -> None:
    """Say that a layer puts `source` itself into `top`."""
    _record(top).source = source
    _record(source).sharers.append(weakref.ref(top))


def settle(blobs: Iterable[Blob]) -> None:
    """After a layer: arrays of its blobs that are held get the new values, and stay in use."""
    for blob in blobs:
        record = _records.get(blob)
        if record is not None:
            for name in NAMES:
                if name in record.held:
                    _settle(blob, name, record)


def straighten(blob: Blob) -> None:
    """Before a layer that hands `blob` on in another shape: let it lie in Caffe's order.

    Otherwise what the layer hands on would be a copy.
    """
    if blob.data.is_contiguous():
        return
    source = _record(blob).source
    while source is not None and _same_memory(source.data, blob.data):
        blob, source = source, _record(source).source
    _put(blob, "data", blob.data.contiguous())


def lend(blobs: Iterable[Blob]) -> None:
    """Before a layer works in place: give it a copy, since it may remember what it was given."""
    for blob in blobs:
        record = _records.get(blob)
        held = record.held.get("data") if record is not None else None
        if held is not None and held.array() is not None and blob.device.type == "cpu":
            blob.data = held.tensor.clone()


def commit(blobs: Iterable[Blob]) -> None:
    """Before a layer: write what was handed out to the device (on the CPU it lies there)."""
    for blob in blobs:
        record = _records.get(blob)
        if record is None or blob.device.type == "cpu":
            continue
        if record.source is not None and _same_memory(blob.data, record.source.data):
            commit([record.source])
        for name, held in list(record.held.items()):
            if tuple(held.tensor.shape) == blob.shape:
                _put(blob, name, held.tensor.to(blob.device))
            if held.array() is None:
                del record.held[name]


def forget(blobs: Iterable[Blob]) -> None:
    """Before blobs move to another device: arrays handed out so far are theirs no longer."""
    for blob in blobs:
        record = _records.get(blob)
        if record is not None:
            record.held.clear()


def _record(blob: Blob) -> Record:
    record = _records.get(blob)
    if record is None:
        record = _records[blob] = Record()
    return record


def _hand_out(record: Record, name: str, values: Tensor) -> Floats:
    handed: Floats = values.numpy()
    record.held[name] = Held(weakref.ref(handed), values)
    return handed.view()


def _settle(blob: Blob, name: str, record: Record) -> None:
    held = record.held[name]
    values: Tensor = getattr(blob, name).detach()
    on_cpu = values.device.type == "cpu"
    if held.array() is None or values.shape != held.tensor.shape:
        if on_cpu or values.shape != held.tensor.shape:
            del record.held[name]
        return
    if on_cpu and values.data_ptr() == held.tensor.data_ptr():
        return
    moved = isinstance(blob, Parameter) and name == "data" and on_cpu
    source = record.source if name == "data" else None
    if moved or (source is not None and _same_memory(values, source.data)):
        del record.held[name]  # the array's memory is no longer the blob's, in Caffe neither
        return
    np.copyto(held.tensor.numpy(), values.cpu().numpy())
    if on_cpu:
        _put(blob, name, held.tensor)


def _put(blob: Blob, name: str, values: Tensor) -> None:
    """Let `blob`, and those that share its data, use this tensor."""
    if name == "data":
        before = blob.data
        for reference in _record(blob).sharers:
            sharer = reference()
            if sharer is not None and _same_memory(sharer.data, before):
                _put(sharer, name, values.reshape(sharer.shape))
    setattr(blob, name, values)


def _same_memory(one: Tensor, other: Tensor) -> bool:
    return one.data_ptr() == other.data_ptr() and one.numel() == other.numel() > 0
