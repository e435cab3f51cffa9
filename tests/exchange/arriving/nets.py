"""Today's nets as PyTorch modules: real structure, few channels, small pictures."""

# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def conv_bn(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, act: str = "relu"
) -> nn.Sequential:
    """Convolution without bias, BatchNorm, and a neuron."""
    acts = {"relu": nn.ReLU, "relu6": nn.ReLU6, "hardswish": nn.Hardswish, "silu": nn.SiLU}
    parts: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    if act:
        parts.append(acts[act](inplace=True))
    return nn.Sequential(*parts)


class LeNet(nn.Module):
    """As in PyTorch's own example: no layer for ReLU, view before the products."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 8, 5)
        self.fc1, self.fc2 = nn.Linear(8 * 4 * 4, 20), nn.Linear(20, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = x.view(x.size(0), -1)
        x = functional.dropout(torch.relu(self.fc1(x)), training=self.training)
        return functional.log_softmax(self.fc2(x), dim=1)


class Block(nn.Module):
    """ResNet's, of two convolutions or, as a bottleneck, of three."""

    def __init__(self, inputs: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        outputs = width * (4 if bottleneck else 1)
        self.bottleneck = bottleneck
        if bottleneck:
            self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        else:
            self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        x = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.bottleneck:
            x = self.bn3(self.conv3(self.relu(x)))
        x += identity
        return self.relu(x)


class ResNet(nn.Module):
    """The stem with its pooling that rounds down, stages, a global average, one product."""

    def __init__(self, blocks: Sequence[int], bottleneck: bool, width: int = 8) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = width
        for stage, count in enumerate(blocks):
            made = []
            for block in range(count):
                stride = 2 if stage and not block else 1
                made.append(Block(inputs, width << stage, stride, bottleneck))
                inputs = (width << stage) * (4 if bottleneck else 1)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*made))
        self.stages = len(blocks)
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(inputs, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))


def mobilenet_v1() -> nn.Module:
    """Depthwise and pointwise convolutions, an average over the rest of the picture."""
    layers: list[nn.Module] = [conv_bn(3, 8, 3, 2)]
    for inputs, outputs, stride in ((8, 16, 1), (16, 24, 2), (24, 24, 1), (24, 32, 2)):
        layers += [conv_bn(inputs, inputs, 3, stride, inputs), conv_bn(inputs, outputs, 1)]
    return nn.Sequential(*layers, nn.AvgPool2d(4), nn.Flatten(), nn.Linear(32, 10))


class Inverted(nn.Module):
    """MobileNet v2's block, and v3's with squeeze and excitation."""

    def __init__(
        self, inputs: int, wide: int, outputs: int, stride: int, act: str, squeeze: bool = False
    ) -> None:
        super().__init__()
        layers = [] if wide == inputs else [conv_bn(inputs, wide, 1, act=act)]
        layers.append(conv_bn(wide, wide, 3, stride, wide, act))
        if squeeze:
            layers.append(Squeeze(wide, 8))
        layers.append(conv_bn(wide, outputs, 1, act=""))
        self.block = nn.Sequential(*layers)
        self.use_res_connect = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.use_res_connect else self.block(x)


class Squeeze(nn.Sequential):
    """Channels by what all the picture says of them."""

    def __init__(self, channels: int, inside: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(channels, inside, 1), nn.Conv2d(inside, channels, 1)
        self.activation, self.scale_activation = nn.ReLU(), nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        scale = self.fc2(self.activation(self.fc1(self.avgpool(x))))
        return self.scale_activation(scale) * x


class MobileNet(nn.Module):
    """Versions 2 and 3."""

    def __init__(self, version: int) -> None:
        super().__init__()
        act = "relu6" if version == 2 else "hardswish"
        squeeze = version == 3
        self.features = nn.Sequential(
            conv_bn(3, 8, 3, 2, act=act),
            Inverted(8, 8, 8, 1, act, squeeze),
            Inverted(8, 24, 12, 2, act),
            Inverted(12, 36, 12, 1, act, squeeze),
            conv_bn(12, 32, 1, act=act),
        )
        last = [nn.Hardswish(inplace=True)] if version == 3 else []
        self.classifier = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(32, 16), *last, nn.Linear(16, 10)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = x.mean([2, 3]) if len(self.classifier) == 3 else self.pool(x)
        return self.classifier(x)

    def pool(self, x: Tensor) -> Tensor:
        """As torchvision has it for version 3."""
        return functional.adaptive_avg_pool2d(x, 1).reshape(x.shape[0], -1)


class Vgg(nn.Module):
    """VGG and AlexNet: features, an adaptive average, products."""

    def __init__(self, alex: bool) -> None:
        super().__init__()
        if alex:
            layers: list[nn.Module] = [
                nn.Conv2d(3, 8, 11, 4, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
                nn.Conv2d(8, 12, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
                nn.Conv2d(12, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
            ]  # fmt: skip
        else:
            layers, inputs = [], 3
            for width in (6, 8, 12):
                for _ in range(2):
                    layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width)]
                    layers.append(nn.ReLU(inplace=True))
                    inputs = width
                layers.append(nn.MaxPool2d(2, 2))
        self.features, size = nn.Sequential(*layers), 3 if alex else 4
        self.avgpool = nn.AdaptiveAvgPool2d((size, size))
        channels = 8 if alex else 12
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Linear(channels * size * size, 32), nn.ReLU(inplace=True),
            nn.Dropout(), nn.Linear(32, 10),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class Fire(nn.Module):
    """SqueezeNet's module."""

    def __init__(self, inputs: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.activation(self.squeeze(x))
        both = [self.activation(self.expand1x1(x)), self.activation(self.expand3x3(x))]
        return torch.cat(both, 1)


def squeezenet() -> nn.Module:
    """Pooling that rounds up, as in Caffe, and a global average of scores."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, ceil_mode=True),
        Fire(8, 4, 8), Fire(16, 4, 8), nn.MaxPool2d(3, 2, ceil_mode=True), Fire(16, 6, 12),
        nn.Dropout(), nn.Conv2d(24, 10, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(), nn.Softmax(dim=1),
    )  # fmt: skip


class Inception(nn.Module):
    """GoogLeNet's module, with v3's average in one of its branches."""

    def __init__(self, inputs: int, average: bool) -> None:
        super().__init__()
        self.branch1 = conv_bn(inputs, 6, 1)
        self.branch2 = nn.Sequential(conv_bn(inputs, 4, 1), conv_bn(4, 8, 3))
        self.branch3 = nn.Sequential(
            conv_bn(inputs, 4, 1),
            nn.Sequential(nn.Conv2d(4, 5, (1, 7), padding=(0, 3), bias=False), nn.BatchNorm2d(5)),
            nn.Sequential(nn.Conv2d(5, 6, (7, 1), padding=(3, 0), bias=False), nn.BatchNorm2d(6)),
        )
        pool: nn.Module = nn.MaxPool2d(3, 1, 1, ceil_mode=True)
        if average:
            pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.branch4 = nn.Sequential(pool, conv_bn(inputs, 4, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(
            [b(x) for b in (self.branch1, self.branch2, self.branch3, self.branch4)], 1
        )


class GoogLeNet(nn.Module):
    """Two modules and a head beside the main one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.maxpool1 = conv_bn(3, 8, 7, 2), nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception3a, self.inception3b = Inception(8, False), Inception(24, True)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.fc, self.aux = nn.Linear(24, 10), nn.Linear(24 * 4, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.maxpool1(self.conv1(x))
        x = self.inception3a(x)
        aux = self.aux(functional.adaptive_avg_pool2d(x, (2, 2)).flatten(1))
        x = self.maxpool3(self.inception3b(x))
        return self.fc(functional.adaptive_avg_pool2d(x, 1).flatten(1)), aux


class DenseLayer(nn.Module):
    """BatchNorm first, then the convolution."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, 16, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(16), nn.Conv2d(16, growth, 3, 1, 1, bias=False)

    def forward(self, parts: list[Tensor]) -> Tensor:
        x = self.conv1(functional.relu(self.norm1(torch.cat(parts, 1))))
        return self.conv2(functional.relu(self.norm2(x)))


class DenseNet(nn.Module):
    """Blocks whose layers read all that came before, and transitions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, 8, 7, 2)
        self.block1 = nn.ModuleList([DenseLayer(8 + 4 * k, 4) for k in range(3)])
        self.norm, self.conv = nn.BatchNorm2d(20), nn.Conv2d(20, 10, 1, bias=False)
        self.block2 = nn.ModuleList([DenseLayer(10 + 4 * k, 4) for k in range(2)])
        self.norm5, self.classifier = nn.BatchNorm2d(18), nn.Linear(18, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(self.stem(x), 3, 2, 1)
        for block in (self.block1, self.block2):
            parts = [x]
            for layer in block:
                parts.append(layer(parts))
            x = torch.cat(parts, 1)
            if block is self.block1:
                x = functional.avg_pool2d(self.conv(functional.relu(self.norm(x))), 2, 2)
        x = functional.adaptive_avg_pool2d(functional.relu(self.norm5(x)), (1, 1))
        return self.classifier(torch.flatten(x, 1))


class UNet(nn.Module):
    """Down and up again, by transposed convolutions or by bilinear enlargement."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.down1, self.down2 = conv_bn(1, 6, 3), conv_bn(6, 8, 3)
        self.bottom = conv_bn(8, 12, 3)
        self.up2 = nn.ConvTranspose2d(12, 8, 2, 2)
        self.conv2 = conv_bn(16 if way == "deconv" else 20, 8, 3)
        self.up1 = nn.ConvTranspose2d(8, 6, 3, 2, 1, output_padding=1)
        self.conv1 = conv_bn(12 if way == "deconv" else 14, 6, 3)
        self.outc = nn.Conv2d(6, 2, 1)

    def enlarge(self, up: nn.Module, x: Tensor) -> Tensor:
        """Twice as large."""
        if self.way == "deconv":
            return up(x)
        if self.way == "nearest":
            return functional.interpolate(x, scale_factor=2, mode="nearest")
        corners = self.way == "corners"
        return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=corners)

    def forward(self, x: Tensor) -> Tensor:
        one = self.down1(x)
        two = self.down2(functional.max_pool2d(one, 2))
        x = self.bottom(functional.max_pool2d(two, 2))
        x = self.conv2(torch.cat([two, self.enlarge(self.up2, x)], 1))
        x = self.conv1(torch.cat([one, self.enlarge(self.up1, x)], 1))
        return torch.sigmoid(self.outc(x))


class Shuffle(nn.Module):
    """ShuffleNet v2: half of the channels go on, then they are dealt out anew."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, 8, 3, 2)
        self.branch = nn.Sequential(conv_bn(4, 4, 1), conv_bn(4, 4, 3, 1, 4, ""), conv_bn(4, 4, 1))
        self.conv5, self.fc = conv_bn(8, 12, 1), nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(self.stem(x), 3, 2, 1)
        for _ in range(2):
            one, two = x.chunk(2, dim=1)
            x = torch.cat((one, self.branch(two)), dim=1)
            batch, channels, height, width = x.size()
            x = x.view(batch, 2, channels // 2, height, width)
            x = torch.transpose(x, 1, 2).contiguous().view(batch, -1, height, width)
        return self.fc(self.conv5(x).mean([2, 3]))


class Efficient(nn.Module):
    """EfficientNet's block: SiLU, and a sigmoid in squeeze and excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.dw = conv_bn(3, 8, 3, 2, act="silu"), conv_bn(8, 8, 5, 2, 8, "silu")
        self.reduce, self.expand = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)
        self.project, self.head = conv_bn(8, 6, 1, act=""), conv_bn(6, 12, 1, act="silu")
        self.fc = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dw(self.stem(x))
        s = functional.adaptive_avg_pool2d(x, 1)
        x = torch.sigmoid(self.expand(functional.silu(self.reduce(s)))) * x
        x = self.head(self.project(x))
        return self.fc(functional.adaptive_avg_pool2d(x, 1).flatten(1))


def espcn() -> nn.Module:
    """Super-resolution: channels become pixels."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2), nn.Tanh(), nn.Conv2d(8, 9, 3, padding=1), nn.PixelShuffle(3)
    )


NETS = {
    "lenet": (LeNet, (1, 28, 28)),
    "resnet18": (lambda: ResNet((2, 2, 2, 2), False), (3, 64, 64)),
    "resnet50": (lambda: ResNet((3, 4, 6, 3), True, 4), (3, 64, 64)),
    "mobilenet_v1": (mobilenet_v1, (3, 32, 32)),
    "mobilenet_v2": (lambda: MobileNet(2), (3, 32, 32)),
    "mobilenet_v3": (lambda: MobileNet(3), (3, 33, 31)),
    "vgg16_bn": (lambda: Vgg(False), (3, 32, 32)),
    "alexnet": (lambda: Vgg(True), (3, 127, 127)),
    "squeezenet": (squeezenet, (3, 48, 50)),
    "googlenet": (GoogLeNet, (3, 32, 32)),
    "densenet": (DenseNet, (3, 32, 32)),
    "unet": (lambda: UNet("deconv"), (1, 24, 16)),
    "unet_nearest": (lambda: UNet("nearest"), (1, 24, 16)),
    "unet_bilinear": (lambda: UNet("bilinear"), (1, 24, 16)),
    "unet_corners": (lambda: UNet("corners"), (1, 24, 16)),
    "shufflenet_v2": (Shuffle, (3, 32, 32)),
    "efficientnet": (Efficient, (3, 32, 32)),
    "espcn": (espcn, (1, 12, 10)),
}


def trained(name: str, seed: int = 3) -> tuple[nn.Module, tuple[int, int, int]]:
    """The net, its weights drawn by chance so that values keep their size; its picture's shape."""
    make, shape = NETS[name]
    torch.manual_seed(seed)
    net = make().eval()  # type: ignore[operator]
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.3, 0.3)  # type: ignore[union-attr]
            module.running_var.uniform_(0.3, 1.5)  # type: ignore[union-attr]
            nn.init.uniform_(module.weight, 0.6, 1.4)
            nn.init.uniform_(module.bias, -0.3, 0.3)
        elif isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
    return net, shape
