"""Layers that cut, join, repeat and reshape, and those that make less of more."""

from __future__ import annotations

from math import prod

from tests.parity.random_nets.draft import Draft, dims


def concat(net: Draft) -> None:
    """What agrees in all axes but one; a blob may come twice."""
    name = net.pick()
    if name:
        shape = net.blobs[name]
        axis = net.random.randrange(len(shape))
        rest = (*shape[:axis], *shape[axis + 1 :])
        fits = [n for n, s in net.blobs.items()
                if len(s) == len(shape) and (*s[:axis], *s[axis + 1 :]) == rest]  # fmt: skip
        bottoms = [name, *(net.random.choice(fits) for _ in range(net.random.randint(1, 2)))]
        size = sum(net.blobs[one][axis] for one in bottoms)
        top = net.top((*shape[:axis], size, *shape[axis + 1 :]))
        where = net.place(axis, len(shape))
        net.layer("Concat", bottoms, [top], f"concat_param {{ axis: {where} }}")


def slice_(net: Draft) -> None:
    """At points, or into equal parts."""
    name = net.pick(lambda shape: max(shape, default=1) > 1)
    if name:
        shape = net.blobs[name]
        axis = net.random.choice([index for index, size in enumerate(shape) if size > 1])
        point = net.random.randrange(1, shape[axis])
        sizes, points = [point, shape[axis] - point], f"slice_point: {point}"
        if not shape[axis] % 2 and net.chance(0.5):
            sizes, points = [shape[axis] // 2] * 2, ""
        tops = [net.top((*shape[:axis], size, *shape[axis + 1 :])) for size in sizes]
        where = net.place(axis, len(shape))
        net.layer("Slice", [name], tops, f"slice_param {{ axis: {where} {points} }}")


def flatten(net: Draft) -> None:
    """Not of what lies in another blob's memory: there real Caffe loses the gradient."""
    name = net.pick()
    if name and name not in net.lending:
        shape = net.blobs[name]
        start = net.random.randrange(len(shape))
        end = net.random.randrange(start, len(shape))
        axes = [net.place(axis, len(shape)) for axis in (start, end)]
        top = net.top((*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]))
        settings = f"axis: {axes[0]} end_axis: {axes[1]}"
        net.layer("Flatten", [name], [top], f"flatten_param {{ {settings} }}")


def reshape(net: Draft) -> None:
    """Some axes in others' place, one of them worked out, others copied."""
    name = net.pick(lambda shape: len(shape) < 6)
    if not name:
        return
    shape = net.blobs[name]
    start = net.random.randint(0, len(shape))
    end = net.random.randint(start, len(shape))
    left, parts = prod(shape[start:end]), []
    for _ in range(net.random.randint(0, 2)):
        parts.append(net.random.choice([one for one in range(1, left + 1) if not left % one]))
        left //= parts[-1]
    parts.append(left)
    said = list(parts)
    if net.chance(0.5):
        said[net.random.randrange(len(said))] = -1
    for index, size in enumerate(said):
        if start + index < len(shape) and size == shape[start + index] and net.chance(0.5):
            said[index] = 0
    where = start if net.chance(0.7) else start - len(shape) - 1
    settings = f"shape {{ {dims(said)} }} axis: {where} num_axes: {end - start}"
    top = net.lent((*shape[:start], *parts, *shape[end:]))
    net.layer("Reshape", [name], [top], f"reshape_param {{ {settings} }}")


def tile(net: Draft) -> None:
    """Up to three times."""
    name = net.pick()
    if name:
        shape = net.blobs[name]
        axis, tiles = net.random.randrange(len(shape)), net.random.randint(1, 3)
        top = net.top((*shape[:axis], shape[axis] * tiles, *shape[axis + 1 :]))
        settings = f"axis: {net.place(axis, len(shape))} tiles: {tiles}"
        net.layer("Tile", [name], [top], f"tile_param {{ {settings} }}")


def reduction(net: Draft) -> None:
    """All four operations, from any axis on."""
    name = net.pick()
    if name:
        shape = net.blobs[name]
        axis = net.random.randrange(len(shape))
        settings = f"operation: {net.choice('SUM', 'ASUM', 'SUMSQ', 'MEAN')} "
        settings += f"axis: {net.place(axis, len(shape))} coeff: {net.choice('1', '0.5', '-2')}"
        net.layer("Reduction", [name], [net.top(shape[:axis])], f"reduction_param {{ {settings} }}")


def crop(net: Draft) -> None:
    """To the size of another blob, somewhere in the first."""
    name = net.pick()
    if name:
        shape = net.blobs[name]
        start = net.random.randrange(len(shape))
        like = net.like([net.random.randint(1, size) for size in shape])
        rest = [size - net.blobs[like][axis] for axis, size in enumerate(shape)][start:]
        offsets = [net.random.randint(0, size) for size in rest]
        settings = f"axis: {net.place(start, len(shape))} "
        settings += "".join(f"offset: {offset} " for offset in offsets)
        top = net.top((*shape[:start], *net.blobs[like][start:]))
        net.layer("Crop", [name, like], [top], f"crop_param {{ {settings} }}")


def split(net: Draft) -> None:
    """As the net itself does where a blob has several readers."""
    name = net.pick()
    if name:
        tops = [net.top(net.blobs[name]) for _ in range(net.random.randint(1, 3))]
        net.layer("Split", [name], tops)


PARTS = (concat, slice_, flatten, *[reshape] * 2, tile, reduction, crop, split)
