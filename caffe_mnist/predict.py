"""python -m caffe_mnist.predict: what a trained model sees in pictures."""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import math
import os
import sys
import tempfile
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caffe_mnist.engine.lean_torch import start_lean
from caffe_mnist.errors import CaffeMnistError, exit_status

if TYPE_CHECKING:
    from caffe_mnist.engine.classifier import Classifier
    from caffe_mnist.storage.store import Store

PROGRAM = "python -m caffe_mnist.predict"
BEST = 5
# The names of the classes in a final folder, from the dataset that the model was trained on.
LABELS = "labels.txt"
AT_ONCE = 64
EPILOG = """\
MODEL is a snapshot's folder or URL (<train_url>/final; only complete ones exist), a package, or
a .caffemodel with --deploy NET.

examples:
  predict store/final seven.png
  predict s3://bucket/run/final s3://bucket/photo.jpg --invert
  predict lenet.caffemodel --deploy lenet_deploy.prototxt *.png --json
  predict store/final pictures/ --csv > found.csv
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
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE", help="picture files, folders of them, or their URLs"
    )
    parser.add_argument("--deploy", metavar="NET", help="the deploy net of a caffemodel")
    parser.add_argument("--labels", metavar="FILE", help="names of the classes, one a line")
    parser.add_argument("--invert", action="store_true", help="for black on white")
    parser.add_argument(
        "--scale", type=float, metavar="X", help="factor for the bytes 0 … 255 (default: the net's)"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a line")
    form.add_argument("--csv", action="store_true", help="a table: picture, label, scores")
    arguments = parser.parse_args(argv)
    start_lean()
    return exit_status(lambda: run(arguments), PROGRAM)


@dataclass(frozen=True)
class Prediction:
    """What a model sees in one picture; as text, what the command prints.

    `scores` are pairs of class and score, the five best, best first; `seen` is what the net was
    given: bytes of channels × height × width (colour as B, G, R).
    """

    image: str
    label: str
    scores: tuple[tuple[str, float], ...]
    seen: Any

    def __str__(self) -> str:
        """The result, and below it the scores."""
        scores = "  ".join(f"{name}: {score:.4f}" for name, score in self.scores)
        return f"The result: [{self.label}]\n  {scores}"


def predict(
    model: str | os.PathLike[str],
    *images: str | os.PathLike[str],
    deploy: str | os.PathLike[str] | None = None,
    labels: str | os.PathLike[str] | None = None,
    invert: bool = False,
    scale: float | None = None,
) -> list[Prediction]:
    """What `model` sees in each picture, in their order: `caffe_mnist.predict(…)`.

    `model` is a run's `final` folder or its URL, or a .caffemodel with its `deploy` net; a picture
    is a file or a store's URL, and a folder stands for all pictures below it. The rest is as the
    command's options. Raises CaffeMnistError.
    """
    from caffe_mnist.evaluation.given import expanded

    paths, _ = expanded([os.fspath(path) for path in images])
    nets, names = (None if one is None else os.fspath(one) for one in (deploy, labels))
    return list(predictions(os.fspath(model), paths, nets, names, invert, scale))


def run(arguments: argparse.Namespace) -> int:
    """Report the pictures one after the other; those of folders that are broken are named."""
    from caffe_mnist.evaluation.given import expanded

    images, from_folders = expanded(arguments.images)
    skipped: list[str] = []

    def skip(image: str, faults: Sequence[str]) -> bool:
        skipped.extend(faults)
        return image in from_folders

    found = predictions(
        arguments.model,
        images,
        arguments.deploy,
        arguments.labels,
        arguments.invert,
        arguments.scale,
        skip if from_folders else None,
    )
    table = csv.writer(sys.stdout, lineterminator="\n") if arguments.csv else None
    for number, one in enumerate(found):
        if table is not None:
            if not number:
                table.writerow(_head(len(one.scores)))
            pairs = [part for name, score in one.scores for part in (name, f"{score:.6g}")]
            table.writerow([_shown(one.image), *pairs])
            continue
        _report(one, arguments, several=len(images) > 1)
        _note(one, arguments)
    for fault in skipped:
        print(f"{PROGRAM}: error: {fault}", file=sys.stderr)
    return 2 if skipped else 0


def _head(count: int) -> list[str]:
    others = [part for n in range(2, count + 1) for part in (f"label_{n}", f"score_{n}")]
    return ["image", "predicted_label", "score", *others]


def predictions(
    model: str,
    images: Sequence[str],
    deploy: str | None,
    labels: str | None,
    invert: bool,
    scale: float | None,
    skip: Callable[[str, Sequence[str]], bool] | None = None,
) -> Iterator[Prediction]:
    """Load the model, bring in the pictures and score them, some at a time.

    With `skip`, pictures are not all looked at before; it is asked whether to go on without a
    broken one.
    """
    if scale is not None and not math.isfinite(scale):
        raise CaffeMnistError(f"{scale} is no factor", where="--scale")
    from caffe_mnist.evaluation.given import as_files

    names = read_names(labels)
    with (
        as_files(images, skip is None) as paths,
        model_parts(model, deploy) as (net, weights, own),
    ):
        if names is None and own is not None:  # the model's own names of the classes
            labels, names = str(own), read_names(str(own))
        import numpy as np

        from caffe_mnist.datasets.picture import PictureError, read_picture
        from caffe_mnist.engine.picture_input import PictureInput
        from caffe_mnist.schema import caffe_pb2
        from caffe_mnist.schema.messages import read_text

        wanted = PictureInput(read_text(net, caffe_pb2.NetParameter), net)
        classifier = None
        pairs = iter(zip(images, paths))
        while some := list(islice(pairs, AT_ONCE)):
            read = []
            for image, path in some:
                try:
                    picture = read_picture(path, *wanted.taken, invert, wanted.resize)
                    read.append((image, picture))
                except PictureError as error:
                    faults = [fault.replace(path, image) for fault in error.faults]
                    if skip is None or not skip(image, faults):
                        raise
            if not read:
                continue
            if classifier is None:  # torch takes a second: not before the pictures are there
                classifier = _classifier(net, weights, scale)
            scored = classifier.scores(np.stack([picture for _, picture in read]))
            for (image, picture), scores in zip(read, scored):
                label, best = _best(scores.tolist(), names, labels)
                yield Prediction(image, label, best, wanted.cut(picture))


def _best(
    scores: list[float], names: list[str] | None, labels: str | None
) -> tuple[str, tuple[tuple[str, float], ...]]:
    """The label of the best class, and the best few with their scores."""
    if names is not None and len(names) != len(scores):
        raise CaffeMnistError(f"has {len(names)} names for {len(scores)} classes", where=labels)
    names = names or [str(index) for index in range(len(scores))]
    order = sorted(range(len(scores)), key=lambda index: -scores[index])[:BEST]
    return names[order[0]], tuple((names[index], scores[index]) for index in order)


def _classifier(deploy: Path, weights: Path, scale: float | None) -> Classifier:
    from caffe_mnist.engine.presence import require_engine

    require_engine()
    from caffe_mnist.engine.classifier import Classifier

    return Classifier(deploy, weights, scale)


def _note(found: Prediction, arguments: argparse.Namespace) -> None:
    """Say so when a gray picture looks like the other way round."""
    from caffe_mnist.datasets.picture import is_light

    if len(found.seen) == 1 and is_light(found.seen) and not arguments.json:
        advice = "without --invert" if arguments.invert else "--invert"
        print(f"{PROGRAM}: {found.image} looks like black on white: try {advice}", file=sys.stderr)


def _report(found: Prediction, arguments: argparse.Namespace, several: bool) -> None:
    if arguments.json:
        answer = {"image": found.image, "predicted_label": found.label, "scores": found.scores}
        print(json.dumps(answer))  # in ASCII: names of files may hold any bytes
        return
    head = f"{_shown(found.image)}: " if several else ""
    print(f"{head}{found}")


def _shown(path: str) -> str:
    """A file's name for people: bytes that are no UTF-8 as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@contextlib.contextmanager
def model_parts(model: str, deploy: str | None) -> Iterator[tuple[Path, Path, Path | None]]:
    """Deploy net, weights and names of the classes, fetched and checked if they are in a store."""
    named = model.endswith((".caffemodel", ".caffemodel.h5")) or os.path.isfile(model)
    if named and "://" not in model:
        if deploy is None:
            raise CaffeMnistError("needs its deploy net", where=model, hint="--deploy NET")
        for path in (model, deploy):
            if not os.path.isfile(path):
                raise CaffeMnistError("there is no such file", where=path)
        yield Path(deploy), Path(model), None
        return
    from caffe_mnist.service.package import is_part
    from caffe_mnist.storage.manifest import MANIFEST
    from caffe_mnist.storage.snapshots import fetch
    from caffe_mnist.storage.store import open_store

    if "://" not in model and not os.path.isdir(model):
        raise CaffeMnistError("there is no such model", where=model)
    store = open_store(model)
    if store.size(MANIFEST) is None and _is_package(store):
        from caffe_mnist.serve import model_folder
        from caffe_mnist.service.package import read_package

        with model_folder(model) as found:
            package = read_package(found)
            own = package.folder / LABELS
            net = package.deploy if deploy is None else Path(deploy)
            yield net, package.weights, own if own.is_file() else None
        return
    if store.size(MANIFEST) is None:
        raise CaffeMnistError(
            f"is no complete snapshot: there is no {MANIFEST}",
            where=model,
            hint="TRAIN_URL/final? else a .caffemodel with --deploy NET",
        )
    with tempfile.TemporaryDirectory(prefix="caffe_mnist.") as folder:
        files = fetch(model, Path(folder), is_part)
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
        yield nets[0], weights[0], next((one for one in files if one.name == LABELS), None)


def _is_package(store: Store) -> bool:
    """Whether a place holds what `package` makes."""
    return any(store.size(f"{above}config.json") is not None for above in ("model/", ""))


def read_names(path: str | None) -> list[str] | None:
    """The names of classes in a file, one a line; None without a file."""
    if path is None:
        return None
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no UTF-8 text"
        raise CaffeMnistError(f"cannot read the labels: {reason}", where=path) from None
    return [line.strip() for line in lines if line.strip()]


class _Callable(types.ModuleType):
    """This module, which is also the function of its name: `caffe_mnist.predict(…)`."""

    __call__ = staticmethod(predict)


sys.modules[__name__].__class__ = _Callable


if __name__ == "__main__":
    sys.exit(main())
