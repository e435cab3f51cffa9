"""The drawn layers as people write them: neurons in place, outputs under their own names."""

from __future__ import annotations

from collections import Counter

from caffe_mnist.exchange.arriving.convert import Arrived
from caffe_mnist.exchange.arriving.draft import Draft
from caffe_mnist.exchange.arriving.value import Value

# Work in place, forward and backward, where what made the blob does not need it any more.
_IN_PLACE = {"ReLU", "PReLU", "ELU", "Sigmoid", "TanH", "BatchNorm", "Scale", "ReLU6"}
_MAKERS = {
    "Convolution", "Deconvolution", "InnerProduct", "BatchNorm", "Scale", "Eltwise", "Concat",
    "Power", "Bias", "Pooling",
}  # fmt: skip


def tidy(arrived: Arrived) -> None:
    """Change the draft's layers; the keys of `outputs` are then the names of their blobs."""
    _silence_unread(arrived)
    _share_blobs(arrived)
    _name_outputs(arrived)


def _readers(draft: Draft) -> Counter[str]:
    return Counter(blob for one in draft.layers for blob in one.param.bottom)


def _silence_unread(arrived: Arrived) -> None:
    """What nobody reads and is no output would become one."""
    draft = arrived.draft
    outputs = {value.blob for value in arrived.outputs.values()}
    while True:
        readers = _readers(draft)
        useless = [
            one
            for one in draft.layers
            if one.param.top
            and not any(readers[top] or top in outputs for top in one.param.top)
            and one.param.type != "Input"
        ]
        if not useless:
            break
        draft.layers = [one for one in draft.layers if not any(one is other for other in useless)]
    for one in list(draft.layers):
        for top in one.param.top:
            if not readers[top] and top not in outputs and one.param.type != "Input":
                draft.hint = top
                draft.several("Silence", [Value(top, (), ())], [], role="silence")


def _share_blobs(arrived: Arrived) -> None:
    draft = arrived.draft
    readers = _readers(draft)
    kept = {value.blob for value in arrived.outputs.values()}
    makers: dict[str, str] = {}
    renamed: dict[str, str] = {}
    for one in draft.layers:
        param = one.param
        bottoms = [renamed.get(blob, blob) for blob in param.bottom]
        alone = len(bottoms) == len(param.top) == 1 and readers[param.bottom[0]] == 1
        if alone and param.type in _IN_PLACE and param.bottom[0] not in kept:
            maker = makers.get(bottoms[0], "")
            scale = param.type == "Scale" and maker == "Eltwise"
            if maker in _MAKERS and not scale:
                renamed[param.top[0]] = bottoms[0]
        tops = [renamed.get(blob, blob) for blob in param.top]
        for top in tops:
            product = param.type == "Eltwise" and param.eltwise_param.operation == 0
            makers[top] = "Product" if product else param.type
        del param.bottom[:], param.top[:]
        param.bottom.extend(bottoms)
        param.top.extend(tops)
    arrived.outputs = {
        name: Value(renamed.get(value.blob, value.blob), value.held, value.shape)
        for name, value in arrived.outputs.items()
    }


def _name_outputs(arrived: Arrived) -> None:
    """A blob that is an output, an input or read elsewhere, too, gets a copy of its own name."""
    draft, taken = arrived.draft, set(arrived.inputs)
    named: dict[str, Value] = {}
    for name, value in arrived.outputs.items():
        readers = Counter(
            blob for one in draft.layers for blob in one.param.bottom if blob not in one.param.top
        )
        if value.blob in taken or readers[value.blob]:
            draft.hint = name
            made = draft.layer("Power", [value], value.shape, role="copy")
            _rename(draft, made.blob, name)
        elif value.blob != name:
            if any(name in one.param.top for one in draft.layers):
                _rename(draft, name, draft.fresh(f"{name}_inside"))
            _rename(draft, value.blob, name)
        taken.add(name)
        named[name] = Value(name, value.held, value.shape)
    arrived.outputs = named


def _rename(draft: Draft, old: str, new: str) -> None:
    for one in draft.layers:
        for blobs in (one.param.bottom, one.param.top):
            for place, blob in enumerate(blobs):
                if blob == old:
                    blobs[place] = new
