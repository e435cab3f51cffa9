"""InnerProduct in many settings."""

from __future__ import annotations

from tests.parity.cases.case import FILL, Case

CASES = [
    Case("ip", "InnerProduct", f"inner_product_param {{ num_output: 7 {FILL} }}"),
    Case(
        "ip-axis2",
        "InnerProduct",
        f"inner_product_param {{ num_output: 4 axis: 2 {FILL} }}",
        ((3, 5, 2, 6),),
    ),
    Case(
        "ip-negative-axis",
        "InnerProduct",
        f"inner_product_param {{ num_output: 4 axis: -1 bias_term: false {FILL} }}",
        ((3, 5, 6),),
    ),
    Case(
        "ip-transposed",
        "InnerProduct",
        f"inner_product_param {{ num_output: 7 transpose: true {FILL} }}",
    ),
]
