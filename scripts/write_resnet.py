"""Write the nets of prototxt/resnet50 and prototxt/flowers.

    python scripts/write_resnet.py [--check]

ResNet-50 as the paper's table of layers has it ("Deep Residual Learning for Image Recognition",
He et al., 2015): four stages of bottleneck blocks, the first convolution of a stage halving the
picture. Layers have the names under which weights for Caffe are published, so that these can be
given by --weights. With --check nothing is written, and the exit status says whether the files
are what this program makes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

PROTOTXT = Path(__file__).resolve().parent.parent / "prototxt"

# The paper's table: stage, blocks, channels inside a block, channels out of it.
STAGES = ((2, 3, 64, 256), (3, 4, 128, 512), (4, 6, 256, 1024), (5, 3, 512, 2048))

# Blue, green and red of an average picture of ImageNet.
MEANS = "mean_value: 104 mean_value: 117 mean_value: 123"

ABOUT = """\
# Every convolution is followed by BatchNorm (running means that forget in some tens of
# iterations) and Scale. Written by scripts/write_resnet.py.
"""
TUNED = """\
# All layers but the last take their weights from --weights. The last one has a name of its own,
# so it is learnt anew, at ten times the rate of the others.
"""
# In testing BatchNorm takes the running means, in training those of the batch.
NORM = "batch_norm_param { moving_average_fraction: 0.9 }"


class Kind(NamedTuple):
    """What tells the nets apart: their last layer, and what they are trained on."""

    folder: str
    net: str
    title: str
    last: str
    classes: int
    rates: tuple[int, int]
    databases: tuple[str, str]
    batches: tuple[int, int]
    measures: tuple[tuple[str, int], ...]


RESNET50 = Kind(
    "resnet50", "ResNet-50", "ResNet-50 for the 1,000 classes of ImageNet", "fc1000", 1000, (1, 2),
    ("ilsvrc12_train_lmdb", "ilsvrc12_val_lmdb"), (32, 50), (("accuracy", 1), ("accuracy_top5", 5)),
)  # fmt: skip
FLOWERS = Kind(
    "flowers", "ResNet-50-flowers", "ResNet-50, fine-tuned for five kinds of flowers",
    "fc_flowers", 5, (10, 20), ("train_lmdb", "val_lmdb"), (32, 32), (("accuracy", 1),),
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """Write what has changed, or say so; 1 if --check found anything."""
    check, stale = "--check" in arguments, []
    for kind in (RESNET50, FLOWERS):
        for name, text in (("train_val", train_val(kind)), ("deploy", deploy(kind))):
            path = PROTOTXT / kind.folder / f"{kind.folder}_{name}.prototxt"
            if path.exists() and path.read_text() == text:
                continue
            stale.append(path)
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
    for path in stale:
        print(f"{path}: {'out of date' if check else 'written'}")
    return 1 if stale and check else 0


def train_val(kind: Kind) -> str:
    """The net for training and testing."""
    text = f"# {kind.title}: 224 × 224 in colour, cut out of larger pictures.\n"
    text += (TUNED if kind is FLOWERS else "") + ABOUT + f'name: "{kind.net}"\n'
    for phase, database, batch, mirror in zip(
        ("TRAIN", "TEST"), kind.databases, kind.batches, (" mirror: true", "")
    ):
        text += (
            'layer { name: "data" type: "Data" top: "data" top: "label" '
            f"include {{ phase: {phase} }}\n"
            f"  transform_param {{ crop_size: 224{mirror} {MEANS} }}\n"
            f'  data_param {{ source: "/home/work/dataset/{database}" '
            f"batch_size: {batch} backend: LMDB }} }}\n"
        )
    text += layers(kind)
    for name, best in kind.measures:
        text += (
            f'layer {{ name: "{name}" type: "Accuracy" bottom: "{kind.last}" bottom: "label" '
            f'top: "{name}"\n  include {{ phase: TEST }} accuracy_param {{ top_k: {best} }} }}\n'
        )
    return text + (
        f'layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "{kind.last}" bottom: "label" '
        'top: "loss" }\n'
    )


def deploy(kind: Kind) -> str:
    """The net for one picture, with scores as its output."""
    return (
        f"# {kind.title}: 224 × 224 in blue, green and red, in; {kind.classes:,} probabilities "
        f'out.\n{ABOUT}name: "{kind.net}"\n'
        'layer { name: "data" type: "Input" top: "data"\n'
        "  # Caffe's Input layer does not apply these; programs that feed bytes read them here.\n"
        f"  transform_param {{ {MEANS} }}\n"
        "  input_param { shape { dim: 1 dim: 3 dim: 224 dim: 224 } } }\n"
        f"{layers(kind)}"
        f'layer {{ name: "prob" type: "Softmax" bottom: "{kind.last}" top: "prob" }}\n'
    )


def layers(kind: Kind) -> str:
    """What lies between the pictures and the scores."""
    text = convolution("conv1", "bn_conv1", "scale_conv1", "data", 64, "pad: 3 kernel_size: 7", 2)
    text += relu("conv1_relu", "conv1")
    text += pooling("pool1", "conv1", "pool: MAX kernel_size: 3 stride: 2")
    bottom = "pool1"
    for stage, blocks, inside, outside in STAGES:
        for index in range(blocks):
            name = f"{stage}{chr(ord('a') + index)}"
            stride = 2 if index == 0 and stage > 2 else 1
            text += f"\n# Block {name}\n"
            text += block(name, bottom, inside, outside, stride, index == 0)
            bottom = f"res{name}"
    text += "\n" + pooling("pool5", bottom, "pool: AVE global_pooling: true")
    rates = f"param {{ lr_mult: {kind.rates[0]} }} "
    rates += f"param {{ lr_mult: {kind.rates[1]} decay_mult: 0 }}"
    return text + (
        f'layer {{ name: "{kind.last}" type: "InnerProduct" bottom: "pool5" top: "{kind.last}"\n'
        f"  {rates}\n  inner_product_param {{ num_output: {kind.classes}\n"
        '    weight_filler { type: "gaussian" std: 0.01 } bias_filler { type: "constant" } } }\n'
    )


def block(name: str, bottom: str, inside: int, outside: int, stride: int, first: bool) -> str:
    """Three convolutions beside a shortcut, which is a convolution where the sizes change."""
    text, shortcut = "", bottom
    if first:
        shortcut = f"res{name}_branch1"
        text += unit(f"{name}_branch1", bottom, outside, "kernel_size: 1", stride)
    kernels = ("kernel_size: 1", "pad: 1 kernel_size: 3", "kernel_size: 1")
    for letter, channels, kernel in zip("abc", (inside, inside, outside), kernels):
        branch = f"{name}_branch2{letter}"
        text += unit(branch, bottom, channels, kernel, stride if letter == "a" else 1)
        bottom = f"res{branch}"
        if letter != "c":
            text += relu(f"{bottom}_relu", bottom)
    text += (
        f'layer {{ name: "res{name}" type: "Eltwise" bottom: "{shortcut}" bottom: "{bottom}" '
        f'top: "res{name}" }}\n'
    )
    return text + relu(f"res{name}_relu", f"res{name}")


def unit(name: str, bottom: str, channels: int, kernel: str, stride: int) -> str:
    """A convolution of a block."""
    return convolution(f"res{name}", f"bn{name}", f"scale{name}", bottom, channels, kernel, stride)


def convolution(
    name: str, norm: str, scale: str, bottom: str, channels: int, kernel: str, stride: int
) -> str:
    """A convolution without bias, its normalisation and its scale."""
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}"\n'
        f"  param {{ lr_mult: 1 }} convolution_param {{ num_output: {channels} {kernel} "
        f'stride: {stride}\n    bias_term: false weight_filler {{ type: "msra" }} }} }}\n'
        f'layer {{ name: "{norm}" type: "BatchNorm" bottom: "{name}" top: "{name}"\n'
        f"  {NORM} }}\n"
        f'layer {{ name: "{scale}" type: "Scale" bottom: "{name}" top: "{name}"\n'
        "  scale_param { bias_term: true } }\n"
    )


def relu(name: str, blob: str) -> str:
    """ReLU in place."""
    return f'layer {{ name: "{name}" type: "ReLU" bottom: "{blob}" top: "{blob}" }}\n'


def pooling(name: str, bottom: str, settings: str) -> str:
    """A pooling layer."""
    return (
        f'layer {{ name: "{name}" type: "Pooling" bottom: "{bottom}" top: "{name}"\n'
        f"  pooling_param {{ {settings} }} }}\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
