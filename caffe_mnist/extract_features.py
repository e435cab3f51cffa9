"""Features of data: python -m caffe_mnist.extract_features WEIGHTS NET BLOBS OUT BATCHES."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

from caffe_mnist.engine.lean_torch import start_lean
from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage

PROGRAM = "python -m caffe_mnist.extract_features"
EPILOG = """\
The words after BATCHES are those of Caffe's tool: lmdb, then CPU or GPU, then DEVICE_ID=0.
An OUT in .npz or .h5 becomes such a file (one for all blobs, or one for each), any other one
an LMDB of Datum with the values in float_data.

examples:
  extract_features lenet.caffemodel lenet_train_test.prototxt ip1 features_lmdb 10
  extract_features lenet.caffemodel lenet_train_test.prototxt ip1,label features.npz 100
  extract_features lenet.caffemodel net.prototxt ip1,ip2 one_lmdb,two_lmdb 10 lmdb GPU 0
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Extract features; returns the exit status: 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Write the values of a net's blobs over batches of its own TEST data.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    parser.add_argument("weights", metavar="WEIGHTS", help="a .caffemodel (or .caffemodel.h5)")
    parser.add_argument("net", metavar="NET", help="a net with a data layer, as prototxt")
    parser.add_argument("blobs", metavar="BLOB[,BLOB…]", help="what to write")
    parser.add_argument("out", metavar="OUT[,OUT…]", help="where to")
    parser.add_argument("batches", metavar="BATCHES", type=int, help="how many batches")
    parser.add_argument("how", metavar="WORD", nargs="*", help="lmdb, CPU or GPU, a GPU's number")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    start_lean()
    return exit_status(lambda: _run(parser.parse_args(argv)), PROGRAM)


def _run(options: argparse.Namespace) -> int:
    if options.batches < 1:
        raise CaffeMnistError(f"{options.batches} batches: at least 1")
    gpu = gpu_of(options.how)
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that what is half done is removed
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    blobs, targets = _names(options.blobs), _names(options.out)
    from caffe_mnist.datasets.features import FeatureFiles
    from caffe_mnist.datasets.progress import RecordProgress
    from caffe_mnist.engine.presence import require_engine

    files = FeatureFiles(blobs, targets, options.overwrite)
    require_engine()
    from caffe_mnist.engine.features import FeatureNet

    with FeatureNet(options.net, options.weights, blobs, gpu) as net:
        for warning in net.warnings:
            print(f"{PROGRAM}: warning: {warning}", file=sys.stderr)
        with RecordProgress() as progress, files:
            rows = dict.fromkeys(blobs, 0)
            for batch, values in enumerate(net.run(options.batches), 1):
                files.put(values)
                for name, one in values.items():
                    rows[name] += len(one)
                most = max(rows.values())
                progress("features", most, most * options.batches // batch)
    for name, target in zip(blobs, targets if len(targets) > 1 else targets * len(blobs)):
        print(f"{target}: {rows[name]} rows of {name}")
    return 0


def gpu_of(words: Sequence[str]) -> int | None:
    """The GPU that the words of Caffe's tool name, None for the CPU; raises CaffeMnistError."""
    rest = list(words)
    if rest and rest[0] not in ("CPU", "GPU"):
        kind = rest.pop(0)
        if kind != "lmdb":
            raise CaffeMnistError(f"{kind!r}: only lmdb is written", hint="or an OUT in .npz, .h5")
    mode = rest.pop(0) if rest else "CPU"
    if mode not in ("CPU", "GPU") or len(rest) > 1 or (mode == "CPU" and rest):
        raise CaffeMnistError(f"{' '.join(words)!r} is not understood", hint="lmdb GPU 0")
    number = rest[0].replace("DEVICE_ID=", "") if rest else "0"
    if not number.isdecimal():
        raise CaffeMnistError(f"{rest[0]!r} is no GPU's number")
    return int(number) if mode == "GPU" else None


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise CaffeMnistError(f"{text!r} has an empty name")
    return names


if __name__ == "__main__":
    sys.exit(main())
