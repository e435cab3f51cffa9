"""Names of layers that a person recognises."""

from __future__ import annotations

import re
from collections import Counter

from caffe_mnist.exchange.arriving.source import Node, Source

# Where neither node nor parameter has a name of its own.
_WORDS = {
    "Conv": "conv", "ConvTranspose": "deconv", "Gemm": "fc", "MatMul": "fc", "Relu": "relu",
    "MaxPool": "pool", "AveragePool": "pool", "GlobalAveragePool": "pool", "Concat": "concat",
    "BatchNormalization": "bn", "Softmax": "prob", "Add": "add", "Mul": "mul",
}  # fmt: skip
_OPERATOR = re.compile(r"^[A-Z][A-Za-z0-9]*(_\d+)?$")
_OF_PARAMETER = re.compile(r"[./](weight|kernel|W)$")


class Names:
    """A name for each node: its module, its parameter's module, or its kind and a number."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._counts: Counter[str] = Counter()

    def of(self, node: Node) -> str:
        """For "/layer1/layer1.0/conv1/Conv" with the parameter layer1.0.conv1.weight: the latter.

        Where the parameter has lost its name: layer1.0.conv1; for "/layer1/layer1.0/Add":
        layer1.0.add; for nodes without a name conv1, conv2, …
        """
        for read in node.reads():
            known = self._source.known_as.get(read, read)
            if read in self._source.constants and _OF_PARAMETER.search(known):
                return _clean(_OF_PARAMETER.sub("", known))
        if node.scope:
            return _clean(node.scope)
        if "/" in node.name:
            return _clean(_joined(node.name.strip("/").split("/"), node.kind))
        if node.name and not re.fullmatch(r"(node_)?[A-Za-z]*_?\d*", node.name):
            return _clean(re.sub("^node_", "", node.name))
        if self._source.language == "aten":
            return _clean(node.name)
        word = _WORDS.get(node.kind, node.kind.lower())
        self._counts[word] += 1
        return f"{word}{self._counts[word]}"


def _joined(parts: list[str], kind: str) -> str:
    """Modules from the outside in: each one's own name holds those around it, or does not."""
    *modules, last = parts
    chain: list[str] = []
    for module in modules:
        if chain and module.startswith(chain[-1] + "."):
            chain[-1] = module
        else:
            chain.append(module)
    path = ".".join(chain)
    number = re.sub(r"^.*?(_\d+)?$", lambda found: found.group(1) or "", last)
    if not _OPERATOR.match(last):
        return f"{path}.{last}" if path else last
    tail = f"{kind.lower()}{number}"
    ends = path.rsplit(".", 1)[-1].rstrip("0123456789_").lower()
    numbered = not ends and kind in _WEIGHTED  # one of a Sequential
    whole = numbered or kind.lower() in ends or ends in _SAME.get(kind, ())
    return f"{path}{number}" if path and whole else f"{path}.{tail}" if path else tail


_WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "BatchNormalization", "PRelu"}
_SAME = {
    "Conv": ("conv", "downsample"), "Gemm": ("fc", "classifier", "linear", "head"),
    "BatchNormalization": ("bn", "norm"), "Clip": ("relu", "act"), "Relu": ("act", "relu"),
    "MaxPool": ("pool", "maxpool"), "GlobalAveragePool": ("avgpool", "pool"),
    "AveragePool": ("avgpool", "pool"),
}  # fmt: skip


def _clean(name: str) -> str:
    """Without what prototxts and tools stumble over."""
    return re.sub(r"[^\w./-]+", "_", name).strip("_./") or "layer"
