"""The curves of one or several runs as a picture: python -m caffe_mnist.plot RUN…"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage

if TYPE_CHECKING:
    from caffe_mnist.watch.metrics import Metrics

PROGRAM = "python -m caffe_mnist.plot"
EPILOG = """\
A RUN is a model folder of `train`, a store's URL with the folder of a run (its `final` is
looked into, too), a metrics.csv, or a log of any Caffe. NAME=RUN gives it a name in the legend.

examples:
  plot model
  plot first=store/final second=s3://bucket/run caffe.INFO --out runs.svg
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Draw; the exit status is 0, or 2 for bad input (1 for a store that fails)."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Draw the curves of runs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    parser.add_argument("runs", metavar="RUN", nargs="+")
    parser.add_argument(
        "--out", default="curves.png", metavar="FILE", help=".png, .svg or .pdf (curves.png)"
    )
    parser.add_argument("--title", default="", metavar="TEXT")
    return exit_status(lambda: run(parser.parse_args(argv)), PROGRAM)


def run(options: argparse.Namespace) -> int:
    """Read all runs, then draw them."""
    from caffe_mnist.watch.curves import FORMATS, draw_runs

    kind = Path(options.out).suffix[1:].lower()
    if kind not in FORMATS:
        raise CaffeMnistError(
            "is no format that is drawn", where=options.out, hint=", ".join(FORMATS)
        )
    named = [_named(text) for text in options.runs]
    found = [(name, read_run(place)) for name, place in named]
    if not draw_runs(found, options.out, options.title):
        raise CaffeMnistError(
            "drawing curves needs matplotlib", hint="pip install 'caffe-mnist[images]'"
        )
    print(f"{options.out}: {len(found)} run{'s' * (len(found) > 1)}")
    return 0


def read_run(place: str) -> Metrics:
    """The metrics of a run; raises CaffeMnistError when there are none."""
    from caffe_mnist.storage.urls import is_local, parse
    from caffe_mnist.watch.metrics import Metrics

    path = Path(parse(place).path) if is_local(place) else None
    if path is None:
        metrics = _from_store(place)
    elif path.is_dir():
        tables = [path / "metrics.csv", path / "final" / "metrics.csv"]
        table = next((one for one in tables if one.is_file()), None)
        if table is None:
            raise CaffeMnistError("holds no metrics.csv", where=place, hint="is it a run's folder?")
        metrics = Metrics.read(table, sys.maxsize)
    elif path.suffix == ".csv":
        metrics = Metrics.read(path, sys.maxsize)
    else:
        metrics = _from_log(path)
    if not metrics.rows:
        raise CaffeMnistError("holds no iteration of a training", where=place)
    return metrics


def _from_log(path: Path) -> Metrics:
    from caffe_mnist.watch.log import from_head
    from caffe_mnist.watch.log_file import log_lines
    from caffe_mnist.watch.metrics import Metrics
    from caffe_mnist.watch.tables import Clock

    seconds, clock = [0.0], Clock()
    metrics = Metrics(clock=lambda: seconds[0])
    for text in log_lines(path):
        line = from_head(text)
        seconds[0] = clock.feed(line)
        metrics.feed(line)
    return metrics


def _from_store(url: str) -> Metrics:
    import tempfile

    from caffe_mnist.storage.copies import download, object_size
    from caffe_mnist.storage.urls import join
    from caffe_mnist.watch.metrics import Metrics

    places = [url] if url.endswith(".csv") else [join(url, "metrics.csv")]
    places += [] if url.endswith(".csv") else [join(url, "final/metrics.csv")]
    for place in places:
        if object_size(place) is not None:
            with tempfile.TemporaryDirectory() as folder:
                download(place, Path(folder) / "metrics.csv")
                return Metrics.read(Path(folder) / "metrics.csv", sys.maxsize)
    raise CaffeMnistError("there is no metrics.csv", where=url, hint="is it a run's folder?")


def _named(text: str) -> tuple[str, str]:
    """NAME=RUN, or a RUN that is called by its place."""
    name, equals, place = text.partition("=")
    if equals and name and place and not os.path.exists(text) and "/" not in name:
        return name, place
    return text.rstrip("/"), text


if __name__ == "__main__":
    sys.exit(main())
