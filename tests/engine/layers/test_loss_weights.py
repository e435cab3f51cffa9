"""Losses with weights of positions and classes, by plain loops and finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from caffe_mnist.errors import CaffeMnistError
from tests.engine.layers.finite import build, check_gradients

LOSS = 'layer {{ name: "l" type: "{}" bottom: "x" bottom: "t" {} top: "l" {} }}'
WEIGHTS = 'bottom: "w"'


def random(*shape: int) -> Tensor:
    """Numbers that are always the same."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(5))


def loss(kind: str, settings: str, **inputs: Tensor) -> float:
    """The loss; its gradient is checked on the way."""
    net = build(LOSS.format(kind, WEIGHTS if "w" in inputs else "", settings), inputs)
    value = float(net.forward())
    check_gradients(net, ["x"])
    return value


def softmax_loop(x: Tensor, t: Tensor, w: Tensor, by_class: list[float], ignored: int) -> float:
    """The sum over the pixels, one after the other, by the number of those not ignored."""
    total, count = 0.0, 0
    for n in range(x.shape[0]):
        for h in range(x.shape[2]):
            for k in range(x.shape[3]):
                label = int(t[n, h, k])
                if label == ignored:
                    continue
                scores = [float(x[n, c, h, k]) for c in range(x.shape[1])]
                logarithm = scores[label] - math.log(sum(map(math.exp, scores)))
                total -= float(w[n, h, k]) * by_class[label] * logarithm
                count += 1
    return total / count


def test_softmax_by_pixels_and_classes() -> None:
    """Each pixel's loss times its own weight and that of its class; ignored ones are none."""
    x, w = random(2, 3, 2, 2), random(2, 2, 2).abs()
    t = torch.tensor([[[0, 1], [2, 9]], [[1, 1], [0, 2]]], dtype=torch.float32)
    settings = (
        "loss_param { ignore_label: 9 class_weighting: 0.5 class_weighting: 2 class_weighting: 3 }"
    )
    expected = softmax_loop(x, t, w, [0.5, 2.0, 3.0], 9)
    assert loss("SoftmaxWithLoss", settings, x=x, t=t, w=w) == pytest.approx(expected, rel=1e-5)
    plain = loss("SoftmaxWithLoss", "loss_param { ignore_label: 9 }", x=x, t=t)
    ones = softmax_loop(x, t, torch.ones(2, 2, 2), [1.0] * 3, 9)
    assert plain == pytest.approx(ones, rel=1e-5)


def test_softmax_by_items() -> None:
    """A weight an item is that of all its pixels."""
    x, t = random(2, 3, 2, 2), torch.ones(2, 2, 2)
    by_item = loss("SoftmaxWithLoss", "", x=x, t=t, w=torch.tensor([0.25, 4.0]))
    expected = softmax_loop(
        x, t, torch.tensor([0.25, 4.0]).view(2, 1, 1).expand(2, 2, 2), [1.0] * 3, -1
    )
    assert by_item == pytest.approx(expected, rel=1e-5)


def test_sigmoid_cross_entropy() -> None:
    """Elements by a bottom, channels by class_weighting; one weight a pixel broadcasts."""
    x, t, w = random(2, 3, 2), (random(2, 3, 2) > 0).float(), random(2, 1, 2).abs()
    by_class = [1.0, 0.5, 3.0]
    expected = 0.0
    for n in range(2):
        for c in range(3):
            for k in range(2):
                p = 1 / (1 + math.exp(-float(x[n, c, k])))
                one = math.log(p) if t[n, c, k] else math.log(1 - p)
                expected -= float(w[n, 0, k]) * by_class[c] * one / 2
    settings = "loss_param { weight_by_label_freqs: true class_weighting: [1, 0.5, 3] }"
    found = loss("SigmoidCrossEntropyLoss", settings, x=x, t=t, w=w)
    assert found == pytest.approx(expected, rel=1e-5)


def test_euclidean() -> None:
    """Half the weighted squares over the batch; both sides get their gradients."""
    x, t, w = random(3, 4), random(3, 4).flip(0), random(3, 4).abs()
    expected = float(((x - t).square() * w).sum() / 6)
    net = build(LOSS.format("EuclideanLoss", WEIGHTS, ""), {"x": x, "t": t, "w": w})
    assert float(net.forward()) == pytest.approx(expected, rel=1e-5)
    check_gradients(net, ["x", "t"])


@pytest.mark.parametrize("kind", ["HingeLoss", "MultinomialLogisticLoss"])
def test_class_losses(kind: str) -> None:
    """An item that counts 0 and one that counts 2 are that item, over the same batch."""
    x = random(2, 3).abs() + 0.2
    t = torch.tensor([1.0, 2.0])
    both = loss(kind, "", x=x, t=t, w=torch.tensor([0.0, 2.0]))
    second = loss(kind, "", x=x[1:], t=t[1:])
    assert both == pytest.approx(second, rel=1e-5)
    weighted = loss(kind, "loss_param { class_weighting: [5, 0, 2] }", x=x, t=t)
    assert weighted == pytest.approx(second, rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "shape", "what"),
    [
        ("", (3,), r"weights of shape \(3,\) for positions of shape \(2, 4\)"),
        ("loss_param { class_weighting: 1 }", (2,), "1 class_weighting for 3 classes"),
        ("loss_param { class_weighting: [1, -1, 1] }", (2,), "no number of 0 or more"),
    ],
)
def test_misuse(settings: str, shape: tuple[int, ...], what: str) -> None:
    """One line that says which shapes do not fit."""
    inputs = {"x": random(2, 3, 4), "t": torch.zeros(2, 4), "w": torch.ones(shape)}
    with pytest.raises(CaffeMnistError, match=what):
        build(LOSS.format("SoftmaxWithLoss", WEIGHTS, settings), inputs)


def test_weights_have_no_gradient() -> None:
    """Weights that would have to be learnt are refused."""
    net = (
        'layer { name: "w" type: "InnerProduct" bottom: "x" top: "w" '
        "inner_product_param { num_output: 1 } }"
    )
    net += LOSS.format("SoftmaxWithLoss", WEIGHTS, "")
    built = build(net, {"x": random(2, 3), "t": torch.zeros(2)})
    built.forward()
    with pytest.raises(CaffeMnistError, match="cannot propagate to the weights"):
        built.backward(None, 2)
