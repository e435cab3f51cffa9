"""Runs in words: rows of a table, all about one, what differs between two, curves as a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.trials.runs_found import FoundRun
from caffe_mnist.trials.table import Table, seconds_text, table
from caffe_mnist.watch.metrics import is_better, judged_by

# Settings that every run shows; others are shown where they differ.
ALWAYS = ("base_lr", "max_iter")
NEVER = ("solver_mode", "snapshot", "display", "test_iter", "test_interval", "snapshot_format")
MOST_COLUMNS = 7
STEPS, WIDTH = "▁▂▃▄▅▆▇█", 40
# Of `diff`: what differs between any two runs, and says nothing.
PASSING = ("run", "started", "ended", "place", "timings", "results.seconds", "notes", "start")
SHORT = 10


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested JSON with its path, as `solver.base_lr`."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from flat(one, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        for index, one in enumerate(value):
            yield from flat(one, f"{name}.{index}")
    else:
        yield name, value


def text(value: Any) -> str:
    """A value for people."""
    if value is None or value == "" or value == []:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return " ".join(map(text, value))
    return str(value)


def solver_of(run: FoundRun) -> dict[str, Any]:
    """The solver's settings; of records that have none yet, those of the command line."""
    found = run.record.get("solver")
    if isinstance(found, Mapping) and found:
        return dict(found)
    given = run.record["arguments"].get("set") or []
    pairs = (one.partition("=") for one in given if isinstance(one, str))
    return {key: value for key, equals, value in pairs if equals}


def best_of(run: FoundRun, metric: str = "") -> tuple[str, float, int | None] | None:
    """A metric, its best value and its iteration: of the first test's accuracy, or else loss.

    `metric` is a column, or an output of the first test net (`accuracy`).
    Records that do not say it yet have their last values.
    """
    best, results = (run.record.get(key) or {} for key in ("best", "results"))
    names = [metric, f"test0_{metric}"] if metric else [judged_by(results) or "loss", "loss"]
    for name in names:
        if isinstance(best.get(name), Mapping):
            return name, float(best[name]["value"]), int(best[name]["iteration"])
        if isinstance(results.get(name), (int, float)):
            return name, float(results[name]), None
    return None


def runs_table(runs: Sequence[FoundRun], metric: str = "", everything: bool = False) -> Table:
    """A row a run: the settings that differ, net, data, and the best result."""
    settings = [solver_of(run) for run in runs]
    keys = list(dict.fromkeys(key for one in settings for key in one))
    if not everything:
        differing = [key for key in keys if len({text(one.get(key)) for one in settings}) > 1]
        more = [key for key in differing if key not in (*ALWAYS, *NEVER)]
        keys = [*(key for key in ALWAYS if key in keys), *more][:MOST_COLUMNS]
    head = ("run", "place", "status", "iteration", *keys, "batch", "net", "data", "best", "time")
    return table(head, [_row(run, one, keys, metric) for run, one in zip(runs, settings)])


def _row(run: FoundRun, solver: Mapping[str, Any], keys: Sequence[str], metric: str) -> list[str]:
    record = run.record
    net, data = record.get("net") or {}, record.get("data") or []
    best = best_of(run, metric)
    shown = "-"
    if best is not None:
        name, value, iteration = best
        shown = f"{name} {value:.4f}" + ("" if iteration is None else f" @ {iteration}")
    seconds = (record.get("timings") or {}).get("train")
    digests = [str(one.get("sha256") or "")[:SHORT] for one in data if isinstance(one, Mapping)]
    return [
        text(record.get("run")),
        run.name,
        text(record.get("status")),
        text((record.get("results") or {}).get("iteration")),
        *(text(solver.get(key)) for key in keys),
        text((net.get("batch_size") or {}).get("train")),
        f"{net.get('name') or net.get('file')} {str(net.get('sha256', ''))[:6]}" if net else "-",
        text(digests[0] if digests else None),
        shown,
        "-" if seconds is None else seconds_text(seconds),
    ]


def shown_run(run: FoundRun) -> list[str]:
    """All about one run, section by section, its curves as lines of blocks."""
    record = dict(run.record)
    lines = [f"{run.place}"]
    sections: dict[str, dict[str, Any]] = {"run": {}}
    for key, value in record.items():
        if isinstance(value, (Mapping, list)):
            sections[key] = dict(flat(value)) if value else {}
        else:
            sections["run"][key] = value
    for name, values in sections.items():
        given = {key: one for key, one in values.items() if one not in (None, "", [], False)}
        if not given:
            continue
        lines += ["", name]
        width = max(len(key) for key in given)
        lines += [f"  {key.lstrip('.').ljust(width)}  {text(one)}" for key, one in given.items()]
    curves = list(curve_lines(run))
    return [*lines, *(["", "curves", *curves] if curves else [])]


def curve_lines(run: FoundRun) -> Iterator[str]:
    """Each metric's way over the training, smallest to largest value as low to high blocks."""
    metrics = run.metrics()
    names = [name for name in metrics.columns if name not in ("iteration", "seconds")]
    width = max((len(name) for name in names), default=0)
    for name in names:
        values = [row[name] for _, row in sorted(metrics.rows.items()) if name in row]
        if values:
            low, high = min(values), max(values)
            line = "".join(_step(one, low, high) for one in _thinned(values))
            yield f"  {name.ljust(width)}  {line}  {values[0]:.4g} … {values[-1]:.4g}"


def _thinned(values: Sequence[float]) -> list[float]:
    count = min(WIDTH, len(values))
    return [values[index * (len(values) - 1) // max(1, count - 1)] for index in range(count)]


def _step(value: float, low: float, high: float) -> str:
    if not low < high or value != value:
        return STEPS[0]
    return STEPS[min(len(STEPS) - 1, int((value - low) / (high - low) * len(STEPS)))]


def differences(one: FoundRun, other: FoundRun) -> Table:
    """What differs between two runs: settings, net, data, environment, results."""
    left, right = (_comparable(run) for run in (one, other))
    rows = [
        [key, text(left.get(key)), text(right.get(key))]
        for key in dict.fromkeys([*left, *right])
        if text(left.get(key)) != text(right.get(key))
    ]
    return table(("", one.name, other.name), rows)


def _comparable(run: FoundRun) -> dict[str, Any]:
    found = dict(flat({**run.record, "solver": solver_of(run)}))
    return {
        key: value for key, value in found.items()
        if not any(key == name or key.startswith(f"{name}.") for name in PASSING)
    }  # fmt: skip


def ranked(runs: Sequence[FoundRun], metric: str = "") -> list[FoundRun]:
    """Those that have the metric, best first: losses and errors low, all else high.

    Raises CaffeMnistError where none has it.
    """
    name = metric or next((found[0] for run in runs if (found := best_of(run))), "")
    having = [run for run in runs if name and best_of(run, name) is not None]
    if not having:
        known = sorted({key for run in runs for key in run.record.get("results") or {}})
        raise CaffeMnistError(
            f"no run has the metric {metric}" if metric else "no run has results yet",
            hint=f"known: {', '.join(known)}" if known else "",
        )

    def value(run: FoundRun) -> float:
        found = best_of(run, name)
        assert found is not None
        if found[1] != found[1]:  # not a number is the worst
            return float("inf")
        return -found[1] if is_better(name, 1.0, 0.0) else found[1]

    return sorted(having, key=value)
