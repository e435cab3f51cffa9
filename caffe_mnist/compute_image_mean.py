"""The mean image of a database: python -m caffe_mnist.compute_image_mean DB OUT.binaryproto."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage

PROGRAM = "python -m caffe_mnist.compute_image_mean"
EPILOG = """\
OUT is what a net names in transform_param { mean_file: "…" }; without OUT the means of the
channels are printed only. Encoded pictures are decoded (needs OpenCV).

examples:
  compute_image_mean mnist_train_lmdb mean.binaryproto
  compute_image_mean mnist_train_lmdb
  compute_image_mean mnist_train_lmdb mean.binaryproto --std std.binaryproto
  compute_image_mean "flowers/dataset.json?set=train" mean.binaryproto
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Compute one mean image; returns the exit status: 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Compute the mean image of a database, as Caffe's tool does.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    parser.add_argument("database", metavar="DB", help="an LMDB of Datum, or a dataset.json")
    parser.add_argument("out", metavar="OUT", nargs="?", help="the .binaryproto to write")
    parser.add_argument("--std", metavar="FILE", help="write the standard deviation, too")
    parser.add_argument(
        "--backend", "-backend", default="lmdb", metavar="lmdb", help="the only one that is read"
    )
    return exit_status(lambda: _run(parser.parse_args(argv)), PROGRAM)


def _run(options: argparse.Namespace) -> int:
    if options.backend != "lmdb":
        raise CaffeMnistError(f"--backend {options.backend}: only lmdb is read")
    from caffe_mnist.datasets.deviation import channel_deviations, deviation
    from caffe_mnist.datasets.mean import channel_means, image_statistics, write_mean
    from caffe_mnist.datasets.progress import RecordProgress

    with RecordProgress() as progress:
        squares = options.std is not None
        mean, moments, records = image_statistics(
            options.database, _picture, progress, squares=squares
        )
    if options.out:
        write_mean(options.out, mean)
        print(f"{options.out}: {' x '.join(map(str, mean.shape))}")
    for channel, value in enumerate(channel_means(mean)):
        print(f"mean_value channel [{channel}]: {value:.6g}")
    if moments is not None:
        write_mean(options.std, deviation(moments, records))
        for channel, value in enumerate(channel_deviations(moments, records)):
            print(f"std_value channel [{channel}]: {value:.6g}")
    return 0


def _picture(content: bytes, where: object) -> Any:
    from caffe_mnist.engine.data.pictures import decode_picture

    return decode_picture(content, None, where)


if __name__ == "__main__":
    sys.exit(main())
