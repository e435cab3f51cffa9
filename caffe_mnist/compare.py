"""The samples' nets on the same data, side by side: python -m caffe_mnist.compare."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from caffe_mnist.errors import CaffeMnistError, JobError, exit_status, one_line_usage

if TYPE_CHECKING:
    from caffe_mnist.trials.samples import Sample
    from caffe_mnist.trials.trial import Outcome, Trial

PROGRAM = "python -m caffe_mnist.compare"
METRIC = "test0_accuracy"
EPILOG = """\
Trains softmax regression (SGD, Adam), a multilayer perceptron and LeNet, and prints what each
reached beside what the samples' documents quote. Every number of the columns "time" and
"accuracy" is measured in this run; the table and a picture are left in OUT.

examples:
  compare --data-url mnist
  compare --only softmax,lenet --out results
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Train and compare; the exit status is 0, 1 if a training failed, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Train the samples' nets on the same data and compare them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    add = parser.add_argument
    add("--data-url", metavar="URL", help="folder or URL of MNIST (default: generated digits)")
    add("--out", type=Path, default=Path("compare"), metavar="DIR", help="default: compare")
    add("--train-url", metavar="URL", help="where every training also leaves its models")
    add("--only", metavar="NAMES", help="some of: softmax, softmax-adam, mlp, lenet")
    add("--prototxt", type=Path, metavar="DIR", help="folder of the nets (default: prototxt)")
    add("--caffe", default="auto", metavar="auto|embedded|PATH", help="which Caffe trains (auto)")
    add("--seed", type=int, default=1, metavar="SEED", help="random_seed of the solvers (1)")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting for all")
    return exit_status(lambda: run(parser.parse_args(argv)), PROGRAM)


def run(options: argparse.Namespace) -> int:
    """Train what was asked for, one after the other, and report."""
    from caffe_mnist.layouts.rules import parse_setting
    from caffe_mnist.trials.board import Board, Slot, trial_folder
    from caffe_mnist.trials.dataset import prepare, with_last_test
    from caffe_mnist.trials.trial import Trial

    samples = _chosen(options.only)
    folder = _prototxt(options.prototxt)
    _make(options.out)
    data = options.data_url or _generated(options.out)
    trials, common = [], [f"--caffe={options.caffe}"]
    for index, sample in enumerate(samples):
        solver = folder / sample.solver
        _, data_arguments = prepare(solver, data, options.out, options.caffe, ())
        values = dict(map(parse_setting, (*sample.settings, *options.set)))
        values.setdefault("random_seed", str(options.seed))
        values = with_last_test(solver, values)
        trials.append(
            Trial(
                index,
                values,
                trial_folder(options.out, index).with_name(sample.name),
                (f"--solver={solver}", *data_arguments),
            )
        )
    outcomes: dict[int, Outcome] = {}

    def ended(trial: Trial, outcome: Outcome) -> None:
        outcomes[trial.number] = outcome
        _say(f"{samples[trial.number].name}: {outcome.fault or _reached(outcome)}")

    waiting = list(trials)
    for trial in trials:
        _clear(trial.folder / "model")
    _say(f"{len(samples)} training{'s' if len(samples) > 1 else ''}; all in {options.out}")
    board = Board([Slot()], common, options.train_url)
    stopped = board.run(lambda: waiting.pop(0) if waiting else None, ended)
    if stopped:
        return 128 + stopped
    return _report(options.out, samples, trials, outcomes, bool(options.data_url))


def _chosen(names: str | None) -> list[Sample]:
    from caffe_mnist.trials.samples import SAMPLES

    known = {sample.name: sample for sample in SAMPLES}
    wanted = [name.strip() for name in names.split(",")] if names is not None else list(known)
    for name in wanted:
        if name not in known:
            raise CaffeMnistError(
                f"there is no sample {name!r}", where="--only", hint="known: " + ", ".join(known)
            )
    return [known[name] for name in dict.fromkeys(wanted)]


def _prototxt(given: Path | None) -> Path:
    """The folder with the ready nets: given, here, or that of the checkout."""
    places = [given] if given else [Path("prototxt"), Path(__file__).parents[1] / "prototxt"]
    for place in places:
        if (place / "lenet").is_dir():
            return place
    raise CaffeMnistError(
        "there are no nets", where=places[0], hint="--prototxt is the folder `prototxt` of a clone"
    )


def _generated(out: Path) -> str:
    """Digits that are not MNIST, where no dataset was given."""
    from caffe_mnist.datasets import digits

    _say("no --data-url: on generated digits, which are not MNIST")
    folder = out / "digits"
    if not (folder / "t10k-labels-idx1-ubyte").exists():
        digits.write(str(folder), train=6000, test=1000, seed=0, overwrite=True)
    return str(folder)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaffeMnistError(f"cannot make: {error.strerror}", where=folder) from None


def _clear(model: Path) -> None:
    """Snapshots of an earlier comparison: a measured time begins at iteration 0."""
    for path in model.glob("*_iter_*"):
        path.unlink()
    (model / "metrics.csv").unlink(missing_ok=True)


def _reached(outcome: Outcome) -> str:
    from caffe_mnist.trials.table import seconds_text, value_text

    value = outcome.results.get(METRIC)
    reached = "no accuracy" if value is None else f"accuracy {value_text(METRIC, value)}"
    return f"{reached} after {outcome.iterations} iterations in {seconds_text(outcome.seconds)}"


def _report(
    out: Path,
    samples: Sequence[Sample],
    trials: Sequence[Trial],
    outcomes: dict[int, Outcome],
    real: bool,
) -> int:
    from caffe_mnist.files import replacing
    from caffe_mnist.trials.picture import Bar, draw_comparison
    from caffe_mnist.trials.table import seconds_text, table, value_text
    from caffe_mnist.watch.metrics import Metrics

    rows, bars, failed = [], [], []
    for sample, trial in zip(samples, trials):
        outcome = outcomes[trial.number]
        value = outcome.results.get(METRIC)
        if outcome.fault or value is None:
            failed.append(sample.name)
            value_words = "failed"
        else:
            value_words = value_text(METRIC, value)
            metrics = Metrics.read(trial.folder / "model" / "metrics.csv", sys.maxsize)
            quoted = sample.quote.accuracy if real else None
            bars.append(Bar(f"{sample.network}, {sample.kind}", value, quoted, metrics))
        seconds = seconds_text(outcome.seconds)
        rows.append(
            [sample.network, sample.kind, str(outcome.iterations), seconds, value_words,
             sample.quote.words]
        )  # fmt: skip
    head = ["network", "solver", "iterations", "time", "accuracy", "quoted"]
    found = table(head, rows)
    print("\n".join(found.lines()))
    if not real:
        print("(generated digits: the quoted results are of MNIST and cannot be compared)")
    for name, text in (("table.md", found.markdown()), ("table.csv", found.csv())):
        with replacing(out / name) as aside:
            aside.write_text(text)
    drawn = draw_comparison(out / "compare.png", bars, METRIC)
    _say(f"table.md, table.csv{', compare.png' if drawn else ''} in {out}")
    if failed:  # why was said when each ended
        raise JobError(f"{len(failed)} of {len(samples)} failed: {', '.join(failed)}", where=out)
    return 0


def _say(text: str) -> None:
    print(f"compare: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
