"""A trained net as ONNX, PyTorch program or safetensors: python -m caffe_mnist.export."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caffe_mnist.errors import CaffeMnistError, JobError, exit_status, one_line_usage

if TYPE_CHECKING:
    from caffe_mnist.exchange.build import Export
    from caffe_mnist.exchange.preprocessing import Preprocessing

PROGRAM = "python -m caffe_mnist.export"
KINDS = {".onnx": "onnx", ".pt2": "torch", ".safetensors": "safetensors"}
# Of an output's largest value; what is further away is not written.
TOLERANCE = 1e-3
EPILOG = """\
The end of OUT says what it becomes: .onnx (ONNX), .pt2 (torch.export.load) or .safetensors (the
weights alone). Instead of NET and WEIGHTS, a run's final folder, a package, or the URL of one.

The input is that of the net, (pixel - mean) * scale in the order blue, green, red; the file's
metadata says it. --raw puts this into the model, which then takes the bytes of pictures.

examples:
  export lenet_deploy.prototxt lenet.caffemodel lenet.onnx
  export store/final digits.onnx --raw
  export s3://bucket/run/final model.pt2
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the file; the exit status is 0, 1 for a job that failed, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} (NET WEIGHTS | FINAL) OUT.onnx|.pt2|.safetensors [options]",
        description="Write a trained net for other programs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    add = parser.add_argument
    add("names", nargs="+", metavar="NAME", help="NET WEIGHTS OUT, or FINAL OUT")
    add("--raw", action="store_true", help="take pictures of bytes (uint8): scale and mean inside")
    add("--raw-float", action="store_true", help="the same, taking 0 … 255 as float32")
    add("--rgb", action="store_true", help="take red, green, blue instead of Caffe's B, G, R")
    add("--batch", type=int, metavar="N", help="this batch only (default: any)")
    add("--shape", metavar="NxCxHxW", help="of the input, where the net does not say it")
    add("--labels", metavar="FILE", help="names of the classes, one a line, for the metadata")
    add("--no-check", action="store_true", help="do not compare the file with the engine")
    return exit_status(lambda: run(parser.parse_args(argv)), PROGRAM)


def run(options: argparse.Namespace) -> int:
    """Read the model, write the file aside, check it there, and bring it to its place."""
    *model, out = options.names
    if len(model) not in (1, 2):
        raise CaffeMnistError("takes NET WEIGHTS OUT, or FINAL OUT", hint=f"{PROGRAM} --help")
    kind = KINDS.get(Path(out).suffix)
    if kind is None or "://" in out:
        raise CaffeMnistError(
            "is no file to write to", where=out, hint="it must end in " + ", ".join(KINDS)
        )
    _check_options(options, kind)
    _require(kind)
    with _parts(model) as (net, weights, labels):
        if options.labels:
            from caffe_mnist.service.package import read_labels

            labels = read_labels(Path(options.labels))
        _export(options, net, weights, labels, Path(out), kind)
    return 0


def _check_options(options: argparse.Namespace, kind: str) -> None:
    if options.raw and options.raw_float:
        raise CaffeMnistError("--raw and --raw-float exclude each other")
    if options.batch is not None and options.batch < 1:
        raise CaffeMnistError(f"{options.batch} is no size of a batch", where="--batch")
    graphs = ("raw", "raw_float", "rgb", "batch", "no_check")
    given = [name for name in graphs if getattr(options, name)]
    if kind == "safetensors" and given:
        raise CaffeMnistError(
            "has no meaning for weights alone", where=f"--{given[0].replace('_', '-')}"
        )


def _require(kind: str) -> None:
    """The libraries that the format needs."""
    from importlib.util import find_spec

    from caffe_mnist.engine.presence import require_engine

    require_engine()
    if kind != "torch" and find_spec(kind) is None:
        raise CaffeMnistError(f"needs {kind}", hint="pip install 'caffe-mnist[export]'")


@contextlib.contextmanager
def _parts(model: Sequence[str]) -> Iterator[tuple[Path, Path, Sequence[str]]]:
    """Deploy net, weights and names of the classes."""
    if len(model) == 2:
        for path in model:
            if not Path(path).is_file():
                raise CaffeMnistError("there is no such file", where=path)
        yield Path(model[0]), Path(model[1]), ()
        return
    from caffe_mnist.serve import model_folder
    from caffe_mnist.service.package import read_package

    with model_folder(model[0]) as folder:
        try:
            package = read_package(folder)
        except CaffeMnistError as error:  # it knows the folder's name, not the store's
            hint = error.hint or "NET WEIGHTS OUT names both"
            raise CaffeMnistError(error.what, where=model[0], hint=hint) from None
        yield package.deploy, package.weights, package.labels


def _export(
    options: argparse.Namespace,
    deploy: Path,
    weights: Path,
    labels: Sequence[str],
    out: Path,
    kind: str,
) -> None:
    from caffe_mnist.exchange.model import read_model
    from caffe_mnist.exchange.preprocessing import Preprocessing
    from caffe_mnist.files import replacing
    from caffe_mnist.schema.shapes import parse_shape

    shape = parse_shape(options.shape)[1] if options.shape else None
    net, pictures = read_model(deploy, weights, shape)
    raw = "uint8" if options.raw else "float32" if options.raw_float else ""
    if isinstance(pictures, CaffeMnistError):
        if raw or options.rgb:
            raise pictures
        preparing = Preprocessing(None)
    else:
        preparing = Preprocessing(pictures, raw, options.rgb)
    words = _words(net.name, preparing, labels)
    if kind == "safetensors":
        from caffe_mnist.exchange.tensors_file import write_tensors

        with replacing(out) as aside:
            count = write_tensors(net, aside, words)
        print(f"{out}: {count} tensors, LAYER/0, LAYER/1, …")
        return
    export = _built(net, preparing, options.batch)
    with replacing(out) as aside:
        _write(kind, export, aside, words)
        checked = "" if options.no_check else _checked(kind, net, export, preparing, aside)
    _report(out, export, preparing, checked)


def _built(net: Any, preparing: Preprocessing, batch: int | None) -> Export:
    """The graph, for any batch or for one of a given size."""
    from caffe_mnist.exchange.build import build
    from caffe_mnist.exchange.varying import give_batch

    export = build(net, preparing)
    if batch is None:
        return export
    if export.axis is None:
        raise CaffeMnistError(
            f"the batch is fixed: {export.fixed_by or 'the net has no inputs'}", where="--batch"
        )
    give_batch(net, export.axis, [batch] * len(net.inputs))
    return build(net, preparing, fixed=True)


def _write(kind: str, export: Export, path: Path, words: dict[str, str]) -> None:
    if kind == "onnx":
        from caffe_mnist.exchange.onnx_file import write_onnx

        write_onnx(export.graph, path, words)
        return
    from caffe_mnist.exchange.program_file import write_program

    reason = write_program(export.graph, path, words)
    if reason:
        raise JobError(
            f"PyTorch cannot leave the batch open: {reason}", where=path, hint="--batch N"
        )


def _checked(kind: str, net: Any, export: Export, preparing: Preprocessing, path: Path) -> str:
    """Who compared the file with the engine, and what they found."""
    from caffe_mnist.exchange.comparison import compare, onnx_runner, program_runner

    runner = onnx_runner(path, export.graph) if kind == "onnx" else program_runner(path)
    if runner is None:
        return "not compared: onnxruntime is not installed"
    found = compare(net, export, preparing, runner)
    if found.relative > TOLERANCE:
        raise JobError(
            f"the file's outputs differ from the engine's by {found.absolute:.1e}: not written",
            hint="--no-check writes it all the same",
        )
    by = "onnxruntime" if kind == "onnx" else "PyTorch"
    sizes = " and ".join(map(str, found.batches))
    return (
        f"run by {by} on {'batches' if len(found.batches) > 1 else 'a batch'} of {sizes}: "
        f"at most {found.absolute:.1e} from the engine ({found.relative:.1e} of the largest value)"
    )


def _words(name: str, preparing: Preprocessing, labels: Sequence[str]) -> dict[str, str]:
    """The file's metadata."""
    import caffe_mnist

    words = {"producer": f"caffe_mnist {caffe_mnist.__version__}", "net": name}
    words.update(preparing.description())
    if labels:
        words["labels"] = json.dumps(list(labels), ensure_ascii=False)
    return words


def _report(out: Path, export: Export, preparing: Preprocessing, checked: str) -> None:
    for ports, word in ((export.graph.inputs, "input"), (export.graph.outputs, "output")):
        for port in ports:
            sizes = " × ".join(map(str, port.sizes)) or "a number"
            print(f"{out}: {word} {port.name}: {sizes}, {port.kind}")
    about = preparing.description()
    if about:
        known = [f"{name} {about[name]}" for name in ("mean", "scale") if name in about]
        within = "" if preparing.raw or not known else f" (pixel 0..255, {', '.join(known)})"
        values = f"{about['channel_order']}, {about['input_values']}{within}"
        print(f"{out}: values of {about['input']}: {values}")
    if export.axis is None and export.fixed_by:
        print(f"{out}: the batch is fixed: {export.fixed_by}")
    if checked:
        print(f"{out}: {checked}")


if __name__ == "__main__":
    sys.exit(main())
