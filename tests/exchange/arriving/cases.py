"""Small graphs of ONNX, each for what is hard about an operator."""

# ruff: noqa: E501

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper

X = (4, 9, 7)


class Case(NamedTuple):
    """Lines of ONNX's text; `w3x4x3x3`, say, is a constant of that shape, `y` the output."""

    name: str
    lines: str
    shape: tuple[int, ...] = X
    opset: int = 17
    outputs: tuple[str, ...] = ("y",)


CASES = [
    Case("conv-uneven", "y = Conv <pads=[0,1,2,1], strides=[2,1]> (x, w6x4x3x3, w6)"),
    Case("conv-same", 'y = Conv <auto_pad="SAME_UPPER", strides=[2,2]> (x, w6x4x3x3)'),
    Case("conv-same-lower", 'y = Conv <auto_pad="SAME_LOWER", strides=[2,2]> (x, w6x4x4x4)'),
    Case("conv-dilated", "y = Conv <pads=[2,2,2,2], dilations=[2,2], group=2> (x, w6x2x3x3)"),
    Case("conv-dilated-uneven", "y = Conv <pads=[0,1,2,3], dilations=[2,2]> (x, w6x4x3x3)"),
    Case("conv-one-axis", "y = Conv <pads=[1,2]> (x, w6x4x4, w6)", (4, 11)),
    Case("conv-three-axes", "y = Conv <pads=[1,1,1,1,1,1]> (x, w3x2x3x3x3)", (2, 5, 6, 4)),
    Case("depthwise", "y = Conv <pads=[1,1,1,1], group=4> (x, w8x1x3x3, w8)"),
    Case("deconv", "y = ConvTranspose <strides=[2,2], pads=[1,1,1,1], output_padding=[1,1]> "
         "(x, w4x3x3x3, w3)"),
    Case("deconv-uneven", "y = ConvTranspose <strides=[2,3], pads=[0,2,1,0], group=2> (x, w4x3x3x4)"),
    Case("deconv-same", 'y = ConvTranspose <strides=[2,2], auto_pad="SAME_UPPER"> (x, w4x3x3x3)'),
    Case("max-down", "y = MaxPool <kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]> (x)", (4, 8, 6)),
    Case("max-down-2", "y = MaxPool <kernel_shape=[2,2], strides=[2,2]> (x)"),
    Case("max-uneven", "y = MaxPool <kernel_shape=[3,3], strides=[2,2], pads=[0,0,1,1]> (x)",
         (4, 8, 6)),
    Case("max-same", 'y = MaxPool <kernel_shape=[3,2], auto_pad="SAME_UPPER"> (x)'),
    Case("max-far", "y = MaxPool <kernel_shape=[5,5], pads=[0,0,4,4]> (x)"),
    Case("max-up", "y = MaxPool <kernel_shape=[3,3], strides=[2,2], ceil_mode=1> (x)", (4, 8, 6)),
    Case("max-sparse", "y = MaxPool <kernel_shape=[1,1], strides=[2,2]> (x)", (4, 8, 6)),
    Case("max-one-axis", "y = MaxPool <kernel_shape=[3], strides=[2]> (x)", (4, 10)),
    Case("average-down", "y = AveragePool <kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]> (x)",
         (4, 8, 6)),
    Case("average-padded", "y = AveragePool <kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], "
         "count_include_pad=1> (x)", (4, 8, 6)),
    Case("average-uneven", "y = AveragePool <kernel_shape=[3,3], pads=[0,1,2,1]> (x)"),
    Case("average-odd", "y = AveragePool <kernel_shape=[2,2], strides=[2,2]> (x)"),
    Case("global", "a = GlobalAveragePool(x) b = GlobalMaxPool(x) y = Concat <axis=1> (a, b)"),
    Case("pad-conv", "p = Pad(x, i0_0_1_2_0_0_3_0) y = Conv <pads=[1,0,0,1]> (p, w6x4x3x3)"),
    Case("pad-alone", "y = Pad(x, i0_0_1_2_0_0_3_0)"),
    Case("pad-value", "y = Pad(x, i0_0_1_1_0_0_1_1, s2.5)"),
    Case("pad-max", "p = Pad(x, i0_0_1_1_0_0_1_1) y = MaxPool <kernel_shape=[3,3]> (p)"),
    Case("pad-cuts", "y = Pad(x, i0_0_-1_1_0_0_0_-2)"),
    Case("norm", "c = Conv(x, w6x4x3x3) y = BatchNormalization(c, w6, w6b, w6c, p6)"),
    Case("norm-alone", "y = BatchNormalization(x, w4, w4b, w4c, p4)"),
    Case("norm-products", "f = Flatten(x) g = Gemm <transB=1> (f, w5x252, w5) "
         "y = BatchNormalization(g, w5b, w5c, w5d, p5)"),
    Case("norm-read-twice", "c = Conv(x, w4x4x1x1) n = BatchNormalization(c, w4, w4b, w4c, p4) "
         "y = Add(c, n)"),
    Case("norm-deconv", "c = ConvTranspose <group=2> (x, w4x3x2x2) "
         "y = BatchNormalization(c, w6, w6b, w6c, p6)"),
    Case("gemm", "f = Flatten(x) y = Gemm <alpha=0.5, beta=2.0> (f, w252x5, w5)"),
    Case("matmul", "m = MatMul(x, w7x5) y = Add(m, w5)"),
    Case("clip", "y = Clip(x, s-0.5, s0.75)"),
    Case("clip-6", "s = Mul(x, s5) y = Clip(s, s0, s6)"),
    Case("clip-low", "y = Clip(x, s-0.5)"),
    Case("clip-high", "y = Clip(x, , s0.75)"),
    Case("clip-old", "y = Clip <min=0.0, max=6.0> (x)", opset=9),
    Case("hard", "a = HardSigmoid <alpha=0.3> (x) b = HardSwish(x) y = Add(a, b)"),
    Case("neurons", "a = Elu <alpha=0.5> (x) b = LeakyRelu(a) c = Sigmoid(b) d = Tanh(c) "
         "e = Softplus(d) f = PRelu(e, w4x1x1) y = Selu(f)"),
    Case("functions", "a = Abs(x) b = Add(a, s0.5) c = Log(b) d = Exp(c) e = Sqrt(d) "
         "f = Reciprocal(e) g = Neg(f) y = Pow(g, s3)"),
    Case("softsign", "a = Softsign(x) b = ThresholdedRelu <alpha=0.2> (a) y = Celu <alpha=2.0> (b)"),
    Case("min-max", "a = Neg(x) b = Max(x, a) c = Min(x, a) y = Sub(b, c)"),
    Case("sum-mean", "a = Relu(x) b = Sum(x, a, x) y = Mean(a, b, x)"),
    Case("squeeze-excite", "g = GlobalAveragePool(x) s = Sigmoid(g) y = Mul(s, x)"),
    Case("stretched", "m = ReduceMean <axes=[1]> (x) s = Sub(x, m) g = GlobalAveragePool(s) "
         "d = Div(s, g) y = Add(d, w7)"),
    Case("spatial", "a = ReduceMean <axes=[1]> (x) b = ReduceMax <axes=[1]> (x) "
         "c = Concat <axis=1> (a, b) d = Conv <pads=[1,1,1,1]> (c, w1x2x3x3) y = Mul(x, d)"),
    Case("constants", "a = Mul(x, w4x1x1) b = Add(a, w4x9x7) c = Sub(s1, b) d = Div(c, w9x1) "
         "y = Add(d, w1x4x1x1b)"),
    Case("reduced", "a = ReduceSum <keepdims=0> (x, i2_3) b = ReduceMean <axes=[2,3], keepdims=0> (x) "
         "c = ReduceMean <axes=[3]> (x) d = ReduceMax <axes=[2,3], keepdims=0> (c) "
         "y = Sum(a, b, d)"),
    Case("reduced-rows", "y = ReduceMean <axes=[2], keepdims=0> (x)"),
    Case("softmax-13", "y = Softmax(x)"),
    Case("softmax-11", "y = Softmax <axis=1> (x)", opset=11),
    Case("log-softmax", "y = LogSoftmax <axis=1> (x)"),
    Case("lrn", "y = LRN <size=3, alpha=0.1, beta=0.5, bias=2.0> (x)"),
    Case("argmax", "a = ArgMax <axis=1> (x) y = Cast <to=1> (a)"),
    Case("split", "a, b, c = Split <axis=1> (x, i1_2_1) y = Concat <axis=1> (c, a)"),
    Case("slice", "a = Slice(x, i1_1, i3_6, i1_2) y = Relu(a)"),
    Case("slice-steps", "y = Slice(x, i1_0, i9_7, i2_3, i2_3)"),
    Case("slice-backwards", "y = Slice(x, i-1, i-99, i1, i-1)"),
    Case("slice-old", "y = Slice <axes=[2], starts=[1], ends=[-1]> (x)", opset=9),
    Case("gather", "a = Gather <axis=1> (x, i2_0_3) y = Relu(a)"),
    Case("gather-one", "a = Gather <axis=2> (x, n4) y = Relu(a)"),
    Case("reshape", "a = Reshape(x, i0_2_-1) y = Softmax <axis=2> (a)"),
    Case("reshape-batch", "s = Shape(x) n = Gather(s, n0) u = Unsqueeze(n, i0) "
         "c = Concat <axis=0> (u, i-1) f = Reshape(x, c) y = MatMul(f, w252x3)"),
    Case("squeeze", "a = GlobalAveragePool(x) b = Squeeze(a, i2_3) c = Unsqueeze(b, i2) y = Relu(c)"),
    Case("transpose-nothing", "a = GlobalAveragePool(x) b = Transpose <perm=[0,2,3,1]> (a) "
         "y = MatMul(b, w4x3)"),
    Case("channel-shuffle", "a = Reshape(x, i0_2_2_9_7) b = Transpose <perm=[0,2,1,3,4]> (a) "
         "y = Reshape(b, i0_4_9_7)"),
    Case("depth-to-space", "y = DepthToSpace <blocksize=2> (x)", (8, 3, 4)),
    Case("depth-to-space-crd", 'y = DepthToSpace <blocksize=2, mode="CRD"> (x)', (8, 3, 4)),
    Case("space-to-depth", "y = SpaceToDepth <blocksize=2> (x)", (3, 6, 4)),
    Case("tile", "y = Tile(x, i1_2_1_3)"),
    Case("expand", "m = ReduceMean <axes=[1]> (x) y = Expand(m, i1_4_1_1)"),
    Case("resize-nearest", 'y = Resize <mode="nearest", coordinate_transformation_mode="asymmetric", '
         'nearest_mode="floor"> (x, , f1_1_2_3)'),
    Case("resize-linear", 'y = Resize <mode="linear"> (x, , f1_1_2_2)'),
    Case("resize-corners", 'y = Resize <mode="linear", coordinate_transformation_mode="align_corners"> '
         "(x, , f1_1_2_2)"),
    Case("resize-smaller", 'y = Resize <mode="linear", axes=[2,3]> (x, , , i5_3)', opset=18),
    Case("resize-cubic", 'y = Resize <mode="cubic"> (x, , f1_1_2_2)'),
    Case("upsample-old", 'y = Upsample <mode="nearest"> (x, f1_1_2_2)', opset=9),
    Case("dropout", "a = Dropout(x) b = Identity(a) y = Relu(b)"),
    Case("two-outputs", "c = Conv(x, w4x4x1x1) r = Relu(c) y = Sigmoid(r)", outputs=("c", "r", "y")),
    Case("input-is-output", "a = Relu(x) y = Identity(x)", outputs=("a", "y")),
    Case("functions-of-shapes", "s = Shape(x) h = Gather(s, n2) w = Gather(s, n3) m = Mul(h, w) "
         "u = Unsqueeze(m, i0) c = Concat <axis=0> (i0_4, u) r = Reshape(x, c) "
         "y = ReduceMean <axes=[2]> (r)"),
]  # fmt: skip


def model(case: Case) -> onnx.ModelProto:
    """The case as a checked model with an open batch."""

    sizes = ",".join(map(str, case.shape))
    body = "\n".join(re.split(r"\s+(?=[\w, ]+ = )", case.lines))
    names = {
        name
        for inside in re.findall(r"\(([^()]*)\)", body)
        for name in re.findall(r"[\w.-]+", inside)
        if re.fullmatch(r"[wp]\d+(x\d+)*[a-d]?|[ifn]-?\d+(_-?\d+)*|s-?\d+(\.\d+)?", name)
    }
    clean = {name: re.sub(r"[.-]", lambda found: {".": "o", "-": "m"}[found.group()], name)
             for name in names}  # fmt: skip
    for name in sorted(names, key=len, reverse=True):
        body = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", clean[name], body)
    outputs = ", ".join(f"float {name}" for name in case.outputs)
    text = (
        f'<ir_version: 8, opset_import: ["" : {case.opset}]>\n'
        f"g (float[N,{sizes}] x) => ({outputs}) {{\n{body}\n}}"
    )
    made = onnx.parser.parse_model(text)
    for output in made.graph.output:
        output.type.tensor_type.ClearField("shape")
    made.graph.initializer.extend(
        numpy_helper.from_array(_constant(name), clean[name]) for name in sorted(names)
    )
    return made


def _constant(name: str) -> np.ndarray[Any, Any]:
    kind, rest = name[0], name[1:]
    if kind == "n":
        return np.array(int(rest))
    if kind == "i":
        return np.array([int(one) for one in rest.split("_")])
    if kind == "f":
        return np.array([float(one) for one in rest.split("_")], np.float32)
    if kind == "s":
        return np.array(float(rest), np.float32)
    shape = [int(one) for one in rest.rstrip("abcd").split("x")]
    random = np.random.default_rng(len(name) + sum(map(ord, name)))
    low, high = (0.3, 1.5) if kind == "p" else (-1, 1)
    return random.uniform(low, high, shape).astype(np.float32)
