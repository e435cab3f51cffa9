"""SPP in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case

CASES = [
    Case("spp-one", "SPP", "spp_param { pyramid_height: 1 }"),
    Case("spp-two", "SPP", "spp_param { pyramid_height: 2 }"),
    Case("spp-three", "SPP", "spp_param { pyramid_height: 3 }", ((2, 3, 11, 13),)),
    Case("spp-average", "SPP", "spp_param { pyramid_height: 3 pool: AVE }", ((2, 3, 12, 9),)),
    Case("spp-average-one", "SPP", "spp_param { pyramid_height: 1 pool: AVE }"),
    Case("spp-four", "SPP", "spp_param { pyramid_height: 4 }", ((1, 2, 16, 24),)),
]
