"""How good a model is on labelled pictures: python -m caffe_mnist.evaluate MODEL DATA."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage

if TYPE_CHECKING:
    from caffe_mnist.evaluation.evaluating import Evaluation
    from caffe_mnist.evaluation.labelled import LabelledSet

PROGRAM = "python -m caffe_mnist.evaluate"
SHOWN_SKIPS = 10
EPILOG = """\
MODEL is what `predict` takes. DATA is an LMDB or LevelDB, a dataset (dataset.json), a folder that
holds such (what was held back is taken), a folder with a folder per class or pairs n.jpg + n.txt,
a list file of PATH LABEL, or a CSV of path,label.

examples:
  evaluate store/final data/mnist_test_lmdb
  evaluate store/final flowers/val_lmdb --out report
  evaluate lenet.caffemodel --deploy lenet_deploy.prototxt pictures --json
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the results; exit status 1 for a store that fails, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Measure a trained model on labelled pictures, each once.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    add = parser.add_argument
    add("model", metavar="MODEL", help="a final folder, its URL, a package, or a caffemodel")
    add("data", metavar="DATA", help="labelled pictures")
    add("--deploy", metavar="NET", help="the deploy net of a caffemodel")
    add("--labels", metavar="FILE", help="names of the net's classes, one a line")
    add("--form", metavar="F", help="of picture files: pairs, folders, list or csv (told)")
    add("--root", metavar="DIR", help="where a list's paths start")
    add("--invert", action="store_true", help="picture files are black on white")
    add("--out", metavar="DIR", help="write tables, matrix and the worst pictures there")
    add("--worst", type=_count, default=48, metavar="N", help="mistakes on the sheet (48)")
    add("--json", action="store_true", help="print one JSON object")
    return exit_status(lambda: run(parser.parse_args(argv)), PROGRAM)


def run(options: argparse.Namespace) -> int:
    """Load the model, ask about every picture, report."""
    from caffe_mnist.engine.presence import require_engine
    from caffe_mnist.predict import model_parts, read_names

    names = read_names(options.labels)
    with model_parts(options.model, options.deploy) as (net, weights, own):
        require_engine()
        from caffe_mnist.datasets.picture import read_picture
        from caffe_mnist.engine.classifier import Classifier
        from caffe_mnist.evaluation.evaluating import evaluate, label_map
        from caffe_mnist.evaluation.labelled import open_labelled

        classifier = Classifier(net, weights)
        taken = classifier.input
        if names is None and own is not None:
            names = read_names(str(own))
        count = classifier.classes
        if names is not None and len(names) != count:
            raise CaffeMnistError(
                f"has {len(names)} names for {count} classes", where=options.labels or str(own)
            )

        def read(path: str) -> Any:
            return read_picture(path, *taken.taken, options.invert, taken.resize)

        colour = taken.channels == 3
        with open_labelled(options.data, options.form, options.root, read, colour) as found:
            if not found.count:
                raise CaffeMnistError("holds no pictures", where=options.data)
            labels = label_map(found.classes, names or (), count, options.data)
            if not names and len(found.classes) == count and not labels:
                names = list(found.classes)
            shown = names or [str(index) for index in range(count)]
            for remark in found.remarks[:SHOWN_SKIPS]:
                _say(remark)
            result = evaluate(classifier, found, shown, labels, options.worst, _progress(found))
    if not result.rows:
        raise CaffeMnistError(f"no picture can be read: {result.skipped[0]}", where=options.data)
    written = _write(options, found, result) if options.out else []
    _report(options, found, result, written)
    for fault in result.skipped[:SHOWN_SKIPS]:
        _say(f"skipped: {fault}")
    if len(result.skipped) > SHOWN_SKIPS:
        _say(f"skipped: {len(result.skipped) - SHOWN_SKIPS} more")
    return 2 if result.skipped else 0


def summary(found: LabelledSet, result: Evaluation) -> dict[str, Any]:
    """The results as JSON has them."""
    confusion = result.confusion
    classes = confusion.classes()
    used = [one for one in classes if one.pictures]

    def mean(values: Sequence[float | None]) -> float:
        return sum(value or 0.0 for value in values) / max(1, len(values))

    return {
        "data": found.place,
        "pictures": confusion.total,
        "skipped": len(result.skipped),
        "accuracy": confusion.accuracy,
        "top5_accuracy": result.top / confusion.total,
        "loss": None if result.loss is None else result.loss / confusion.total,
        "mean_precision": mean([one.precision for one in used]),
        "mean_recall": mean([one.recall for one in used]),
        "mean_f1": mean([one.f1 for one in used]),
        "classes": [
            {"name": one.name, "pictures": one.pictures, "predicted": one.predicted,
             "precision": one.precision, "recall": one.recall, "f1": one.f1}
            for one in classes
        ],
        "confusion": confusion.counts.tolist(),
    }  # fmt: skip


def _report(
    options: argparse.Namespace, found: LabelledSet, result: Evaluation, written: Sequence[str]
) -> None:
    about = summary(found, result)
    if options.json:
        print(json.dumps(about))
        return
    print(f"{about['pictures']} pictures of {found.place}")
    words = [f"accuracy {about['accuracy']:.4f}"]
    if len(about["classes"]) > 5:
        words.append(f"among the best five {about['top5_accuracy']:.4f}")
    if about["loss"] is not None:
        words.append(f"loss {about['loss']:.4f}")
    print("  ".join(words))
    print()
    for line in class_table(result).splitlines():
        print(line)
    print()
    matrix = result.confusion.text()
    if len(result.confusion.names) <= 20:
        print("rows: the true class, columns: the predicted one")
    for line in matrix:
        print(line)
    if written:
        print()
        print(f"{options.out}: {', '.join(written)}")


def class_table(result: Evaluation) -> str:
    """A line a class, aligned."""
    classes = result.confusion.classes()
    width = max(5, *(len(one.name) for one in classes))
    lines = [f"{'class'.ljust(width)}  pictures  precision  recall     f1"]
    for one in classes:
        values = [one.precision, one.recall, one.f1]
        texts = ["-" if value is None else f"{value:.4f}" for value in values]
        cells = [f"{one.pictures:8}", texts[0].rjust(9), texts[1].rjust(6), texts[2].rjust(6)]
        lines.append("  ".join([one.name.ljust(width), *cells]))
    return "\n".join(lines)


def _write(options: argparse.Namespace, found: LabelledSet, result: Evaluation) -> list[str]:
    """The files of the report, each whole or not at all; returns their names."""
    from caffe_mnist.evaluation.pictures import draw_matrix, draw_worst
    from caffe_mnist.files import replacing

    folder = Path(options.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaffeMnistError(f"cannot make the folder: {error.strerror}", where=folder) from None
    texts = {
        "evaluation.json": json.dumps(summary(found, result), indent=1, ensure_ascii=False) + "\n",
        "classes.csv": _classes_csv(result),
        "confusion.csv": result.confusion.csv(),
        "predictions.csv": _predictions_csv(result),
    }
    for name, text in texts.items():
        with replacing(folder / name) as aside:
            aside.write_text(text, encoding="utf-8", errors="backslashreplace")
    title = f"accuracy {result.confusion.accuracy:.4f}"
    names = list(texts)
    if draw_matrix(folder / "confusion.png", result.confusion, title):
        names.append("confusion.png")
    else:
        _say("no confusion.png: drawing needs matplotlib (pip install 'caffe-mnist[images]')")
    if result.worst:
        draw_worst(folder / "worst.png", result.worst)
        names.append("worst.png")
    else:
        (folder / "worst.png").unlink(missing_ok=True)
    return names


def _classes_csv(result: Evaluation) -> str:
    rows = [
        [one.name, one.pictures, one.predicted, one.right, one.precision, one.recall, one.f1]
        for one in result.confusion.classes()
    ]
    return _csv(["class", "pictures", "predicted", "right", "precision", "recall", "f1"], rows)


def _predictions_csv(result: Evaluation) -> str:
    names = result.confusion.names
    rows = [
        [row.name, names[row.true], names[row.predicted], f"{row.score:.6g}", f"{row.own:.6g}",
         int(row.true == row.predicted)]
        for row in result.rows
    ]  # fmt: skip
    return _csv(["picture", "true", "predicted", "score", "score_of_true", "right"], rows)


def _csv(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue()


def _progress(found: LabelledSet) -> Any:
    """A line on a terminal that grows; nothing elsewhere."""
    if not sys.stderr.isatty():
        return lambda done: None

    def show(done: int) -> None:
        end = "\n" if done >= found.count else ""
        print(f"\r{done} of {found.count} pictures", end=end, file=sys.stderr, flush=True)

    return show


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no count")
    return int(text)


def _say(text: str) -> None:
    print(f"{PROGRAM}: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
