"""Many trainings to find the best settings: python -m caffe_mnist.sweep SOLVER --vary …"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from caffe_mnist.errors import CaffeMnistError, JobError, exit_status, one_line_usage

if TYPE_CHECKING:
    from caffe_mnist.trials.search import Search
    from caffe_mnist.trials.space import Dimension
    from caffe_mnist.trials.trial import Outcome, Trial

PROGRAM = "python -m caffe_mnist.sweep"
EPILOG = """\
--vary takes KEY=A,B,C or KEY=LOW:HIGH or KEY=LOW:HIGH:log; KEY as for `train --set`.
Without --trials every combination is run, each range in --points steps; with --trials N, Optuna
chooses N of them. Every trial is an ordinary run of `train` in OUT/trials/NUMBER (and below
--train-url, if given). Started again after a kill, the sweep goes on where it was.

examples:
  sweep prototxt/softmax/softmax_solver.prototxt --data-url mnist --out sweep \\
      --vary base_lr=0.01:1:log --vary type=SGD,Adam --set max_iter=1000 --points 3
  sweep prototxt/lenet/lenet_solver.prototxt --data-url mnist --trials 20 \\
      --vary base_lr=0.001:0.1:log --vary momentum=0.5:0.95
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sweep; the exit status is 0, 1 if no trial succeeded, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Train a solver with varied settings, and find the best.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    add = parser.add_argument
    add("solver", metavar="SOLVER", type=Path, help="the solver to vary")
    add("--vary", action="append", metavar="KEY=VALUES", required=True, help="may be repeated")
    add("--trials", type=_count, metavar="N", help="N trials, searched by Optuna")
    add("--points", type=_count, default=5, metavar="N", help="steps of each range (5)")
    add("--metric", metavar="NAME", help="what is compared (the first test accuracy, or loss)")
    add("--seed", type=int, default=0, metavar="SEED", help="of the search (0)")
    add("--out", type=Path, default=Path("sweep"), metavar="DIR", help="default: sweep")
    add("--data-url", metavar="URL", help="the dataset: a folder or a store's URL")
    add("--train-url", metavar="URL", help="where every trial also leaves its models")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="the same for all trials")
    add("--weights", metavar="FILE", help="start every trial from these weights")
    add("--caffe", default="auto", metavar="auto|embedded|PATH", help="which Caffe trains (auto)")
    add("--slots", type=_count, default=1, metavar="N", help="trials at once on the CPU (1)")
    add("--gpus", metavar="LIST", help="a trial at once on each of these GPUs: 0,1")
    return exit_status(lambda: _Sweep(parser.parse_args(argv)).run(), PROGRAM)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count of at least 1")
    return int(text)


class _Sweep:
    """One sweep, from its arguments to its table."""

    def __init__(self, options: argparse.Namespace) -> None:
        from caffe_mnist.trials.search import GridSearch, OptunaSearch
        from caffe_mnist.trials.space import parse_space

        self.options, self.out = options, options.out
        _check_gpus(options.gpus)
        self.space: list[Dimension] = parse_space(options.vary)
        self.search: Search = (
            OptunaSearch(self.space, options.trials, options.seed)
            if options.trials
            else GridSearch(self.space, options.points)
        )
        self.trials: list[tuple[Trial, Outcome]] = []
        self.waiting: list[Trial] = []
        self.next = 0

    def run(self) -> int:
        from caffe_mnist.trials.board import Board, slots
        from caffe_mnist.trials.dataset import prepare, settle

        options = self.options
        self._same_sweep()
        first = [f"{one.key}={one.grid(2)[0]}" for one in self.space]
        place = (options.solver, options.data_url, self.out, options.caffe)
        settle(*place, options.set)
        for one in self.space:  # a value that cannot be is said before the first trial
            for value in one.grid(2):
                with _named_vary():
                    settle(*place, [*options.set, f"{one.key}={value}"])
        _, common = prepare(
            options.solver, options.data_url, self.out, options.caffe, [*options.set, *first]
        )
        common += [f"--solver={options.solver}", f"--caffe={options.caffe}", "--snapshot=auto"]
        common += [f"--set={one}" for one in options.set]
        common += [f"--weights={options.weights}"] if options.weights else []
        self._take_up()
        done = f", {len(self.trials)} of them done before" if self.trials else ""
        self._say(f"{self.search.total} trials{done}; all in {self.out}")
        board = Board(slots(options.gpus, options.slots), common, options.train_url)
        stopped = board.run(self._following, self._ended)
        if stopped:
            self._say("stopped; the same command goes on from here")
            return 128 + stopped
        return self._report()

    def _same_sweep(self) -> None:
        """Note what is swept; raises CaffeMnistError if the folder holds another sweep."""
        from caffe_mnist.files import replacing

        options = self.options
        try:
            content = options.solver.read_bytes()
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CaffeMnistError(f"cannot use: {error.strerror}", where=error.filename) from None
        wanted = {
            "solver": hashlib.sha256(content).hexdigest(),
            "vary": options.vary,
            "set": options.set,
            "weights": options.weights,
            "search": "optuna" if options.trials else f"grid of {options.points}",
            "seed": options.seed,
        }
        path = self.out / "sweep.json"
        try:
            # A start that came to no trial, for a typo, claims nothing.
            begun = (self.out / "trials").exists()
            found = json.loads(path.read_text()) if begun else None
        except FileNotFoundError:
            found = None
        except (OSError, ValueError) as error:
            raise CaffeMnistError(f"is no record of a sweep: {error}", where=path) from None
        if found is None:
            with replacing(path) as aside:
                aside.write_text(json.dumps(wanted, indent=1) + "\n")
            return
        other = [key for key, value in wanted.items() if found.get(key) != value]
        if other:
            raise CaffeMnistError(
                f"holds a sweep with another {' and '.join(other)}",
                where=self.out,
                hint="give another --out",
            )

    def _take_up(self) -> None:
        """What an earlier start of this sweep has done, and what it had begun."""
        from caffe_mnist.trials.board import trial_folder
        from caffe_mnist.trials.trial import read_trial

        while self.next < self.search.total:
            trial = read_trial(trial_folder(self.out, self.next))
            if trial is None:
                break
            self.search.known(self.next, trial.values)
            outcome = trial.outcome()
            if outcome is None or not outcome.results:
                self.waiting.append(trial)  # stopped or failed: once more
            else:
                self._note(trial, outcome)
            self.next += 1

    def _following(self) -> Trial | None:
        from caffe_mnist.trials.board import trial_folder
        from caffe_mnist.trials.trial import Trial

        if self.waiting:
            return self._arranged(self.waiting.pop(0))
        if self.next >= self.search.total:
            return None
        number = self.next
        self.next += 1
        return self._arranged(
            Trial(number, self.search.values(number), trial_folder(self.out, number))
        )

    def _arranged(self, trial: Trial) -> Trial:
        """With what its run needs beside its values, so that its last iteration is tested."""
        given = self._settings(trial, tested=False)
        more = [pair for pair in self._settings(trial) if pair not in given]
        return replace(trial, arguments=tuple(f"--set={key}={value}" for key, value in more))

    def _settings(self, trial: Trial, *, tested: bool = True) -> list[tuple[str, str]]:
        """What a trial changes in the solver; `tested`: with the interval of its tests."""
        from caffe_mnist.layouts.rules import parse_setting
        from caffe_mnist.trials.dataset import with_last_test

        values = {**dict(map(parse_setting, self.options.set)), **trial.values}
        return list((with_last_test(self.options.solver, values) if tested else values).items())

    def _ended(self, trial: Trial, outcome: Outcome) -> None:
        from caffe_mnist.trials.table import seconds_text, value_text

        self._note(trial, outcome)
        values = " ".join(f"{key}={value}" for key, value in trial.values.items())
        done = f"[{len(self.trials)}/{self.search.total}] trial {trial.number}: {values}"
        if outcome.fault:
            self._say(f"{done}: failed: {outcome.fault}")
            return
        metric = self._metric(outcome)
        result = value_text(metric, outcome.results[metric])
        self._say(f"{done}: {metric} {result} in {seconds_text(outcome.seconds)}")

    def _note(self, trial: Trial, outcome: Outcome) -> None:
        self.trials.append((trial, outcome))
        self.search.tell(trial.number, self._score(outcome))

    def _metric(self, outcome: Outcome) -> str:
        from caffe_mnist.trials.trial import metric_of

        return metric_of(outcome.results, self.options.metric)

    def _score(self, outcome: Outcome) -> float | None:
        """The larger the better; None for a failed trial."""
        if outcome.fault:
            return None
        metric = self._metric(outcome)
        from caffe_mnist.watch.metrics import is_less_better

        value = outcome.results[metric]
        if not math.isfinite(value):
            return None
        return -value if is_less_better(metric) else value

    def _report(self) -> int:
        """The table, the picture and the best solver."""
        from caffe_mnist.files import replacing
        from caffe_mnist.trials.picture import Point, draw_sweep
        from caffe_mnist.trials.table import seconds_text, table, value_text

        scored = [(self._score(outcome), trial, outcome) for trial, outcome in self.trials]
        good = [(score, trial, outcome) for score, trial, outcome in scored if score is not None]
        if not good:
            fault = self.trials[0][1].fault if self.trials else "none was run"
            raise JobError(f"no trial succeeded: {fault}", where=self.out)
        good.sort(key=lambda one: (-one[0], one[1].number))
        _, best, outcome = good[0]
        metric = self._metric(outcome)
        bad = [one for one in scored if one[0] is None]
        rows: list[list[str]] = []
        for score, trial, one in [*good, *bad]:
            values = [trial.values[each.key] for each in self.space]
            result = "failed" if score is None else value_text(metric, one.results[metric])
            rows.append(
                [str(trial.number), *values, str(one.iterations), seconds_text(one.seconds), result]
            )
        head = ["trial", *(one.key for one in self.space), "iterations", "time", metric]
        found = table(head, rows)
        print("\n".join(found.lines()))
        for name, text in (("table.md", found.markdown()), ("table.csv", found.csv())):
            with replacing(self.out / name) as aside:
                aside.write_text(text)
        points = [Point(t.number, t.values, one.results[metric]) for _, t, one in good]
        drawn = draw_sweep(self.out / "sweep.png", self.space, points, best.number, metric)
        solver = self._best_solver(best)
        self._say(f"table.md{', sweep.png' if drawn else ''} in {self.out}; best solver: {solver}")
        return 0

    def _best_solver(self, best: Trial) -> Path:
        """The solver with the best trial's values, and its nets, in OUT/best."""
        from caffe_mnist.layouts.rewrite import write_tree
        from caffe_mnist.layouts.rules import Rules

        rules = Rules(settings=tuple(self._settings(best)))
        return write_tree(self.options.solver, self.out / "best", rules)

    def _say(self, text: str) -> None:
        print(f"sweep: {text}", file=sys.stderr, flush=True)


@contextmanager
def _named_vary() -> Iterator[None]:
    """Values are set as those of `--set` are; what is wrong with one is told of `--vary`."""
    try:
        yield
    except CaffeMnistError as error:
        if error.where != "--set":
            raise
        raise CaffeMnistError(error.what, where="--vary", hint=error.hint) from None


def _check_gpus(gpus: str | None) -> None:
    parts = gpus.split(",") if gpus else []
    if any(not part.strip().isdigit() for part in parts) or len(set(parts)) != len(parts):
        raise CaffeMnistError(f"{gpus!r} is no list of GPUs", where="--gpus", hint="0,1")


if __name__ == "__main__":
    sys.exit(main())
