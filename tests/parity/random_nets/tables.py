"""Layers with products, tables, sequences and blobs of their own."""

from __future__ import annotations

from math import prod

from tests.parity.random_nets.draft import Draft, dims


def inner_product(net: Draft) -> None:
    """From any axis on, also transposed."""
    name = net.pick()
    if name:
        shape = net.blobs[name]
        axis = net.random.randrange(len(shape))
        outputs, bias = net.random.randint(1, 4), net.chance(0.75)
        settings = f"num_output: {outputs} axis: {net.place(axis, len(shape))} {net.weights()}"
        settings += net.bias() if bias else "bias_term: false "
        settings += "transpose: true " if net.chance(0.3) else ""
        top = net.top((*shape[:axis], outputs))
        more = f"inner_product_param {{ {settings} }} {net.rates(1 + bias)}"
        net.layer("InnerProduct", [name], [top], more)


def shared(net: Draft) -> None:
    """Two products with the same weights, by name."""
    name = net.pick(lambda shape: len(shape) >= 2)
    if name:
        shape, weights, bias = net.blobs[name], net.name("w"), net.name("w")
        values = prod(shape[1:])
        fits = [n for n, s in net.blobs.items() if len(s) >= 2 and prod(s[1:]) == values]
        for bottom in (name, net.random.choice(fits)):
            settings = f"num_output: 2 {net.weights()} {net.bias()}"
            names = f'param {{ name: "{weights}" }} param {{ name: "{bias}" }}'
            top = net.top((net.blobs[bottom][0], 2))
            net.layer(
                "InnerProduct", [bottom], [top], f"{names} inner_product_param {{ {settings} }}"
            )


def embed(net: Draft) -> None:
    """Rows of a table; not in a forced net, which real Caffe refuses."""
    if not net.forced:
        rows, outputs = net.random.randint(2, 6), net.random.randint(1, 4)
        shape = [net.random.randint(1, 3) for _ in range(net.random.randint(1, 3))]
        settings = f"num_output: {outputs} input_dim: {rows} {net.weights()} {net.bias()}"
        bottom = net.input(shape, rows)
        net.layer("Embed", [bottom], [net.top((*shape, outputs))], f"embed_param {{ {settings} }}")


def batch_reindex(net: Draft) -> None:
    """Pictures by number, some twice; not in a forced net, as above."""
    name = net.pick()
    if name and not net.forced:
        shape, count = net.blobs[name], net.random.randint(1, 4)
        numbers = net.input((count,), shape[0])
        net.layer("BatchReindex", [name, numbers], [net.top((count, *shape[1:]))])


def sequence(net: Draft) -> None:
    """An LSTM or an RNN, with and without a static input and exposed states."""
    kind, states = net.random.choice((("LSTM", 2), ("RNN", 1)))
    steps, number, outputs = (net.random.randint(1, 3) for _ in range(3))
    bottoms = [net.like((steps, number, 3)), net.input((steps, number), 2)]
    if net.chance(0.3):
        bottoms.append(net.input((number, 2)))
    tops, settings = [net.lent((steps, number, outputs))], f"num_output: {outputs} {net.weights()}"
    if net.chance(0.3):
        settings += "expose_hidden: true "
        bottoms += [net.input((1, number, outputs)) for _ in range(states)]
        tops += [net.lent((1, number, outputs)) for _ in range(states)]
    settings += net.bias()
    net.layer(kind, bottoms, tops, f"recurrent_param {{ {settings} }} {net.rates(2)}")


def own(net: Draft) -> None:
    """A learnt blob, or one that is filled anew each time."""
    shape = [net.random.randint(1, 3) for _ in range(net.random.randint(1, 4))]
    if net.chance(0.5):
        settings = f"parameter_param {{ shape {{ {dims(shape)} }} }}"
        net.layer("Parameter", [], [net.lent(shape)], settings)
    else:
        filler = net.choice('type: "constant" value: 0.7', 'type: "gaussian"', 'type: "uniform"')
        settings = f"shape {{ {dims(shape)} }} data_filler {{ {filler} }}"
        net.layer("DummyData", [], [net.top(shape)], f"dummy_data_param {{ {settings} }}")


PARTS = (*[inner_product] * 2, shared, embed, batch_reindex, *[sequence] * 2, own)
