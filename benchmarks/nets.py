"""Training nets to time, as prototxt: data from DummyData, everything else as published.

LeNet, CIFAR-10 "full" (within-channel LRN), CaffeNet (grouped convolutions, LRN across channels),
GoogLeNet (nine inception modules, two auxiliary losses) and ResNet-50 (batch normalisation).
"""

from __future__ import annotations


def dummy(batch: int, channels: int, size: int, classes: int, drawn: bool = True) -> str:
    """Pictures drawn anew for every batch (or one and the same), and labels of one class."""
    sizes = f"dim: {batch} dim: {channels} dim: {size} dim: {size}"
    filler = 'type: "gaussian" std: 1' if drawn else 'type: "constant" value: 0.5'
    return (
        'layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param { '
        f"shape {{ {sizes} }} shape {{ dim: {batch} }} "
        f"data_filler {{ {filler} }} "
        f'data_filler {{ type: "constant" value: {classes // 2} }} }} }}\n'
    )


def conv(
    name: str, bottom: str, outputs: int, kernel: int, relu: bool = True, **settings: int
) -> str:
    """A convolution with its ReLU."""
    more = " ".join(f"{key}: {value}" for key, value in settings.items())
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" '
        "param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 } "
        f"convolution_param {{ num_output: {outputs} kernel_size: {kernel} {more} "
        'weight_filler { type: "gaussian" std: 0.01 } } }\n'
    ) + (rectifier(name) if relu else "")


def rectifier(name: str) -> str:
    """A ReLU in place."""
    return f'layer {{ name: "{name}/relu" type: "ReLU" bottom: "{name}" top: "{name}" }}\n'


def pool(name: str, bottom: str, kernel: int, stride: int, kind: str = "MAX", pad: int = 0) -> str:
    """A pooling layer."""
    return (
        f'layer {{ name: "{name}" type: "Pooling" bottom: "{bottom}" top: "{name}" '
        f"pooling_param {{ pool: {kind} kernel_size: {kernel} stride: {stride} pad: {pad} }} }}\n"
    )


def lrn(name: str, bottom: str, size: int, settings: str) -> str:
    """A normalisation layer."""
    return (
        f'layer {{ name: "{name}" type: "LRN" bottom: "{bottom}" top: "{name}" '
        f"lrn_param {{ local_size: {size} {settings} }} }}\n"
    )


def full(name: str, bottom: str, outputs: int, dropout: float = 0.0, relu: bool = True) -> str:
    """A fully connected layer, with ReLU and dropout where wanted."""
    text = (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" '
        f"inner_product_param {{ num_output: {outputs} "
        'weight_filler { type: "gaussian" std: 0.005 } } }\n'
    )
    if relu:
        text += rectifier(name)
    if dropout:
        text += (
            f'layer {{ name: "{name}/drop" type: "Dropout" bottom: "{name}" top: "{name}" '
            f"dropout_param {{ dropout_ratio: {dropout} }} }}\n"
        )
    return text


def loss(name: str, bottom: str, weight: float = 1.0) -> str:
    """A softmax loss."""
    return (
        f'layer {{ name: "{name}" type: "SoftmaxWithLoss" bottom: "{bottom}" bottom: "label" '
        f'top: "{name}" loss_weight: {weight} }}\n'
    )


def cifar10(batch: int = 100) -> str:
    """CIFAR-10 with normalisation within channels."""
    within = "alpha: 5e-5 beta: 0.75 norm_region: WITHIN_CHANNEL"
    return (
        'name: "cifar10"\n'
        + dummy(batch, 3, 32, 10)
        + conv("conv1", "data", 32, 5, relu=False, pad=2)
        + pool("pool1", "conv1", 3, 2)
        + rectifier("pool1")
        + lrn("norm1", "pool1", 3, within)
        + conv("conv2", "norm1", 32, 5, pad=2)
        + pool("pool2", "conv2", 3, 2, "AVE")
        + lrn("norm2", "pool2", 3, within)
        + conv("conv3", "norm2", 64, 5, pad=2)
        + pool("pool3", "conv3", 3, 2, "AVE")
        + full("ip1", "pool3", 10, relu=False)
        + loss("loss", "ip1")
    )


def lenet(batch: int = 64, size: int = 28, classes: int = 10, drawn: bool = True) -> str:
    """LeNet."""
    return (
        'name: "LeNet"\n'
        + dummy(batch, 1, size, classes, drawn)
        + conv("conv1", "data", 20, 5, relu=False)
        + pool("pool1", "conv1", 2, 2)
        + conv("conv2", "pool1", 50, 5, relu=False)
        + pool("pool2", "conv2", 2, 2)
        + full("ip1", "pool2", 500)
        + full("ip2", "ip1", classes, relu=False)
        + loss("loss", "ip2")
    )


def caffenet(batch: int = 16, size: int = 227, classes: int = 1000, drawn: bool = True) -> str:
    """CaffeNet."""
    across = "alpha: 1e-4 beta: 0.75"
    return (
        'name: "CaffeNet"\n'
        + dummy(batch, 3, size, classes, drawn)
        + conv("conv1", "data", 96, 11, stride=4)
        + pool("pool1", "conv1", 3, 2)
        + lrn("norm1", "pool1", 5, across)
        + conv("conv2", "norm1", 256, 5, pad=2, group=2)
        + pool("pool2", "conv2", 3, 2)
        + lrn("norm2", "pool2", 5, across)
        + conv("conv3", "norm2", 384, 3, pad=1)
        + conv("conv4", "conv3", 384, 3, pad=1, group=2)
        + conv("conv5", "conv4", 256, 3, pad=1, group=2)
        + pool("pool5", "conv5", 3, 2)
        + full("fc6", "pool5", 4096, dropout=0.5)
        + full("fc7", "fc6", 4096, dropout=0.5)
        + full("fc8", "fc7", classes, relu=False)
        + loss("loss", "fc8")
    )


# Of each inception module: 1×1, 3×3 reduced and full, 5×5 reduced and full, after the pooling.
INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def inception(name: str, bottom: str) -> str:
    """Four branches side by side."""
    one, three_in, three, five_in, five, after = INCEPTIONS[name]
    branches = [f"{name}/{end}" for end in ("1x1", "3x3", "5x5", "pool_proj")]
    bottoms = " ".join(f'bottom: "{branch}"' for branch in branches)
    return (
        conv(branches[0], bottom, one, 1)
        + conv(f"{name}/3x3_reduce", bottom, three_in, 1)
        + conv(branches[1], f"{name}/3x3_reduce", three, 3, pad=1)
        + conv(f"{name}/5x5_reduce", bottom, five_in, 1)
        + conv(branches[2], f"{name}/5x5_reduce", five, 5, pad=2)
        + pool(f"{name}/pool", bottom, 3, 1, pad=1)
        + conv(branches[3], f"{name}/pool", after, 1)
        + f'layer {{ name: "{name}" type: "Concat" {bottoms} top: "{name}" }}\n'
    )


def auxiliary(name: str, bottom: str) -> str:
    """A loss half-way up."""
    return (
        pool(f"{name}/pool", bottom, 5, 3, "AVE")
        + conv(f"{name}/conv", f"{name}/pool", 128, 1)
        + full(f"{name}/fc", f"{name}/conv", 1024, dropout=0.7)
        + full(f"{name}/classifier", f"{name}/fc", 1000, relu=False)
        + loss(name, f"{name}/classifier", 0.3)
    )


def googlenet(batch: int = 16) -> str:
    """GoogLeNet at 224 × 224."""
    across = "alpha: 1e-4 beta: 0.75"
    text = (
        'name: "GoogLeNet"\n'
        + dummy(batch, 3, 224, 1000)
        + conv("conv1", "data", 64, 7, pad=3, stride=2)
        + pool("pool1", "conv1", 3, 2)
        + lrn("norm1", "pool1", 5, across)
        + conv("conv2_reduce", "norm1", 64, 1)
        + conv("conv2", "conv2_reduce", 192, 3, pad=1)
        + lrn("norm2", "conv2", 5, across)
        + pool("pool2", "norm2", 3, 2)
    )
    below = "pool2"
    for name in INCEPTIONS:
        text += inception(name, below)
        below = name
        if name in ("4a", "4d"):
            text += auxiliary(f"loss_{name}", name)
        if name in ("3b", "4e"):
            text += pool(f"pool_{name}", name, 3, 2)
            below = f"pool_{name}"
    return (
        text
        + pool("pool5", below, 7, 1, "AVE")
        + 'layer { name: "drop" type: "Dropout" bottom: "pool5" top: "pool5" '
        "dropout_param { dropout_ratio: 0.4 } }\n"
        + full("classifier", "pool5", 1000, relu=False)
        + loss("loss", "classifier")
    )


def normalised(name: str, bottom: str, outputs: int, kernel: int, **settings: int) -> str:
    """A convolution without bias, then BatchNorm and Scale in place."""
    more = " ".join(f"{key}: {value}" for key, value in settings.items())
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" '
        f"convolution_param {{ num_output: {outputs} kernel_size: {kernel} {more} "
        'bias_term: false weight_filler { type: "msra" } } }\n'
        f'layer {{ name: "{name}/bn" type: "BatchNorm" bottom: "{name}" top: "{name}" }}\n'
        f'layer {{ name: "{name}/scale" type: "Scale" bottom: "{name}" top: "{name}" '
        "scale_param { bias_term: true } }\n"
    )


def bottleneck(name: str, bottom: str, inner: int, stride: int, widens: bool) -> str:
    """1 × 1, 3 × 3, 1 × 1, and the bottom (projected where shapes differ) added."""
    text = (
        normalised(f"{name}/a", bottom, inner, 1)
        + rectifier(f"{name}/a")
        + normalised(f"{name}/b", f"{name}/a", inner, 3, stride=stride, pad=1)
        + rectifier(f"{name}/b")
        + normalised(f"{name}/c", f"{name}/b", 4 * inner, 1)
    )
    beside = bottom
    if widens:
        beside = f"{name}/beside"
        text += normalised(beside, bottom, 4 * inner, 1, stride=stride)
    return (
        text + f'layer {{ name: "{name}" type: "Eltwise" bottom: "{name}/c" bottom: "{beside}" '
        f'top: "{name}" }}\n' + rectifier(name)
    )


def resnet50(batch: int = 8, size: int = 224, classes: int = 1000, drawn: bool = True) -> str:
    """ResNet-50, strides in the 3 × 3 convolutions."""
    text = (
        'name: "ResNet-50"\n'
        + dummy(batch, 3, size, classes, drawn)
        + normalised("conv1", "data", 64, 7, stride=2, pad=3)
        + rectifier("conv1")
        + pool("pool1", "conv1", 3, 2)
    )
    below = "pool1"
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            name = f"res{stage + 2}{chr(ord('a') + block)}"
            stride = 2 if stage and not block else 1
            text += bottleneck(name, below, 64 << stage, stride, widens=not block)
            below = name
    return (
        text + f'layer {{ name: "pool5" type: "Pooling" bottom: "{below}" top: "pool5" '
        "pooling_param { pool: AVE global_pooling: true } }\n"
        + full("classifier", "pool5", classes, relu=False)
        + loss("loss", "classifier")
    )


# Of each block of MobileNet: the stride of its depthwise convolution, and the outputs after it.
BLOCKS = (
    (1, 64),
    (2, 128),
    (1, 128),
    (2, 256),
    (1, 256),
    (2, 512),
    *[(1, 512)] * 5,
    (2, 1024),
    (1, 1024),
)


def mobilenet(batch: int = 16, size: int = 224, classes: int = 1000, drawn: bool = True) -> str:
    """MobileNet (version 1): 13 depthwise convolutions, as Caffe writes them (group = channels)."""
    text = (
        'name: "MobileNet"\n'
        + dummy(batch, 3, size, classes, drawn)
        + normalised("conv1", "data", 32, 3, stride=2, pad=1)
        + rectifier("conv1")
    )
    below, channels = "conv1", 32
    for number, (stride, outputs) in enumerate(BLOCKS, 2):
        depthwise, pointwise = f"conv{number}/dw", f"conv{number}/sep"
        text += normalised(depthwise, below, channels, 3, stride=stride, pad=1, group=channels)
        text += rectifier(depthwise)
        text += normalised(pointwise, depthwise, outputs, 1) + rectifier(pointwise)
        below, channels = pointwise, outputs
    return (
        text
        + pool("pool", below, size // 32, 1, "AVE")
        + full("fc", "pool", classes, relu=False)
        + loss("loss", "fc")
    )


NETS = {
    "CIFAR-10": cifar10,
    "CaffeNet": caffenet,
    "GoogLeNet": googlenet,
    "ResNet-50": resnet50,
    "MobileNet": mobilenet,
}
