"""Nets written as Python: `n.conv = L.Convolution(n.data, num_output=20)`, then `n.to_proto()`.

A call of `layers` makes a Function, whose outputs are Tops; a Top that is assigned to a NetSpec
gets that name, others are numbered by their type (ReLU1, ReLU2, …). Keyword arguments become
fields of the type's own parameters (Convolution: convolution_param), or of the layer where the
type has none of that name; those that end in `param` are always the layer's. `ntop` says how
many tops there are (1), `in_place` that the tops are the bottoms.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np

from caffe_mnist.schema import caffe_pb2

SUFFIX = "Parameter"


def param_name_dict() -> dict[str, str]:
    """For each message of layer parameters the field that holds it: Pooling → pooling."""
    fields = caffe_pb2.LayerParameter.DESCRIPTOR.fields
    return {
        field.message_type.name[: -len(SUFFIX)]: field.name[: -len("_param")]
        for field in fields
        if field.name.endswith("_param")
        and field.message_type is not None
        and field.message_type.name.endswith(SUFFIX)
    }


def assign_proto(proto: Any, name: str, value: Any) -> None:
    """Set field `name` of a message: from numbers and strings, lists, and dicts for messages.

    A field that repeats takes one value as well as a list. Raises AttributeError where the
    message has no such field.
    """
    field = getattr(proto, name)
    if hasattr(field, "extend"):
        values = value if isinstance(value, (list, tuple, np.ndarray)) else [value]
        if len(values) and isinstance(values[0], Mapping):
            for one in values:
                _fill(field.add(), one)
        else:
            field.extend(value.tolist() if isinstance(value, np.ndarray) else values)
    elif isinstance(value, Mapping):
        field.SetInParent()
        _fill(field, value)
    else:
        setattr(proto, name, value)


class Top:
    """One output of a Function: number `n` of `fn`."""

    def __init__(self, fn: Function, n: int) -> None:
        self.fn, self.n = fn, n

    def to_proto(self) -> caffe_pb2.NetParameter:
        """A net with all the layers that this one needs, their names numbered."""
        return to_proto(self)


class Function:
    """A layer that is yet to get its names: type, bottoms, settings and tops."""

    def __init__(self, type_name: str, inputs: Sequence[Any], params: Mapping[str, Any]) -> None:
        """Raises TypeError unless all `inputs` are Tops."""
        for index, one in enumerate(inputs):
            if not isinstance(one, Top):
                raise TypeError(f"{type_name} input {index} is not a Top (type is {type(one)})")
        self.type_name = type_name
        self.inputs: tuple[Top, ...] = tuple(inputs)
        self.params = dict(params)
        self.ntop = self.params.pop("ntop", 1)
        self.in_place = self.params.pop("in_place", False)
        self.tops = tuple(Top(self, n) for n in range(self.ntop))


Named = Union[Top, Function]


class _Net:
    """A net being written: which names are given, which layers are there."""

    def __init__(self, names: dict[Named, str]) -> None:
        self._names = dict(names)
        self._numbers: Counter[str] = Counter()
        self._layers: OrderedDict[Function, caffe_pb2.LayerParameter] = OrderedDict()

    def add(self, fn: Function) -> None:
        """Append the layer of `fn` and, before it, those that it reads; each once."""
        waiting = [fn]
        while waiting:
            last = waiting[-1]
            missing = [top.fn for top in last.inputs if top.fn not in self._layers]
            if last in self._layers:
                waiting.pop()
            elif missing:
                waiting.append(missing[0])
            else:
                self._layers[last] = self._layer(last)
                waiting.pop()

    def message(self) -> caffe_pb2.NetParameter:
        """The net so far."""
        return caffe_pb2.NetParameter(layer=self._layers.values())

    def _layer(self, fn: Function) -> caffe_pb2.LayerParameter:
        layer = caffe_pb2.LayerParameter(type=fn.type_name)
        layer.bottom.extend(self._layers[top.fn].top[top.n] for top in fn.inputs)
        if fn.in_place:
            layer.top.extend(layer.bottom)
        else:
            layer.top.extend([self._name(top, fn.type_name) for top in fn.tops])
        layer.name = self._name(fn.tops[0] if fn.tops else fn, fn.type_name)
        own = param_name_dict().get(fn.type_name)
        for name, value in fn.params.items():
            parameters = None if own is None else getattr(layer, own + "_param")
            if not name.endswith("param") and hasattr(parameters, name):
                assign_proto(parameters, name, value)
            else:
                assign_proto(layer, name, value)
        return layer

    def _name(self, thing: Named, type_name: str) -> str:
        if thing not in self._names:
            self._numbers[type_name] += 1
            self._names[thing] = f"{type_name}{self._numbers[type_name]}"
        return self._names[thing]


class MissingTopError(AttributeError, KeyError):
    """A name that a NetSpec does not have (pycaffe's is a KeyError)."""


class NetSpec:
    """Tops by name: attributes and items are the same; `to_proto` writes the net."""

    _tops: OrderedDict[str, Named]

    def __init__(self) -> None:
        super().__setattr__("_tops", OrderedDict())

    def __setattr__(self, name: str, value: Named) -> None:
        self._tops[name] = value

    def __getattr__(self, name: str) -> Any:
        try:
            return self._tops[name]
        except KeyError:
            raise MissingTopError(name) from None

    def __delattr__(self, name: str) -> None:
        if name not in self._tops:
            raise MissingTopError(name)
        del self._tops[name]

    def __setitem__(self, name: str, value: Named) -> None:
        self._tops[name] = value

    def __getitem__(self, name: str) -> Any:
        return self._tops[name]

    def __delitem__(self, name: str) -> None:
        del self._tops[name]

    def __contains__(self, name: object) -> bool:
        return name in self._tops

    def to_proto(self) -> caffe_pb2.NetParameter:
        """A net of all the layers that the named Tops need, in the order of the names."""
        net = _Net({top: name for name, top in self._tops.items()})
        for thing in self._tops.values():
            net.add(thing.fn if isinstance(thing, Top) else thing)
        return net.message()


class Layers:
    """`layers.Convolution(bottom, …)`: Functions by type; one Top, a tuple of them, or none."""

    def __getattr__(self, name: str) -> Any:
        def make(*args: Any, **kwargs: Any) -> Any:
            fn = Function(name, args, kwargs)
            if fn.ntop == 0:
                return fn
            return fn.tops[0] if fn.ntop == 1 else fn.tops

        return make


class Parameters:
    """`params.Pooling.MAX`: the enumerations of layers' parameters."""

    def __getattr__(self, name: str) -> Any:
        return getattr(caffe_pb2, name + SUFFIX)


layers = Layers()
params = Parameters()


def to_proto(*tops: Top) -> caffe_pb2.NetParameter:
    """A net of all the layers that `tops` need, with numbered names."""
    net = _Net({})
    for top in tops:
        net.add(top.fn)
    return net.message()


def _fill(message: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        assign_proto(message, name, value)
