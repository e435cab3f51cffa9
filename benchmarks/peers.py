"""The nets of nets.py as one writes them by hand in PyTorch, and the loop that trains them."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn


def lenet(size: int, classes: int) -> nn.Module:
    """LeNet."""
    side = -(-(-(-(size - 4) // 2) - 4) // 2)
    return nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.MaxPool2d(2, 2, ceil_mode=True),
        nn.Conv2d(20, 50, 5), nn.MaxPool2d(2, 2, ceil_mode=True),
        nn.Flatten(), nn.Linear(50 * side * side, 500), nn.ReLU(inplace=True),
        nn.Linear(500, classes),
    )  # fmt: skip


def caffenet(size: int, classes: int) -> nn.Module:
    """CaffeNet."""

    def act() -> nn.Module:
        return nn.ReLU(inplace=True)

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    features = nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), act(), pool(), nn.LocalResponseNorm(5),
        nn.Conv2d(96, 256, 5, 1, 2, groups=2), act(), pool(), nn.LocalResponseNorm(5),
        nn.Conv2d(256, 384, 3, 1, 1), act(),
        nn.Conv2d(384, 384, 3, 1, 1, groups=2), act(),
        nn.Conv2d(384, 256, 3, 1, 1, groups=2), act(), pool(), nn.Flatten(),
    )  # fmt: skip
    with torch.no_grad():
        width = features(torch.zeros(1, 3, size, size)).shape[1]
    return nn.Sequential(
        features, nn.Linear(width, 4096), act(), nn.Dropout(), nn.Linear(4096, 4096), act(),
        nn.Dropout(), nn.Linear(4096, classes),
    )  # fmt: skip


class Bottleneck(nn.Module):
    """1 × 1, 3 × 3, 1 × 1, and what came in."""

    def __init__(self, outer: int, inner: int, stride: int) -> None:
        super().__init__()
        self.inside = nn.Sequential(
            nn.Conv2d(outer, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(inplace=True),
            nn.Conv2d(inner, inner, 3, stride, 1, bias=False), nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True), nn.Conv2d(inner, 4 * inner, 1, bias=False),
            nn.BatchNorm2d(4 * inner),
        )  # fmt: skip
        self.beside: nn.Module = nn.Identity()
        if stride > 1 or outer != 4 * inner:
            self.beside = nn.Sequential(
                nn.Conv2d(outer, 4 * inner, 1, stride, bias=False), nn.BatchNorm2d(4 * inner)
            )

    def forward(self, x: Tensor) -> Tensor:
        """The sum, rectified."""
        return nn.functional.relu(self.inside(x) + self.beside(x), inplace=True)


def resnet50(size: int, classes: int) -> nn.Module:
    """ResNet-50."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, ceil_mode=True),
    ]  # fmt: skip
    outer = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        inner = 64 << stage
        for block in range(blocks):
            layers.append(Bottleneck(outer, inner, 2 if stage and not block else 1))
            outer = 4 * inner
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(outer, classes))


PEERS = {"LeNet": lenet, "CaffeNet": caffenet, "ResNet-50": resnet50}


def images_a_second(
    name: str, batch: int, size: int, classes: int, precision: str, device: torch.device,
    warm: int, iterations: int,
) -> float:  # fmt: skip
    """The loop: zero_grad, forward, loss, backward, step; autocast and channels last in 16 bits."""
    allowed = precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    net = PEERS[name](size, classes).to(device).train()
    x = torch.full((batch, 1 if name == "LeNet" else 3, size, size), 0.5, device=device)
    if half or allowed or device.type == "cpu":
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        x = x.contiguous(memory_format=torch.channels_last)
    labels = torch.full((batch,), classes // 2, device=device)
    optimizer = torch.optim.SGD(net.parameters(), 0.001, momentum=0.9, weight_decay=0.0005)
    loss_of, scaler = nn.CrossEntropyLoss(), torch.amp.GradScaler(device.type, enabled=False)
    if precision == "fp16":
        scaler = torch.amp.GradScaler(device.type)
    started = 0.0
    for iteration in range(warm + iterations):
        if iteration == warm:
            wait(device)
            started = time.perf_counter()
        optimizer.zero_grad()
        with torch.autocast(device.type, half or torch.bfloat16, enabled=half is not None):
            loss = loss_of(net(x), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    wait(device)
    return batch * iterations / (time.perf_counter() - started)


def wait(device: torch.device) -> None:
    """Until everything that was asked for is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
