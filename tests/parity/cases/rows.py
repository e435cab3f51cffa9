"""BatchReindex, Filter and Embed in many settings."""

from __future__ import annotations

from tests.parity.cases.case import FILL, Case

Bottoms = tuple[tuple[int, ...] | str, ...]


def _chosen(name: str, type: str, bottoms: Bottoms, tops: int = 1) -> Case:
    """Gradients of all bottoms but the last: real Caffe gives up on indices."""
    down = "propagate_down: true " * (len(bottoms) - 1) + "propagate_down: false "
    return Case(name, type, down + "loss_weight: 1 " * tops, bottoms, tops, force=False)


def _embed(name: str, settings: str, numbers: str) -> Case:
    text = f"propagate_down: false loss_weight: 1 embed_param {{ {settings} {FILL} }}"
    return Case(f"embed-{name}", "Embed", text, (numbers,), force=False)


CASES = [
    _chosen("batch-reindex", "BatchReindex", ((5, 3, 2, 4), "labels:5:7")),
    _chosen("batch-reindex-fewer", "BatchReindex", ((6, 3), "labels:6:2")),
    _chosen("batch-reindex-vector", "BatchReindex", ((4,), "labels:4:9")),
    Case("batch-reindex-test", "BatchReindex", bottoms=((3, 2, 2), "labels:3:5"), phase="TEST"),
    _chosen("filter", "Filter", ((6, 3, 2, 4), "labels:2:6")),
    _chosen("filter-two", "Filter", ((8, 3), (8, 2, 2), "labels:3:8,1,1,1"), 2),
    _chosen("filter-vector", "Filter", ((9,), "labels:2:9,1")),
    _chosen("filter-all", "Filter", ((4, 3), (4,)), 1),
    Case("filter-none-test", "Filter", bottoms=((4, 3), "labels:1:4"), phase="TEST"),
    _embed("vector", "num_output: 4 input_dim: 6", "labels:6:9"),
    _embed("no-bias", "num_output: 3 input_dim: 5 bias_term: false", "labels:5:4,3"),
    _embed("four-axes", "num_output: 2 input_dim: 7", "labels:7:2,3,1,2"),
    _embed("one-row", "num_output: 5 input_dim: 1", "labels:1:3"),
]
