"""One layer in one setting, as prototxt: it runs under real Caffe and under the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """One layer: its type and settings, and what comes in.

    `bottoms` are shapes; a string such as "labels:10" takes the shape of the first bottom's
    predictions and whole numbers below 10, "labels:10:4,1" the shape (4, 1). With `positive`,
    bottoms are at least 0.5, with `positive_parameters` parameters are. Without `force`, only
    the first bottom gets a gradient, as something under it learns: for layers that Caffe cannot
    force to go backward. `files` writes what the layer reads into a folder,
    which the settings call FOLDER. With several `passes`, the tops of each forward pass count.
    """

    name: str
    type: str
    settings: str = ""
    bottoms: tuple[tuple[int, ...] | str, ...] = ((2, 3, 8, 9),)
    tops: int = 1
    phase: str = "TRAIN"
    in_place: bool = False
    positive: bool = False
    positive_parameters: bool = False
    force: bool = True
    files: Callable[[Path], None] | None = None
    passes: int = 1

    def net(self, folder: Path) -> str:
        """The whole net: an Input for each bottom, then the layer; gradients for everything."""
        text = f'name: "{self.name}" force_backward: {str(self.force).lower()}\n'
        names = [f"in{index}" for index in range(len(self.bottoms))]
        for name, shape in zip(names, self.shapes()):
            dims = " ".join(f"dim: {size}" for size in shape)
            text += (
                f'layer {{ name: "{name}" type: "Input" top: "{name}" '
                f"input_param {{ shape {{ {dims} }} }} }}\n"
            )
        if not self.force:
            text += 'layer { name: "learnt" type: "Bias" bottom: "in0" top: "in0" '
            text += "bias_param { axis: 0 num_axes: 0 } }\n"
        tops = ["in0"] if self.in_place else [f"out{index}" for index in range(self.tops)]
        bottoms = " ".join(f'bottom: "{name}"' for name in names)
        outs = " ".join(f'top: "{name}"' for name in tops)
        settings = self.settings.replace("FOLDER", str(folder))
        return text + (
            f'layer {{ name: "layer" type: "{self.type}" {bottoms} {outs} {settings} }}\n'
        )

    def shapes(self) -> list[tuple[int, ...]]:
        """The bottoms' shapes, those of labels worked out."""
        shapes: list[tuple[int, ...]] = []
        for bottom in self.bottoms:
            if not isinstance(bottom, str):
                shapes.append(bottom)
            elif bottom.count(":") > 1:
                shapes.append(tuple(int(size) for size in bottom.split(":")[2].split(",")))
            else:
                first = shapes[0]
                shapes.append((first[0], *first[2:]))
        return shapes

    def limits(self) -> list[int]:
        """For each bottom, 0, or the number below which its whole numbers lie."""
        return [int(b.split(":")[1]) if isinstance(b, str) else 0 for b in self.bottoms]


FILL = 'weight_filler { type: "gaussian" std: 0.3 } bias_filler { type: "gaussian" std: 0.3 }'
