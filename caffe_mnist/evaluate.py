"""How good a model is on labelled pictures: python -m caffe_mnist.evaluate MODEL DATA."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caffe_mnist.engine.lean_torch import start_lean
from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage

if TYPE_CHECKING:
    from caffe_mnist.evaluation.evaluating import Evaluation, Row
    from caffe_mnist.evaluation.labelled import LabelledSet

PROGRAM = "python -m caffe_mnist.evaluate"
SHOWN_SKIPS = SHOWN_REMARKS = 10
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
    start_lean()
    return exit_status(lambda: run(parser.parse_args(argv)), PROGRAM)


@dataclass(frozen=True)
class Report:
    """How good a model is on a set; as text, what the command prints.

    `rows` has what was said of each picture, in their order: name, true and predicted class as
    indexes into `names`, their scores. `skipped` names the pictures that could not be read,
    `remarks` what is odd about the set, `written` the files that were made.
    """

    data: str
    result: Evaluation
    remarks: tuple[str, ...] = ()
    written: tuple[str, ...] = ()

    @property
    def names(self) -> Sequence[str]:
        """The classes."""
        return self.result.confusion.names

    @property
    def accuracy(self) -> float:
        """The share of pictures whose class has the best score."""
        return self.result.confusion.accuracy

    @property
    def confusion(self) -> Any:
        """Counts of pictures: a row a true class, a column a predicted one."""
        return self.result.confusion.counts

    @property
    def rows(self) -> Sequence[Row]:
        """One for each picture."""
        return self.result.rows

    @property
    def skipped(self) -> Sequence[str]:
        """What is wrong with each picture that could not be read."""
        return self.result.skipped

    def summary(self) -> dict[str, Any]:
        """The results as JSON has them."""
        result, confusion = self.result, self.result.confusion
        classes = confusion.classes()
        used = [one for one in classes if one.pictures]

        def mean(values: Sequence[float | None]) -> float:
            return sum(value or 0.0 for value in values) / max(1, len(values))

        return {
            "data": self.data,
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

    def __str__(self) -> str:
        """The numbers, a line a class, the matrix."""
        about, confusion = self.summary(), self.result.confusion
        words = [f"accuracy {about['accuracy']:.4f}"]
        if len(about["classes"]) > 5:
            words.append(f"among the best five {about['top5_accuracy']:.4f}")
        if about["loss"] is not None:
            words.append(f"loss {about['loss']:.4f}")
        lines = [f"{about['pictures']} pictures of {self.data}", "  ".join(words), ""]
        lines += [*class_table(self.result).splitlines(), ""]
        if len(confusion.names) <= 20:
            lines.append("rows: the true class, columns: the predicted one")
        return "\n".join([*lines, *confusion.text()])


def evaluate(
    model: str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    deploy: str | os.PathLike[str] | None = None,
    labels: str | os.PathLike[str] | None = None,
    form: str | None = None,
    root: str | os.PathLike[str] | None = None,
    invert: bool = False,
    out: str | os.PathLike[str] | None = None,
    worst: int = 48,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """How good `model` is on labelled pictures, each once: `caffe_mnist.evaluate(…)`.

    `model` is as for `predict`, the rest as the command's options: with `out`, tables, matrix and
    the `worst` mistakes are written there. `progress` is told how many of how many pictures are
    done. Pictures that cannot be read are `skipped` in the report; raises CaffeMnistError for all
    else.
    """
    texts = (None if one is None else os.fspath(one) for one in (deploy, labels, root, out))
    net, classes, start, folder = texts
    found, result, remarks = _measured(
        os.fspath(model), os.fspath(data), net, classes, form, start, invert, worst, progress
    )
    report = Report(found.place, result, tuple(remarks))
    if folder is None:
        return report
    written, more = _write(Path(folder), report)
    return Report(found.place, result, (*remarks, *more), tuple(written))


def _measured(
    model: str,
    data: str,
    deploy: str | None,
    labels: str | None,
    form: str | None,
    root: str | None,
    invert: bool,
    worst: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[LabelledSet, Evaluation, list[str]]:
    """Load the model, and ask about every picture."""
    from caffe_mnist.engine.presence import require_engine
    from caffe_mnist.predict import model_parts, read_names

    names = read_names(labels)
    with model_parts(model, deploy) as (net, weights, own):
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
                f"has {len(names)} names for {count} classes", where=labels or str(own)
            )

        def read(path: str) -> Any:
            return read_picture(path, *taken.taken, invert, taken.resize)

        colour = taken.channels == 3
        with open_labelled(data, form, root, read, colour) as found:
            if not found.count:
                raise CaffeMnistError("holds no pictures", where=data)
            numbers = label_map(found.classes, names or (), count, data)
            if not names and len(found.classes) == count and not numbers:
                names = list(found.classes)
            shown = names or [str(index) for index in range(count)]
            told = progress or (lambda done, all_of_them: None)
            result = evaluate(
                classifier, found, shown, numbers, worst, lambda done: told(done, found.count)
            )
    if not result.rows:
        raise CaffeMnistError(f"no picture can be read: {result.skipped[0]}", where=data)
    return found, result, list(found.remarks)


def run(options: argparse.Namespace) -> int:
    """Measure and report."""
    report = evaluate(
        options.model, options.data, deploy=options.deploy, labels=options.labels,
        form=options.form, root=options.root, invert=options.invert, out=options.out,
        worst=options.worst, progress=_show if sys.stderr.isatty() else None,
    )  # fmt: skip
    for remark in report.remarks[:SHOWN_REMARKS]:
        _say(remark)
    if options.json:
        print(json.dumps(report.summary()))
    else:
        print(report)
        if report.written:
            print(f"\n{options.out}: {', '.join(report.written)}")
    for fault in report.skipped[:SHOWN_SKIPS]:
        _say(f"skipped: {fault}")
    if len(report.skipped) > SHOWN_SKIPS:
        _say(f"skipped: {len(report.skipped) - SHOWN_SKIPS} more")
    return 2 if report.skipped else 0


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


def _write(folder: Path, report: Report) -> tuple[list[str], list[str]]:
    """The files, each whole or not at all; their names, and what is to be said about them."""
    from caffe_mnist.evaluation.pictures import draw_matrix, draw_worst
    from caffe_mnist.files import replacing

    result, remarks = report.result, []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaffeMnistError(f"cannot make the folder: {error.strerror}", where=folder) from None
    texts = {
        "evaluation.json": json.dumps(report.summary(), indent=1, ensure_ascii=False) + "\n",
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
        what = "no confusion.png: drawing needs matplotlib (pip install 'caffe-mnist[images]')"
        remarks.append(what)
    if result.worst:
        draw_worst(folder / "worst.png", result.worst)
        names.append("worst.png")
    else:
        (folder / "worst.png").unlink(missing_ok=True)
    return names, remarks


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


def _show(done: int, count: int) -> None:
    """A line on a terminal that grows."""
    end = "\n" if done >= count else ""
    print(f"\r{done} of {count} pictures", end=end, file=sys.stderr, flush=True)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no count")
    return int(text)


def _say(text: str) -> None:
    print(f"{PROGRAM}: {text}", file=sys.stderr, flush=True)


class _Callable(types.ModuleType):
    """This module, which is also the function of its name: `caffe_mnist.evaluate(…)`."""

    __call__ = staticmethod(evaluate)


sys.modules[__name__].__class__ = _Callable


if __name__ == "__main__":
    sys.exit(main())
