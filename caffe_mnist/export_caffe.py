"""A net of today, ONNX or PyTorch program, as Caffe's: python -m caffe_mnist.export_caffe."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caffe_mnist.errors import CaffeMnistError, JobError, exit_status, one_line_usage

if TYPE_CHECKING:
    from caffe_mnist.exchange.arriving.checking import Difference
    from caffe_mnist.exchange.arriving.convert import Arrived
    from caffe_mnist.exchange.arriving.pixels import Pixels
    from caffe_mnist.exchange.arriving.source import Source

PROGRAM = "python -m caffe_mnist.export_caffe"
# Of an output's largest value; what is further away is not written.
TOLERANCE = 1e-4
EPILOG = """\
MODEL is an ONNX file of opset 7 or later, or a program of torch.export.save (.pt2), which is read
without running anything that is in it. OUT is a folder, or the beginning of the names: OUT.prototxt
and OUT.caffemodel. Both hold layers of Caffe 1.0 alone, unless an option says otherwise.

The net is run by the embedded engine and compared with onnxruntime or PyTorch before its files
take their place. An open batch stays open; height and width are the file's, or --input-shape.

examples:
  export_caffe resnet18.onnx resnet18
  export_caffe mobilenet.pt2 models/ --softmax --batch 10
  export_caffe resnet50.onnx resnet50 --bgr --mean 123.675,116.28,103.53 --std 58.4,57.12,57.38
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write both files; the exit status is 0, 1 for a net that differs, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} MODEL.onnx|.pt2 OUT [options]",
        description="Bring a net of today to Caffe: prototxt and caffemodel.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    add = parser.add_argument
    add("model", metavar="MODEL", help="an ONNX file, or an exported program (.pt2)")
    add("out", metavar="OUT", help="a folder, or the beginning of both files' names")
    add("--input-shape", action="append", default=[], metavar="[NAME=]NxCxHxW",
        help="sizes that the file leaves open; repeatable")  # fmt: skip
    add("--batch", type=int, metavar="N", help="the batch in the prototxt (default: 1)")
    add("--name", help="of the net (default: the graph's)")
    add("--softmax", action="store_true", help="end in a Softmax, `prob`")
    add("--mean", metavar="M[,M,M]", help="take pixels of 0 … 255: what is subtracted from them")
    add("--std", metavar="S[,S,S]", help="… and what they are divided by after that")
    add("--bgr", action="store_true", help="take blue, green, red; MODEL takes red, green, blue")
    add("--batch-norm", choices=("fold", "keep"), default="fold",
        help="into the weights before it (default), or as BatchNorm and Scale")  # fmt: skip
    add("--clip", choices=("layers", "Clip", "ReLU6"), default="layers",
        help="bounds such as ReLU6's: as ReLU and Power (default), or as this type")  # fmt: skip
    add("--floor", choices=("layers", "round_mode"), default="layers",
        help="pooling that rounds down: cut after it (default), or by this field")  # fmt: skip
    add("--no-check", action="store_true", help="do not compare the nets")
    return exit_status(lambda: run(parser.parse_args(argv)), PROGRAM)


def run(options: argparse.Namespace) -> int:
    """Read the model, draw layers, write both files aside, compare; then they take their place."""
    model = Path(options.model)
    prototxt, weights = _places(options.out, model)
    if options.batch is not None and options.batch < 1:
        raise CaffeMnistError(f"{options.batch} is no size of a batch", where="--batch")
    if not model.is_file():
        raise CaffeMnistError("there is no such file", where=model)
    pixels = _pixels(options)
    source = _source(model)
    from caffe_mnist.exchange.arriving.caffe_files import (
        net_message,
        write_caffemodel,
        write_prototxt,
    )
    from caffe_mnist.exchange.arriving.convert import convert
    from caffe_mnist.exchange.arriving.draft import Style
    from caffe_mnist.exchange.arriving.tidy import tidy
    from caffe_mnist.files import replacing

    shapes = _shapes(options, source)
    arrived = convert(
        source,
        Style(options.batch_norm, options.clip, options.floor),
        shapes,
        pixels=pixels,
        ends_in_softmax=options.softmax,
    )
    tidy(arrived)
    batch = options.batch or next((shape[0] for shape in shapes.values()), 1)
    net = net_message(arrived, options.name or source.name, batch)
    with replacing(prototxt) as text, replacing(weights) as binary:
        write_prototxt(net, text, _words(model, arrived, pixels))
        count = write_caffemodel(arrived, net, binary)
        checked = (
            "" if options.no_check else _checked(source, arrived, net, binary, options, pixels)
        )
    _report(prototxt, arrived, count)
    print(f"{weights}: {checked or 'not compared'}")
    return 0


def _places(out: str, model: Path) -> tuple[Path, Path]:
    """OUT.prototxt and OUT.caffemodel; in a folder by the model's name."""
    if "://" in out:
        raise CaffeMnistError(
            "is no place for files", where=out, hint="write here, then storage cp"
        )
    path = Path(out)
    if path.suffix in (".prototxt", ".caffemodel"):
        path = path.with_suffix("")
    elif path.is_dir() or out.endswith("/"):
        if not path.is_dir():
            raise CaffeMnistError("there is no such folder", where=out)
        path = path / model.stem
    if not path.name:
        raise CaffeMnistError("is no name of files", where=out)
    return path.with_name(path.name + ".prototxt"), path.with_name(path.name + ".caffemodel")


def _source(model: Path) -> Source:
    from importlib.util import find_spec

    kind = model.suffix.lower()
    if kind == ".onnx":
        if find_spec("onnx") is None:
            raise CaffeMnistError("needs onnx", hint="pip install 'caffe-mnist[export]'")
        from caffe_mnist.exchange.arriving.onnx_reader import read_onnx

        return read_onnx(model)
    if kind == ".pt2":
        from caffe_mnist.engine.presence import require_engine

        require_engine()
        from caffe_mnist.exchange.arriving.program_reader import read_program

        return read_program(model)
    hint = "torch.export.save or torch.onnx.export writes one from the module"
    if kind in (".pt", ".pth", ".ckpt", ".bin", ".safetensors"):
        raise CaffeMnistError("holds weights without the net", where=model, hint=hint)
    raise CaffeMnistError("ends neither in .onnx nor in .pt2", where=model, hint=hint)


def _shapes(options: argparse.Namespace, source: Source) -> dict[str, tuple[int, ...]]:
    from caffe_mnist.schema.shapes import parse_shape

    shapes = dict(map(parse_shape, options.input_shape))
    known = [port.name for port in source.inputs]
    for name in shapes:
        if name and name not in known:
            raise CaffeMnistError(
                f"there is no input {name!r}", where="--input-shape", hint=", ".join(known)
            )
    return shapes


def _pixels(options: argparse.Namespace) -> Pixels | None:
    from caffe_mnist.exchange.arriving.pixels import Pixels

    if not (options.mean or options.std or options.bgr):
        return None
    mean, std = (_numbers(getattr(options, name), f"--{name}") for name in ("mean", "std"))
    if 0 in std:
        raise CaffeMnistError("divides by 0", where="--std")
    return Pixels(mean, tuple(1 / one for one in std), options.bgr)


def _numbers(text: str | None, option: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise CaffeMnistError(f"{text!r} is no list of numbers", where=option) from None


def _checked(
    source: Source,
    arrived: Arrived,
    net: Any,
    weights: Path,
    options: argparse.Namespace,
    pixels: Pixels | None,
) -> str:
    """Who compared the nets, and what they found."""
    from caffe_mnist.engine.presence import require_engine

    try:
        require_engine()
    except CaffeMnistError as error:
        return f"not compared: {error}"
    from caffe_mnist.exchange.arriving.checking import compare

    if any(one.type == "ReLU6" for one in net.layer) and not _engine_knows("ReLU6"):
        return "not compared: the engine has no layer ReLU6"
    found = compare(source, arrived, net, weights, pixels=pixels, softmax=options.softmax)
    if not found.relative <= TOLERANCE:
        raise JobError(
            f"the Caffe net's outputs differ from {found.by}'s by {found.absolute:.1e} "
            f"({found.relative:.1e} of the largest value): not written",
            hint="--no-check writes it all the same",
        )
    return _said(found)


def _engine_knows(kind: str) -> bool:
    from caffe_mnist.engine.layer import layers

    return kind in layers


def _said(found: Difference) -> str:
    sizes = " and ".join(map(str, found.batches))
    return (
        f"run by the engine on {'batches' if len(found.batches) > 1 else 'a batch'} of {sizes}: "
        f"at most {found.absolute:.1e} from {found.by} ({found.relative:.1e} of the largest value)"
    )


def _words(model: Path, arrived: Arrived, pixels: Pixels | None) -> list[str]:
    """Comments at the head of the prototxt."""
    import caffe_mnist

    lines = [f"Made from {model.name} by caffe_mnist {caffe_mnist.__version__}."]
    if pixels is not None:
        order = "blue, green, red" if pixels.bgr else "channels in the order of that net"
        lines.append(f"Takes pixels of 0 to 255, {order}; mean and deviation are inside.")
    return lines


def _report(prototxt: Path, arrived: Arrived, count: int) -> None:
    from caffe_mnist.exchange.arriving.value import words

    for name, shape in arrived.inputs.items():
        print(f"{prototxt}: input {name}: {words(shape)}")
    for name, value in arrived.outputs.items():
        print(f"{prototxt}: output {name}: {words(value.shape)}")
    layers = len(arrived.draft.layers)
    print(f"{prototxt}: {layers} layers, {count:,} parameters")


if __name__ == "__main__":
    sys.exit(main())
