"""RNN and LSTM in many settings."""

from __future__ import annotations

from tests.parity.cases.case import FILL, Case

Bottoms = tuple["tuple[int, ...] | str", ...]


def _cases(type: str, states: int) -> list[Case]:
    """The same settings for both types; `states` is the number of exposed states."""

    def case(name: str, bottoms: Bottoms, more: str = "", tops: int = 1, passes: int = 1) -> Case:
        settings = f"recurrent_param {{ num_output: 4 {FILL} {more} }}"
        return Case(f"{type.lower()}-{name}", type, settings, bottoms, tops, passes=passes)

    x: Bottoms = ((5, 3, 6), "marks:2:5,3")
    exposed: Bottoms = ((1, 3, 4),) * states
    hidden = "expose_hidden: true"
    return [
        case("plain", x),
        case("one-step", ((1, 2, 3), "marks:2:1,2")),
        case("new-sequences", ((4, 2, 3), "marks:1:4,2")),
        case("images", ((3, 2, 2, 3, 2), "marks:2:3,2")),
        case("soft-marks", ((5, 3, 6), (5, 3))),
        case("static", (*x, (3, 2, 5))),
        case("goes-on", x, passes=3),
        case("exposed", (*x, *exposed), hidden, 1 + states),
        case("exposed-static", (*x, (3, 7), *exposed), hidden, 1 + states),
        case("exposed-twice", (*x, *exposed), hidden, 1 + states, passes=2),
    ]


CASES = [*_cases("RNN", 1), *_cases("LSTM", 2)]
