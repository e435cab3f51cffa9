"""MultiBoxLoss: by plain loops, by finite differences, and an SSD that learns to find a square."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.updates import Step, rules
from caffe_mnist.engine.weights import load_weights, save_weights
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2, forks
from caffe_mnist.schema.messages import parse_text, read_binary
from tests.engine.layers.finite import build, check_gradients
from tests.engine.layers.test_detection_output import overlap

LAYER = (
    'layer {{ name: "l" type: "MultiBoxLoss" bottom: "loc" bottom: "conf" bottom: "prior" '
    'bottom: "truth" top: "l" propagate_down: true propagate_down: true propagate_down: false '
    "propagate_down: false multibox_loss_param {{ num_classes: 3 code_type: CENTER_SIZE {} }} {} }}"
)
VARIANCE = [0.1, 0.1, 0.2, 0.2]
TRUTH = [
    [0, 1, 0, 0.1, 0.1, 0.45, 0.5, 0],
    [0, 2, 0, 0.5, 0.4, 0.9, 0.8, 0],
    [1, 2, 0, 0.2, 0.5, 0.6, 0.95, 1],
    [-1, 0, 0, 0, 0, 0, 0, 0],
]


def inputs(sets: int = 1) -> dict[str, Tensor]:
    """Predictions for 16 priors on a grid, two pictures, three true boxes."""
    random = torch.Generator().manual_seed(4)
    grid = [(x / 4 - 0.05, y / 4 - 0.05) for y in range(4) for x in range(4)]
    prior = torch.tensor([[x, y, x + 0.35, y + 0.35] for x, y in grid]).reshape(1, 1, -1)
    variance = torch.tensor(VARIANCE).repeat(16).reshape(1, 1, -1)
    return {
        "loc": torch.randn(2, 64 * sets, generator=random) * 0.5,
        "conf": torch.randn(2, 48, generator=random),
        "prior": torch.cat([prior, variance], 1),
        "truth": torch.tensor(TRUTH).reshape(1, 1, 4, 8),
    }


def code(box: list[float], prior: list[float]) -> list[float]:
    """The box in the words of the prior."""
    width, height = prior[2] - prior[0], prior[3] - prior[1]
    return [
        ((box[0] + box[2]) - (prior[0] + prior[2])) / 2 / width / VARIANCE[0],
        ((box[1] + box[3]) - (prior[1] + prior[3])) / 2 / height / VARIANCE[1],
        math.log((box[2] - box[0]) / width) / VARIANCE[2],
        math.log((box[3] - box[1]) / height) / VARIANCE[3],
    ]


def expected(given: dict[str, Tensor]) -> float:
    """Matched by overlaps of 0.3, three negatives a match, smooth L1 and softmax, by matches."""
    priors = given["prior"][0, 0].reshape(-1, 4).tolist()
    total, matches = 0.0, 0
    for n in range(2):
        boxes = [row for row in TRUTH if row[0] == n]
        shared = [[overlap(prior, box[3:7]) for box in boxes] for prior in priors]
        match = [-1] * 16
        pool = set(range(len(boxes)))
        while pool:
            best, k, g = max((shared[k][g], k, g) for k in range(16) for g in pool if match[k] < 0)
            if best <= 1e-6:
                break
            match[k] = g
            pool.remove(g)
        for k in range(16):
            if match[k] < 0:
                best, g = max((shared[k][g], g) for g in range(len(boxes)))
                if best >= 0.3:
                    match[k] = g
        scores = given["conf"][n].reshape(16, 3).tolist()
        labels = [int(boxes[g][1]) if g >= 0 else 0 for g in match]
        losses = [
            math.log(sum(math.exp(one) for one in row)) - row[label]
            for row, label in zip(scores, labels)
        ]
        negatives = [k for k in range(16) if match[k] < 0 and max(shared[k]) < 0.25]
        negatives.sort(key=lambda k: -losses[k])
        positives = [k for k in range(16) if match[k] >= 0]
        matches += len(positives)
        total += sum(losses[k] for k in [*positives, *negatives[: 3 * len(positives)]])
        for k in positives:
            wanted = code(boxes[match[k]][3:7], priors[k])
            for found, one in zip(given["loc"][n, 4 * k : 4 * k + 4].tolist(), wanted):
                distance = abs(found - one)
                total += 0.5 * (distance**2 / 2 if distance < 1 else distance - 0.5)
    return total / matches


def test_against_loops() -> None:
    """Matching, mining, both losses and the normaliser; gradients by differences."""
    given = inputs()
    net = build(LAYER.format("overlap_threshold: 0.3 neg_overlap: 0.25 loc_weight: 0.5", ""), given)
    assert float(net.forward()) == pytest.approx(expected(given), rel=1e-5)
    check_gradients(net, ["loc", "conf"], step=2e-3, tolerance=3e-2)


@pytest.mark.parametrize(
    "text",
    [
        "conf_loss_type: LOGISTIC loc_loss_type: L2",
        "mining_type: HARD_EXAMPLE sample_size: 7",
        "mining_type: HARD_EXAMPLE sample_size: 9 nms_param { nms_threshold: 0.7 }",
        "mining_type: NONE match_type: BIPARTITE",
        "do_neg_mining: false",
        "encode_variance_in_target: true",
        "code_type: CORNER bp_inside: true",
        "code_type: CORNER_SIZE ignore_cross_boundary_bbox: true",
        "use_difficult_gt: false map_object_to_agnostic: true",
        "use_prior_for_matching: false overlap_threshold: 0.1",
    ],
)
def test_gradients_of_every_option(text: str) -> None:
    """As differences; a small step changes neither matches nor what is mined."""
    layer = LAYER.replace("code_type: CENTER_SIZE", "").format(text, "")
    net = build(layer, inputs())
    assert math.isfinite(float(net.forward()))
    check_gradients(net, ["conf"], step=1e-3, tolerance=3e-2)
    if "matching: false" not in text:  # there the boxes move with the predictions
        check_gradients(net, ["loc"], step=1e-3, tolerance=3e-2)


def test_locations_of_each_class() -> None:
    """Without shared locations each class matches its own true boxes."""
    net = build(LAYER.format("share_location: false overlap_threshold: 0.3", ""), inputs(3))
    assert math.isfinite(float(net.forward()))
    check_gradients(net, ["loc", "conf"], step=1e-3, tolerance=3e-2)


def test_batch_without_boxes() -> None:
    """Nothing to match: the loss is 0 and so are the gradients."""
    given = inputs()
    given["truth"] = torch.full((1, 1, 1, 8), -1.0)
    net = build(LAYER.format("", ""), given)
    assert float(net.forward()) == 0
    net.backward(None, 4)
    assert not net.blobs["loc"].diff.any()


@pytest.mark.parametrize(
    ("row", "what"),
    [([0, 0], "of the background's class"), ([2, 1], "in picture 2"), ([0, 3], "of class 3")],
)
def test_impossible_boxes(row: list[float], what: str) -> None:
    """One line that says which box is wrong."""
    given = inputs()
    given["truth"][0, 0, 0, :2] = torch.tensor(row)
    with pytest.raises(CaffeMnistError, match=what):
        build(LAYER.format("", ""), given).forward()


HEAD = """
layer {{ name: "conv" type: "Convolution" bottom: "picture" top: "conv"
  convolution_param {{ num_output: 8 kernel_size: 4 stride: 4
                      weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "relu" type: "ReLU" bottom: "conv" top: "conv" }}
layer {{ name: "norm" type: "Normalize" bottom: "conv" top: "norm"
  norm_param {{ across_spatial: false channel_shared: false
               scale_filler {{ type: "constant" value: 5 }} }} }}
layer {{ name: "loc" type: "Convolution" bottom: "norm" top: "loc"
  convolution_param {{ num_output: 4 kernel_size: 3 pad: 1 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "loc_perm" type: "Permute" bottom: "loc" top: "loc_perm"
  permute_param {{ order: 0 order: 2 order: 3 order: 1 }} }}
layer {{ name: "loc_flat" type: "Flatten" bottom: "loc_perm" top: "loc_flat" }}
layer {{ name: "conf" type: "Convolution" bottom: "norm" top: "conf"
  convolution_param {{ num_output: 2 kernel_size: 3 pad: 1 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "conf_perm" type: "Permute" bottom: "conf" top: "conf_perm"
  permute_param {{ order: [0, 2, 3, 1] }} }}
layer {{ name: "conf_flat" type: "Flatten" bottom: "conf_perm" top: "conf_flat" }}
layer {{ name: "prior" type: "PriorBox" bottom: "norm" bottom: "picture" top: "prior"
  prior_box_param {{ min_size: 8 variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 }} }}
{}
"""
TRAIN = """layer { name: "loss" type: "MultiBoxLoss" bottom: "loc_flat" bottom: "conf_flat"
  bottom: "prior" bottom: "truth" top: "loss"
  multibox_loss_param { num_classes: 2 code_type: CENTER_SIZE overlap_threshold: 0.4 } }"""
DEPLOY = """layer { name: "conf_reshape" type: "Reshape" bottom: "conf_flat" top: "conf_reshape"
  reshape_param { shape { dim: 0 dim: -1 dim: 2 } } }
layer { name: "softmax" type: "Softmax" bottom: "conf_reshape" top: "softmax"
  softmax_param { axis: 2 } }
layer { name: "softmax_flat" type: "Flatten" bottom: "softmax" top: "softmax_flat" }
layer { name: "out" type: "DetectionOutput" bottom: "loc_flat" bottom: "softmax_flat"
  bottom: "prior" top: "out" detection_output_param { num_classes: 2 code_type: CENTER_SIZE
  nms_param { nms_threshold: 0.4 } keep_top_k: 3 confidence_threshold: 0.3 } }"""


def picture(random: torch.Generator, number: int) -> tuple[Tensor, list[float]]:
    """A bright square of 8 somewhere in a dim picture of 32, and its box."""
    x, y = (int(one) for one in torch.randint(0, 25, (2,), generator=random))
    pixels = torch.rand(1, 32, 32, generator=random) * 0.2
    pixels[0, y : y + 8, x : x + 8] += 1
    return pixels, [number, 1, 0, x / 32, y / 32, (x + 8) / 32, (y + 8) / 32, 0]


def test_small_ssd_learns_to_find_squares(tmp_path: Path) -> None:
    """The loss falls; with its weights from a file the net finds squares that it never saw."""
    random = torch.Generator().manual_seed(7)
    shape = "shape { dim: 8 dim: 1 dim: 32 dim: 32 }"
    data = (
        f'layer {{ name: "picture" type: "Input" top: "picture" input_param {{ {shape} }} }}\n'
        'layer { name: "truth" type: "Input" top: "truth" '
        "input_param { shape { dim: 1 dim: 1 dim: 8 dim: 8 } } }\n"
    )
    param = parse_text(data + HEAD.format(TRAIN), caffe_pb2.NetParameter, "train")
    net = Net(param, Surroundings(caffe_pb2.TRAIN, generator=RandomNumbers(3)))
    solver = parse_text("momentum: 0.9 momentum2: 0.999", caffe_pb2.SolverParameter, "solver")
    rule = rules.get("Adam")(solver, net.parameters.learnables)
    losses = []
    for iteration in range(100):
        made = [picture(random, number) for number in range(8)]
        net.blobs["picture"].data = torch.stack([pixels for pixels, _ in made])
        net.blobs["truth"].data = torch.tensor([box for _, box in made]).reshape(1, 1, 8, 8)
        net.parameters.clear_diffs()
        losses.append(float(net.forward()))
        net.backward()
        rule.update(Step(iteration, 0.01, 1.0))
    assert sum(losses[-10:]) < 0.25 * sum(losses[:10])

    save_weights(net, tmp_path / "ssd.caffemodel")
    stored = read_binary(tmp_path / "ssd.caffemodel", caffe_pb2.NetParameter)
    by_name = {layer.name: layer for layer in stored.layer}
    assert forks.settings(by_name["loc_perm"], "ssd").permute_param.order == [0, 2, 3, 1]
    deploy = data.partition("\n")[0] + HEAD.format(DEPLOY)
    found = Net(parse_text(deploy, caffe_pb2.NetParameter, "deploy"), Surroundings(caffe_pb2.TEST))
    assert load_weights(found, tmp_path / "ssd.caffemodel") == []
    made = [picture(random, number) for number in range(8)]
    found.blobs["picture"].data = torch.stack([pixels for pixels, _ in made])
    found.forward()
    rows = found.blobs["out"].data[0, 0].tolist()
    hits = 0
    for number, (_, box) in enumerate(made):
        best = max((row for row in rows if row[0] == number), key=lambda row: row[2], default=None)
        hits += best is not None and overlap(best[3:], box[3:7]) > 0.5
    assert hits >= 7
