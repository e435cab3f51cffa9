"""One net from a seed."""

from __future__ import annotations

from tests.parity.random_nets import losses, neurons, shapes, tables, windows
from tests.parity.random_nets.draft import Draft

PARTS = (
    *neurons.PARTS,
    *windows.PARTS,
    *shapes.PARTS,
    *tables.PARTS,
    *losses.PARTS,
)
SHAPES = (
    (2, 3, 6, 5),
    (3, 4, 7, 7),
    (1, 2, 6, 6),
    (2, 3, 4),
    (3, 5),
    (2, 2, 3, 4, 4),
    (2, 6, 1, 1),
)


def random_net(seed: int) -> str:
    """A net of some ten layers that fit each other, and the phase that it runs in."""
    net = Draft(seed)
    shape = net.random.choice(SHAPES)
    for _ in range(net.random.randint(1, 2)):
        net.input(shape)
    for _ in range(net.random.randint(4, 12)):
        net.random.choice(PARTS)(net)
    losses.end(net)
    phase = "TEST" if net.chance(0.15) else "TRAIN"
    head = f'# {phase}\nname: "random{seed}"\n'
    return head + ("force_backward: true\n" if net.forced else "") + "".join(net.layers)
