"""A model asked about labelled pictures, one batch after the other."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from caffe_mnist.datasets.picture import PictureError
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.evaluation.confusion import Confusion
from caffe_mnist.evaluation.labelled import Labelled, LabelledSet
from caffe_mnist.evaluation.pictures import Mistake

if TYPE_CHECKING:
    from caffe_mnist.engine.classifier import Classifier

BATCH, TOP = 64, 5
# The smallest score that a loss is computed of, as SoftmaxWithLoss does.
SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Row:
    """What the model said of one picture. `own` is the score of the true class."""

    name: str
    true: int
    predicted: int
    score: float
    own: float

    @property
    def order(self) -> tuple[bool, float]:
        """The worst first: sure mistakes, doubtful ones, doubtful hits, sure hits."""
        wrong = self.true != self.predicted
        return (not wrong, self.own - self.score if wrong else self.own)


@dataclass
class Evaluation:
    """All that was found. `top` counts pictures whose class is among the five best."""

    confusion: Confusion
    rows: list[Row] = field(default_factory=list)
    worst: list[Mistake] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    top: int = 0
    loss: float | None = 0.0


def label_map(classes: Sequence[str], names: Sequence[str], count: int, place: str) -> list[int]:
    """Which of the net's `count` classes each label of a set is; [] where numbers are the same.

    By their names where both have some; a set's names may also be the net's numbers. Raises
    CaffeMnistError naming a class that the net does not have.
    """
    if not classes:
        return []
    known = {name: index for index, name in enumerate(names)}
    if not known:
        if all(one.isascii() and one.isdigit() and int(one) < count for one in classes):
            return [int(one) for one in classes]
        if len(classes) != count:
            raise CaffeMnistError(
                f"has {len(classes)} classes, the net {count}", where=place,
                hint="--labels FILE names those of the net",
            )  # fmt: skip
        return []
    strange = [one for one in classes if one not in known]
    if strange:
        raise CaffeMnistError(
            f"the class {strange[0]!r} is none of the net's: {', '.join(list(names)[:10])}",
            where=place,
        )
    return [known[one] for one in classes]


def evaluate(
    classifier: Classifier,
    found: LabelledSet,
    names: Sequence[str],
    labels: Sequence[int],
    worst: int,
    progress: Callable[[int], None] = lambda done: None,
) -> Evaluation:
    """Ask about every picture; `worst` mistakes keep their pixels.

    Picture files that are broken are skipped, and named in the result.
    """
    result = Evaluation(Confusion(names))
    kept: list[tuple[float, int, Mistake]] = []
    order, done = itertools.count(), 0
    pictures = iter(found.pictures)
    while some := list(islice(pictures, BATCH)):
        done += len(some)
        read = list(_values(classifier, some, found.place, result.skipped))
        if read:
            scores = classifier.scores_of(np.stack([values for _, _, values in read]))
            for (one, pixels, _), row in zip(read, scores):
                said = _row(one, row, names, labels, found.place)
                _count(result, said, row)
                if said.true != said.predicted and worst:
                    mistake = Mistake(one.name, names[said.true], names[said.predicted],
                                      said.score, said.own, pixels)  # fmt: skip
                    heapq.heappush(kept, (said.score - said.own, -next(order), mistake))
                    if len(kept) > worst:
                        heapq.heappop(kept)
        progress(done)
    result.worst = [mistake for _, _, mistake in sorted(kept, key=lambda one: one[:2])[::-1]]
    result.rows.sort(key=lambda row: row.order)
    return result


def _values(
    classifier: Classifier, some: Sequence[Labelled], place: str, skipped: list[str]
) -> Iterator[tuple[Labelled, Any, Any]]:
    """The pictures that can be read, their pixels as they came and as the net takes them."""
    taken = classifier.input
    wanted = (taken.channels, taken.height, taken.width)
    for one in some:
        try:
            pixels = one.pixels()
        except PictureError as error:
            skipped += error.faults
            continue
        values = taken.values(pixels[None])[0]
        if values.shape != wanted:
            text = " × ".join(map(str, pixels.shape))
            net = " × ".join(map(str, wanted))
            raise CaffeMnistError(f"{one.name} is {text}, the net takes {net}", where=place)
        yield one, pixels, values


def _row(
    one: Labelled, scores: Any, names: Sequence[str], labels: Sequence[int], place: str
) -> Row:
    if not 0 <= one.label < (len(labels) or len(names)):
        raise CaffeMnistError(
            f"{one.name} has the label {one.label}, the net has {len(names)} classes", where=place
        )
    true = labels[one.label] if labels else one.label
    predicted = int(np.argmax(scores))
    return Row(one.name, true, predicted, float(scores[predicted]), float(scores[true]))


def _count(result: Evaluation, row: Row, scores: Any) -> None:
    result.rows.append(row)
    result.confusion.add(row.true, row.predicted)
    result.top += int((scores > scores[row.true]).sum() < TOP)
    if abs(float(scores.sum()) - 1) > 1e-3 or scores.min() < 0:
        result.loss = None  # no probabilities
    elif result.loss is not None:
        result.loss -= float(np.log(max(row.own, SMALLEST)))
