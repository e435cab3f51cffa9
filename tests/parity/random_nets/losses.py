"""Losses with their normalizations and ignored labels, and Accuracy."""

from __future__ import annotations

from math import prod

from tests.parity.random_nets.draft import Draft

MODES = ("FULL", "VALID", "BATCH_SIZE", "NONE")


def _settings(net: Draft) -> str:
    ignored = f"ignore_label: {net.choice('0', '1', '-1')}" if net.chance(0.4) else ""
    mode = f"normalization: {net.choice(*MODES)}" if net.chance(0.5) else ""
    return f"loss_param {{ {ignored} {mode} }} "


def _weight(net: Draft) -> str:
    return f"loss_weight: {net.choice('0.5', '2', '-1', '0')} " if net.chance(0.3) else ""


def of_classes(net: Draft) -> None:
    """SoftmaxWithLoss, InfogainLoss or Accuracy along any axis but the first."""
    name = net.pick(lambda shape: len(shape) >= 2)
    if not name:
        return
    shape = net.blobs[name]
    axis = net.random.randrange(1, len(shape))
    classes, where = shape[axis], net.place(axis, len(shape))
    labels = net.input((*shape[:axis], *shape[axis + 1 :]), classes)
    kind = net.choice("SoftmaxWithLoss", "InfogainLoss", "Accuracy")
    if kind == "SoftmaxWithLoss":
        more = f"softmax_param {{ axis: {where} }} {_settings(net)}"
        net.layer(kind, [name, labels], [net.name("loss")], more + _weight(net))
    elif kind == "InfogainLoss":
        matrix = net.name("h")
        shaped = f"dim: 1 dim: 1 dim: {classes} dim: {classes}"
        filler = 'data_filler { type: "uniform" }'
        net.layer(
            "DummyData", [], [matrix], f"dummy_data_param {{ shape {{ {shaped} }} {filler} }}"
        )
        more = f"infogain_loss_param {{ axis: {where} }} {_settings(net)}"
        net.layer(kind, [name, labels, matrix], [net.name("loss")], more + _weight(net))
    elif not net.forced:
        settings = f"axis: {where} top_k: {net.random.randint(1, classes)}"
        tops = [net.name("hits") for _ in range(net.random.randint(1, 2))]
        net.layer(kind, [name, labels], tops, f"accuracy_param {{ {settings} }}")


def of_items(net: Draft) -> None:
    """HingeLoss, or MultinomialLogisticLoss of a Softmax."""
    name = net.pick(lambda shape: len(shape) == 2)
    if not name:
        return
    number, classes = net.blobs[name]
    labels = net.input(net.random.choice(((number,), (number, 1))), classes)
    if net.chance(0.5):
        more = net.choice("", "hinge_loss_param { norm: L2 }")
        net.layer("HingeLoss", [name, labels], [net.name("loss")], more + _weight(net))
    else:
        shares = net.top((number, classes))
        net.layer("Softmax", [name], [shares])
        net.layer("MultinomialLogisticLoss", [shares, labels], [net.name("loss")], _weight(net))


def of_targets(net: Draft) -> None:
    """EuclideanLoss, SigmoidCrossEntropyLoss."""
    name = net.pick(lambda shape: 1 <= len(shape) <= 4)
    if name:
        shape, top = net.blobs[name], net.name("loss")
        if net.chance(0.5):
            net.layer("EuclideanLoss", [name, net.like(shape)], [top], _weight(net))
        else:
            targets = net.input(shape, 2)
            more = _settings(net) + _weight(net)
            net.layer("SigmoidCrossEntropyLoss", [name, targets], [top], more)


def of_pairs(net: Draft) -> None:
    """ContrastiveLoss, both kinds."""
    name = net.pick(lambda shape: len(shape) >= 2 and len(shape) <= 4 and prod(shape[2:]) == 1)
    if name:
        shape = net.blobs[name]
        marks = net.input(shape[:1], 2)
        settings = f"margin: {net.choice('1', '0.5')} {net.choice('', 'legacy_version: true')}"
        net.layer(
            "ContrastiveLoss", [name, net.like(shape), marks], [net.name("loss")],
            f"contrastive_loss_param {{ {settings} }}",
        )  # fmt: skip


def end(net: Draft) -> None:
    """Something to learn for most of what nobody reads."""
    for name in list(net.unread):
        if name in net.blobs and name not in net.given and net.chance(0.75):
            if net.blobs[name] and net.chance(0.5):
                more = f"reduction_param {{ operation: {net.choice('SUM', 'SUMSQ')} }}"
                net.layer("Reduction", [name], [net.name("sum")], f"{more} loss_weight: 0.7")
            else:
                more = "power_param { power: 2 } loss_weight: 0.5"
                net.layer("Power", [name], [net.name("square")], more)


PARTS = (*[of_classes] * 2, of_items, of_targets, of_pairs)
