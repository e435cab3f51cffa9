"""python -m caffe_mnist.predict: what a trained model sees in pictures."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caffe_mnist.errors import CaffeMnistError, exit_status

if TYPE_CHECKING:
    from caffe_mnist.engine.classifier import Classifier

PROGRAM = "python -m caffe_mnist.predict"
BEST = 5
AT_ONCE = 64
EPILOG = """\
MODEL is a snapshot's folder or URL (<train_url>/final; only complete ones exist), or a
.caffemodel with --deploy NET.

examples:
  predict store/final seven.png
  predict s3://bucket/run/final photo.jpg --invert
  predict lenet.caffemodel --deploy lenet_deploy.prototxt *.png --json
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print a result for each picture; exit status 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Recognise pictures with a trained model.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="a final folder, its URL, or a caffemodel")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="picture files")
    parser.add_argument("--deploy", metavar="NET", help="the deploy net of a caffemodel")
    parser.add_argument("--labels", metavar="FILE", help="names of the classes, one a line")
    parser.add_argument("--invert", action="store_true", help="for black on white")
    parser.add_argument(
        "--scale", type=float, metavar="X", help="factor for the bytes 0 … 255 (default: the net's)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    arguments = parser.parse_args(argv)
    return exit_status(lambda: run(arguments), PROGRAM)


def run(arguments: argparse.Namespace) -> int:
    """Load the model, then bring in, score and report the pictures."""
    from caffe_mnist.datasets.picture import check_pictures

    if arguments.scale is not None and not math.isfinite(arguments.scale):
        raise CaffeMnistError(f"{arguments.scale} is no factor", where="--scale")
    labels = _labels(arguments.labels)
    check_pictures(arguments.images)
    with _model(arguments.model, arguments.deploy) as (deploy, weights):
        import numpy as np

        from caffe_mnist.datasets.picture import read_picture
        from caffe_mnist.engine.picture_input import PictureInput
        from caffe_mnist.schema import caffe_pb2
        from caffe_mnist.schema.messages import read_text

        taken = PictureInput(read_text(deploy, caffe_pb2.NetParameter), deploy).taken
        classifier = None
        for begin in range(0, len(arguments.images), AT_ONCE):
            paths = arguments.images[begin : begin + AT_ONCE]
            pictures = [read_picture(path, *taken, arguments.invert) for path in paths]
            if classifier is None:  # torch takes a second: not before the pictures are there
                classifier = _classifier(deploy, weights, arguments.scale)
            for path, picture, scores in zip(
                paths, pictures, classifier.scores(np.stack(pictures))
            ):
                _report(path, scores.tolist(), labels, arguments)
                _note(path, picture, arguments)
    return 0


def _classifier(deploy: Path, weights: Path, scale: float | None) -> Classifier:
    from caffe_mnist.engine.presence import require_engine

    require_engine()
    from caffe_mnist.engine.classifier import Classifier

    return Classifier(deploy, weights, scale)


def _note(path: str, picture: Any, arguments: argparse.Namespace) -> None:
    """Say so when a gray picture looks like the other way round."""
    from caffe_mnist.datasets.picture import is_light

    if len(picture) == 1 and is_light(picture) and not arguments.json:
        advice = "without --invert" if arguments.invert else "--invert"
        print(f"{PROGRAM}: {path} looks like black on white: try {advice}", file=sys.stderr)


def _report(
    path: str, scores: list[float], labels: list[str] | None, arguments: argparse.Namespace
) -> None:
    if labels is not None and len(labels) != len(scores):
        raise CaffeMnistError(
            f"has {len(labels)} names for {len(scores)} classes", where=arguments.labels
        )
    names = labels or [str(index) for index in range(len(scores))]
    order = sorted(range(len(scores)), key=lambda index: -scores[index])[:BEST]
    best = [[names[index], scores[index]] for index in order]
    if arguments.json:
        answer = {"image": path, "predicted_label": best[0][0], "scores": best}
        print(json.dumps(answer))  # in ASCII: names of files may hold any bytes
        return
    head = f"{_shown(path)}: " if len(arguments.images) > 1 else ""
    print(f"{head}The result: [{best[0][0]}]")
    print("  " + "  ".join(f"{name}: {score:.4f}" for name, score in best))


def _shown(path: str) -> str:
    """A file's name for people: bytes that are no UTF-8 as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@contextlib.contextmanager
def _model(model: str, deploy: str | None) -> Iterator[tuple[Path, Path]]:
    """Deploy net and weights of `model`, fetched and checked where they lie in a store."""
    named = model.endswith((".caffemodel", ".caffemodel.h5")) or os.path.isfile(model)
    if named and "://" not in model:
        if deploy is None:
            raise CaffeMnistError("needs its deploy net", where=model, hint="--deploy NET")
        for path in (model, deploy):
            if not os.path.isfile(path):
                raise CaffeMnistError("there is no such file", where=path)
        yield Path(deploy), Path(model)
        return
    from caffe_mnist.storage.snapshots import MANIFEST, fetch
    from caffe_mnist.storage.store import open_store

    if "://" not in model and not os.path.isdir(model):
        raise CaffeMnistError("there is no such model", where=model)
    if open_store(model).size(MANIFEST) is None:
        raise CaffeMnistError(
            f"is no complete snapshot: there is no {MANIFEST}",
            where=model,
            hint="TRAIN_URL/final? else a .caffemodel with --deploy NET",
        )
    with tempfile.TemporaryDirectory(prefix="caffe_mnist.") as folder:
        files = fetch(model, Path(folder), lambda name: _is_part(name))
        weights = [path for path in files if ".caffemodel" in path.name]
        nets = [path for path in files if path.name.endswith(".prototxt")]
        if deploy is not None:
            nets = [Path(deploy)]
        if len(weights) != 1 or len(nets) != 1:
            raise CaffeMnistError(
                f"holds {len(weights)} caffemodels and {len(nets)} nets, expected one of each",
                where=model,
                hint="--deploy NET names a deploy net",
            )
        yield nets[0], weights[0]


def _is_part(name: str) -> bool:
    return ".caffemodel" in name or name.endswith((".prototxt", ".binaryproto"))


def _labels(path: str | None) -> list[str] | None:
    if path is None:
        return None
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no UTF-8 text"
        raise CaffeMnistError(f"cannot read the labels: {reason}", where=path) from None
    return [line.strip() for line in lines if line.strip()]


if __name__ == "__main__":
    sys.exit(main())
