"""Layers with kernels, strides and paddings: convolutions, Im2col, Pooling, LRN, SPP."""

from __future__ import annotations

from tests.parity.random_nets.draft import Draft, Shape

LARGEST = 24


def _is_picture(shape: Shape) -> bool:
    return len(shape) == 4


def convolution(net: Draft) -> None:
    """Any number of spatial axes; also transposed, in groups, with a leading axis more."""
    name = net.pick(lambda shape: len(shape) >= 3)
    if not name:
        return
    shape, transposed = net.blobs[name], net.chance(0.3)
    axis = 1 if len(shape) == 4 or net.chance(0.7) else net.random.randrange(1, len(shape) - 1)
    channels, sizes = shape[axis], shape[axis + 1 :]
    numbers = [_numbers(net) for _ in sizes]
    if net.chance(0.5):
        numbers = numbers[:1] * len(sizes)
    after = [_after(size, *one, transposed) for size, one in zip(sizes, numbers)]
    if min(after) < 1 or max(after) > LARGEST:
        return
    group = next(g for g in (2, 3, 1) if not channels % g) if net.chance(0.4) else 1
    outputs = group * net.random.randint(1, 3)
    settings = f"num_output: {outputs} group: {group} axis: {net.place(axis, len(shape))} "
    for field, values in zip(("kernel_size", "stride", "pad", "dilation"), zip(*numbers)):
        each = values[:1] if len(set(values)) == 1 and net.chance(0.7) else values
        settings += "".join(f"{field}: {value} " for value in each)
    bias = net.chance(0.75)
    settings += net.weights() + (net.bias() if bias else "bias_term: false ")
    settings += "force_nd_im2col: true " if net.chance(0.15) else ""
    kind = "Deconvolution" if transposed else "Convolution"
    bottoms = [name, net.like(shape)] if net.chance(0.2) else [name]
    tops = [net.top((*shape[:axis], outputs, *after)) for _ in bottoms]
    more = f"convolution_param {{ {settings} }} {net.rates(1 + bias)}"
    net.layer(kind, bottoms, tops, more)


def _numbers(net: Draft) -> tuple[int, int, int, int]:
    draw = net.random.choice
    return draw((1, 2, 3, 3, 4)), draw((1, 1, 2, 3)), draw((0, 0, 1, 2)), draw((1, 1, 1, 2))


def _after(size: int, kernel: int, stride: int, pad: int, dilation: int, turned: bool) -> int:
    extent = dilation * (kernel - 1) + 1
    if turned:
        return stride * (size - 1) + extent - 2 * pad
    return int((size + 2 * pad - extent) / stride) + 1  # towards zero, as in C


def im2col(net: Draft) -> None:
    """Patches of pictures."""
    name = net.pick(_is_picture)
    if name:
        number, channels, *sizes = net.blobs[name]
        kernel, stride, pad, dilation = _numbers(net)
        after = [_after(size, kernel, stride, pad, dilation, False) for size in sizes]
        if min(after) > 0:
            settings = f"kernel_size: {kernel} stride: {stride} pad: {pad} dilation: {dilation}"
            top = net.top((number, channels * kernel**2, *after))
            net.layer("Im2col", [name], [top], f"convolution_param {{ {settings} }}")


def pooling(net: Draft) -> None:
    """Of any kernel, also one larger than the picture, and of the whole picture."""
    name = net.pick(_is_picture)
    if not name:
        return
    number, channels, *sizes = net.blobs[name]
    settings = f"pool: {net.choice('MAX', 'AVE')} "
    if net.chance(0.15):
        top = net.top((number, channels, 1, 1))
        net.layer("Pooling", [name], [top], f"pooling_param {{ {settings} global_pooling: true }}")
        return
    kernel, stride = net.random.randint(2, 4), net.random.randint(1, 3)
    pad = net.random.randrange(kernel) if net.chance(0.5) else 0
    down = net.chance(0.3)
    after = []
    for size in sizes:
        room = size + 2 * pad - kernel
        pooled = (room // stride if down else -(-room // stride)) + 1
        after.append(pooled - (pad > 0 and (pooled - 1) * stride >= size + pad))
        if pooled < 1 or (not pad and (pooled - 1) * stride >= size):
            return  # nothing, or a window of nothing: the average of that is no number
    settings += f"kernel_size: {kernel} stride: {stride} pad: {pad} "
    settings += "round_mode: FLOOR" if down else ""
    top = net.top((number, channels, *after))
    net.layer("Pooling", [name], [top], f"pooling_param {{ {settings} }}")


def lrn(net: Draft) -> None:
    """Across and within channels."""
    name = net.pick(_is_picture)
    if name:
        settings = f"local_size: {net.choice('1', '3', '5')} alpha: {net.choice('1', '0.1')} "
        settings += net.choice("", "beta: 0.5 k: 2", "norm_region: WITHIN_CHANNEL")
        net.layer("LRN", [name], [net.top(net.blobs[name])], f"lrn_param {{ {settings} }}")


def spp(net: Draft) -> None:
    """Pyramids that fit the picture."""
    height = net.random.randint(1, 3)
    name = net.pick(lambda shape: len(shape) == 4 and min(shape[2:]) >= 2 ** (height - 1))
    if name:
        number, channels = net.blobs[name][:2]
        settings = f"pyramid_height: {height} pool: {net.choice('MAX', 'AVE')}"
        top = net.top((number, channels * (4**height - 1) // 3))
        net.layer("SPP", [name], [top], f"spp_param {{ {settings} }}")


PARTS = (*[convolution] * 4, im2col, *[pooling] * 3, lrn, spp)
