"""Layers in many settings, as prototxt: each case runs under real Caffe and under the engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One layer: its type and settings, and what comes in.

    `bottoms` are shapes; a string such as "labels:10" takes the shape of the first bottom's
    predictions and whole numbers below 10.
    """

    name: str
    type: str
    settings: str = ""
    bottoms: tuple[tuple[int, ...] | str, ...] = ((2, 3, 8, 9),)
    tops: int = 1
    phase: str = "TRAIN"
    in_place: bool = False
    positive: bool = False

    def net(self) -> str:
        """The whole net: an Input for each bottom, then the layer; gradients for everything."""
        text = f'name: "{self.name}" force_backward: true\n'
        names = [f"in{index}" for index in range(len(self.bottoms))]
        for name, shape in zip(names, self.shapes()):
            dims = " ".join(f"dim: {size}" for size in shape)
            text += (
                f'layer {{ name: "{name}" type: "Input" top: "{name}" '
                f"input_param {{ shape {{ {dims} }} }} }}\n"
            )
        tops = ["in0"] if self.in_place else [f"out{index}" for index in range(self.tops)]
        bottoms = " ".join(f'bottom: "{name}"' for name in names)
        outs = " ".join(f'top: "{name}"' for name in tops)
        return text + (
            f'layer {{ name: "layer" type: "{self.type}" {bottoms} {outs} {self.settings} }}\n'
        )

    def shapes(self) -> list[tuple[int, ...]]:
        """The bottoms' shapes, those of labels worked out."""
        shapes: list[tuple[int, ...]] = []
        for bottom in self.bottoms:
            if isinstance(bottom, str):
                first = shapes[0]
                shapes.append((first[0], *first[2:]))
            else:
                shapes.append(bottom)
        return shapes

    def limits(self) -> list[int]:
        """For each bottom, 0, or the number below which its whole numbers lie."""
        return [int(b.split(":")[1]) if isinstance(b, str) else 0 for b in self.bottoms]


FILL = 'weight_filler { type: "gaussian" std: 0.3 } bias_filler { type: "gaussian" std: 0.3 }'


def _convolution(name: str, settings: str, bottoms: tuple[tuple[int, ...], ...]) -> Case:
    tops = len(bottoms)
    return Case(
        f"convolution-{name}",
        "Convolution",
        f"convolution_param {{ {settings} {FILL} }}",
        bottoms,
        tops,
    )


def _pooling(
    name: str, settings: str, shape: tuple[int, ...] = (2, 3, 8, 9), tops: int = 1
) -> Case:
    return Case(f"pooling-{name}", "Pooling", f"pooling_param {{ {settings} }}", (shape,), tops)


CASES = [
    _convolution("lenet1", "num_output: 20 kernel_size: 5", ((4, 1, 28, 28),)),
    _convolution("lenet2", "num_output: 50 kernel_size: 5", ((4, 20, 12, 12),)),
    _convolution("strided", "num_output: 6 kernel_size: 3 stride: 2 pad: 1", ((2, 4, 9, 7),)),
    _convolution("group", "num_output: 6 kernel_size: 3 group: 2 pad: 1", ((2, 4, 9, 7),)),
    _convolution("depthwise", "num_output: 4 kernel_size: 3 group: 4", ((2, 4, 9, 7),)),
    _convolution("dilated", "num_output: 3 kernel_size: 3 dilation: 2", ((2, 2, 9, 11),)),
    _convolution("one-by-one", "num_output: 7 kernel_size: 1", ((2, 5, 4, 6),)),
    _convolution("no-bias", "num_output: 4 kernel_size: 3 bias_term: false", ((2, 3, 6, 6),)),
    _convolution(
        "uneven",
        "num_output: 5 kernel_h: 2 kernel_w: 3 stride_h: 2 stride_w: 1 pad_h: 0 pad_w: 2",
        ((2, 3, 7, 8),),
    ),
    _convolution("large-patch", "num_output: 4 kernel_size: 7 stride: 3", ((2, 6, 20, 17),)),
    _convolution("3d", "num_output: 4 kernel_size: 3 pad: 1 stride: 2", ((2, 2, 6, 7, 5),)),
    _convolution("1d", "num_output: 4 kernel_size: 3 pad: 1", ((2, 3, 11),)),
    _convolution("two", "num_output: 4 kernel_size: 3", ((2, 3, 6, 6), (2, 3, 6, 6))),
    _pooling("max", "pool: MAX kernel_size: 2 stride: 2"),
    _pooling("max-ceil", "pool: MAX kernel_size: 3 stride: 2"),
    _pooling("max-pad", "pool: MAX kernel_size: 3 stride: 2 pad: 1"),
    _pooling("max-wide-pad", "pool: MAX kernel_size: 3 stride: 2 pad: 2"),
    _pooling("max-wide-mask", "pool: MAX kernel_size: 5 stride: 3 pad: 3", tops=2),
    _pooling("ave-wider-pad", "pool: AVE kernel_size: 5 stride: 4 pad: 4"),
    _pooling("max-floor", "pool: MAX kernel_size: 3 stride: 2 round_mode: FLOOR"),
    _pooling("max-mask", "pool: MAX kernel_size: 3 stride: 2", tops=2),
    _pooling("max-global", "pool: MAX global_pooling: true"),
    _pooling("max-sparse", "pool: MAX kernel_size: 1 stride: 3", (2, 3, 7, 7)),
    _pooling("max-uneven", "pool: MAX kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 2"),
    _pooling("ave", "pool: AVE kernel_size: 2 stride: 2"),
    _pooling("ave-ceil", "pool: AVE kernel_size: 3 stride: 2"),
    _pooling("ave-pad", "pool: AVE kernel_size: 3 stride: 2 pad: 1"),
    _pooling("ave-wide-pad", "pool: AVE kernel_size: 3 stride: 1 pad: 2"),
    _pooling("ave-global", "pool: AVE global_pooling: true"),
    Case("ip", "InnerProduct", f"inner_product_param {{ num_output: 7 {FILL} }}"),
    Case(
        "ip-axis2",
        "InnerProduct",
        f"inner_product_param {{ num_output: 4 axis: 2 {FILL} }}",
        ((3, 5, 2, 6),),
    ),
    Case(
        "ip-negative-axis",
        "InnerProduct",
        f"inner_product_param {{ num_output: 4 axis: -1 bias_term: false {FILL} }}",
        ((3, 5, 6),),
    ),
    Case(
        "ip-transposed",
        "InnerProduct",
        f"inner_product_param {{ num_output: 7 transpose: true {FILL} }}",
    ),
    Case("relu", "ReLU"),
    Case("relu-in-place", "ReLU", in_place=True),
    Case("relu-leaky", "ReLU", "relu_param { negative_slope: 0.1 }"),
    Case("relu-leaky-in-place", "ReLU", "relu_param { negative_slope: 0.3 }", in_place=True),
    Case("sigmoid", "Sigmoid"),
    Case("sigmoid-in-place", "Sigmoid", in_place=True),
    Case("sigmoid-vector", "Sigmoid", bottoms=((5, 4),)),
    Case("tanh", "TanH"),
    Case("tanh-in-place", "TanH", in_place=True),
    Case("tanh-vector", "TanH", bottoms=((5, 4),)),
    Case("dropout-test", "Dropout", phase="TEST"),
    Case("dropout-in-place-test", "Dropout", phase="TEST", in_place=True),
    Case("dropout-ratio-test", "Dropout", "dropout_param { dropout_ratio: 0.9 }", phase="TEST"),
    Case("lrn", "LRN", "lrn_param { local_size: 5 alpha: 0.5 beta: 0.75 }", ((2, 9, 4, 5),)),
    Case("lrn-k", "LRN", "lrn_param { local_size: 3 alpha: 2 beta: 0.5 k: 2 }"),
    Case("lrn-one", "LRN", "lrn_param { local_size: 1 alpha: 1 beta: 1 }"),
    Case("lrn-wider", "LRN", "lrn_param { local_size: 7 alpha: 1 beta: 0.75 }"),
    Case("lrn-within", "LRN", "lrn_param { local_size: 3 alpha: 1 norm_region: WITHIN_CHANNEL }"),
    Case(
        "lrn-within-5",
        "LRN",
        "lrn_param { local_size: 5 alpha: 2 beta: 0.5 norm_region: WITHIN_CHANNEL }",
    ),
    Case("softmax", "Softmax", bottoms=((4, 10),)),
    Case("softmax-spatial", "Softmax"),
    Case("softmax-axis", "Softmax", "softmax_param { axis: -1 }"),
    Case("loss", "SoftmaxWithLoss", bottoms=((6, 10), "labels:10")),
    Case("loss-spatial", "SoftmaxWithLoss", bottoms=((2, 5, 3, 4), "labels:5")),
    Case(
        "loss-weight",
        "SoftmaxWithLoss",
        "loss_weight: 0.3",
        bottoms=((6, 10), "labels:10"),
    ),
    Case(
        "loss-ignore",
        "SoftmaxWithLoss",
        "loss_param { ignore_label: 2 }",
        ((2, 5, 3, 4), "labels:5"),
    ),
    *(
        Case(
            f"loss-{mode.lower()}",
            "SoftmaxWithLoss",
            f"loss_param {{ ignore_label: 1 normalization: {mode} }}",
            ((2, 4, 3, 4), "labels:4"),
        )
        for mode in ("FULL", "VALID", "BATCH_SIZE", "NONE")
    ),
    *(
        Case(
            f"loss-normalize-{value}",
            "SoftmaxWithLoss",
            f"loss_param {{ ignore_label: 1 normalize: {value} }}",
            ((2, 4, 3, 4), "labels:4"),
        )
        for value in ("true", "false")
    ),
    Case("accuracy", "Accuracy", bottoms=((8, 5), "labels:5"), phase="TEST"),
    Case(
        "accuracy-top-2",
        "Accuracy",
        "accuracy_param { top_k: 2 }",
        ((8, 5), "labels:5"),
        phase="TEST",
    ),
    Case(
        "accuracy-ignore",
        "Accuracy",
        "accuracy_param { ignore_label: 3 }",
        ((2, 5, 3, 4), "labels:5"),
        phase="TEST",
    ),
    Case("accuracy-classes", "Accuracy", bottoms=((9, 4), "labels:4"), tops=2, phase="TEST"),
    Case("split", "Split", tops=3),
    Case("split-two", "Split", bottoms=((4, 5),), tops=2),
    Case("split-one", "Split", tops=1),
    Case("flatten", "Flatten"),
    Case("flatten-axes", "Flatten", "flatten_param { axis: 0 end_axis: 2 }"),
    Case("flatten-negative", "Flatten", "flatten_param { axis: -2 end_axis: -1 }"),
    Case("concat", "Concat", bottoms=((2, 3, 4, 5), (2, 1, 4, 5))),
    Case("concat-axis", "Concat", "concat_param { axis: 0 }", ((2, 3), (4, 3), (1, 3))),
    Case("concat-negative", "Concat", "concat_param { axis: -1 }", ((2, 3), (2, 5))),
    Case("concat-one", "Concat", bottoms=((2, 3, 4, 5),)),
    Case("concat-dim", "Concat", "concat_param { concat_dim: 1 }", ((2, 3), (2, 2))),
    Case("eltwise-sum", "Eltwise", bottoms=((2, 3, 4, 5),) * 3),
    Case(
        "eltwise-coefficients",
        "Eltwise",
        "eltwise_param { operation: SUM coeff: 0.5 coeff: -2 }",
        ((2, 3, 4, 5),) * 2,
    ),
    Case("eltwise-max", "Eltwise", "eltwise_param { operation: MAX }", ((2, 3, 4, 5),) * 3),
    Case("eltwise-prod", "Eltwise", "eltwise_param { operation: PROD }", ((2, 3, 4, 5),) * 3),
    Case(
        "eltwise-prod-unstable",
        "Eltwise",
        "eltwise_param { operation: PROD stable_prod_grad: false }",
        ((2, 3, 4, 5),) * 2,
        positive=True,
    ),
]
