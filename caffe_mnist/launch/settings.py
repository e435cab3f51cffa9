"""The settings of one training job, from the command line, a TOML file and defaults.

ModelArts passes `--data_url=…` with underscores, may pass it empty (which means: not given), and
adds arguments of its own; unknown ones are noted and ignored. Every name works with hyphens too.
The command line goes before the file of `--config`, and that before the defaults.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.launch.arguments import PRECISIONS, make_parser
from caffe_mnist.launch.metric import parse_early_stop, parse_metric
from caffe_mnist.schema.variables import parse_define
from caffe_mnist.storage import urls

# What the platform is known to pass beside a script's own arguments.
PLATFORM = frozenset({"job_name", "task_index", "ps_hosts", "worker_hosts", "init_method"})
# Arguments that may be given again for more.
LISTS = ("set", "map", "define")


@dataclass(frozen=True)
class Settings:
    """What one job is to do; None and empty mean: not given."""

    data_url: str | None = None
    train_url: str | None = None
    data_path_suffix: str | None = None
    data_local_path: str | None = None
    model_local_path: str | None = None
    num_gpus: int | None = None
    solver: str | None = None
    layout: str | None = None
    gpu: str | None = None
    weights: str | None = None
    snapshot: str = "none"
    caffe: str = "auto"
    data_position: str = "resume"
    precision: str = "fp32"
    compile: bool = False
    upload_every: float = 0.0
    keep: int = 0
    keep_local: int = 0
    snapshot_early: bool = False
    histograms: bool = False
    dashboard: int | None = None
    resume: bool = False
    workers: int | None = None
    nodes: str | None = None
    rdzv: str | None = None
    node_rank: int | None = None
    rdzv_conf: str | None = None
    max_restarts: int | None = None
    worker_timeout: int | None = None
    stop_timeout: float = 120.0
    drain_timeout: float = 600.0
    set: tuple[str, ...] = ()
    map: tuple[str, ...] = ()
    stop_on_nan: bool = True
    early_stop: str | None = None
    best: str | None = None
    epochs: float = 0.0
    test_once_over: bool = False
    preflight: bool | None = None
    preflight_only: bool = False
    define: tuple[str, ...] = ()
    lenient: bool = False
    paths_from: str = "cwd"
    dry_run: bool = False

    @property
    def gpus(self) -> str:
        """The value of Caffe's -gpu flag; empty for the CPU."""
        if self.gpu is not None:
            return self.gpu
        return ",".join(str(index) for index in range(self.num_gpus or 0))

    @property
    def engine_flags(self) -> tuple[str, ...]:
        """Flags that only the embedded engine has, without those of defaults."""
        flags = ["-precision", self.precision] if self.precision != "fp32" else []
        return (*flags, *["-compile"] * self.compile)

    @property
    def reading_flags(self) -> tuple[str, ...]:
        """How the embedded engine reads what was written for it: `lenient`, or with no flag."""
        return ("-lenient",) if self.lenient else ()

    def public(self) -> dict[str, Any]:
        """The settings for `run.json`; a URL that carries a password or a query loses it."""
        return {key: _shown(value) for key, value in asdict(self).items()}


def parse(argv: Sequence[str] | None, program: str) -> tuple[Settings, list[str]]:
    """The settings of a command line, and notes on what was ignored.

    Raises CaffeMnistError for a value or a configuration that cannot be used.
    """
    parser = make_parser(program)
    given, unknown = parser.parse_known_args(_hyphens(sys.argv[1:] if argv is None else argv))
    values = {
        key: value
        for key, value in vars(given).items()
        if value is not None and value != "" and value != [] and key != "config"
    }
    notes = _notes(unknown, parser)
    if given.config:
        file = _read_config(Path(given.config))
        for key in LISTS:  # those of the command line come last and win
            if key in file:
                values[key] = [*file[key], *values.get(key, [])]
        values = {**file, **values}
    for key in LISTS:
        if key in values:
            values[key] = tuple(values[key])
    if values.get("resume"):
        values.setdefault("snapshot", "auto")
    settings = Settings(**values)
    _check(settings)
    return settings, notes


def _check(settings: Settings) -> None:
    if settings.snapshot not in ("none", "auto") and settings.weights:
        raise CaffeMnistError("--snapshot resumes a training, --weights starts one: give one")
    if settings.data_position not in ("resume", "restart"):
        raise CaffeMnistError("takes resume or restart", where="--data-position")
    if settings.precision not in PRECISIONS:
        raise CaffeMnistError(f"takes {', '.join(PRECISIONS)}", where="--precision")
    if settings.paths_from not in ("cwd", "solver"):
        raise CaffeMnistError("takes cwd or solver", where="--paths-from")
    for text in settings.define:
        parse_define(text)
    if settings.early_stop:
        parse_early_stop(settings.early_stop)
    if settings.best:
        parse_metric(settings.best)
    given = [text.partition("=")[0].strip() for text in settings.set]
    if settings.epochs and "max_iter" in given:
        raise CaffeMnistError("--epochs says how long to train, max_iter too: give one")
    if settings.test_once_over and "test_iter" in given:
        raise CaffeMnistError("--test-once-over says how much to test, test_iter too: give one")
    for name in ("num_gpus", "keep", "keep_local", "upload_every", "stop_timeout", "drain_timeout",
                 "dashboard", "epochs", "node_rank", "max_restarts"):  # fmt: skip
        value = getattr(settings, name)
        if value is not None and not value >= 0:
            what = "cannot be negative" if value < 0 else f"cannot be {value}"
            raise CaffeMnistError(what, where=f"--{name.replace('_', '-')}")
    places = (settings.data_url, settings.train_url, settings.snapshot)
    for url in [*places, *(settings.weights or "").split(",")]:
        if url:
            urls.parse(url)
    for name in ("workers", "worker_timeout"):
        if (getattr(settings, name) or 1) < 1 or getattr(settings, name) == 0:
            raise CaffeMnistError("takes 1 or more", where=f"--{name.replace('_', '-')}")
    if settings.gpus and (settings.workers or 1) > 1:
        raise CaffeMnistError(
            "is for the CPU; on GPUs there is one worker each", where="--workers",
            hint="name them by --gpu, and leave --workers away",
        )  # fmt: skip
    numbers = all(part.isdigit() for part in (settings.gpu or "0").split(","))
    if settings.dashboard is not None and settings.dashboard > 65535:
        raise CaffeMnistError(f"{settings.dashboard} is no port", where="--dashboard")
    if not numbers and settings.gpu != "all":
        raise CaffeMnistError(f"{settings.gpu!r} is no list of numbers, nor all", where="--gpu")


def _hyphens(argv: Sequence[str]) -> list[str]:
    """Names with underscores as names with hyphens; values stay."""
    result = []
    for argument in argv:
        name, equals, value = argument.partition("=")
        if name.startswith("--"):
            name = name.replace("_", "-")
        result.append(name + equals + value)
    return result


def _notes(unknown: list[str], parser: argparse.ArgumentParser) -> list[str]:
    """A line for each unknown argument; one close to a known name is pointed out."""
    known = [option for action in parser._actions for option in action.option_strings]
    notes = []
    for argument in unknown:
        name = argument.partition("=")[0]
        if not name.startswith("--"):
            notes.append(f"ignoring {argument!r}, which belongs to no argument known here")
            continue
        close = difflib.get_close_matches(name, known, 1, 0.8)
        if name[2:].replace("-", "_") in PLATFORM or not close:
            notes.append(f"ignoring unknown argument {name}")
        else:
            notes.append(f"ignoring unknown argument {name} (did you mean {close[0]}?)")
    return notes


def _read_config(path: Path) -> dict[str, Any]:
    """A TOML file with the arguments' names as keys, with hyphens or underscores."""
    from caffe_mnist.layouts.layout import read_toml

    return _checked({key.replace("-", "_"): value for key, value in read_toml(path).items()}, path)


def from_values(values: Mapping[str, Any], where: str) -> Settings:
    """The settings of values by their names, as a TOML file may hold them (`set` as a mapping).

    Raises CaffeMnistError for names that are unknown and values that cannot be used.
    """
    found = _checked(values, where)
    found.update({key: tuple(found[key]) for key in LISTS if key in found})
    if found.get("resume"):
        found.setdefault("snapshot", "auto")
    settings = Settings(**found)
    _check(settings)
    return settings


def _checked(values: Mapping[str, Any], path: object) -> dict[str, Any]:
    """`values` in the form of `Settings`; empty ones are left out."""
    found = dict(values)
    kinds = {field.name: field.default for field in fields(Settings)}
    unknown = sorted(set(found) - set(kinds))
    if unknown:
        close = difflib.get_close_matches(unknown[0], list(kinds), 1)
        hint = f"did you mean {close[0]}?" if close else "known: " + ", ".join(sorted(kinds))
        raise CaffeMnistError(f"unknown key {', '.join(unknown)}", where=path, hint=hint)
    for key, value in found.items():
        if key == "set" and isinstance(value, dict):
            value = [f"{name}={_toml_value(each)}" for name, each in value.items()]
        elif key in ("map", "define") and isinstance(value, dict):
            value = [f"{old}={new}" for old, new in value.items()]
        found[key] = _config_value(key, value, path)
    return {key: value for key, value in found.items() if value != ""}


def _toml_value(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_toml_value, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _config_value(key: str, value: Any, path: object) -> Any:
    numbers = {"num_gpus": int, "keep": int, "keep_local": int, "upload_every": float,
               "dashboard": int, "workers": int, "node_rank": int, "max_restarts": int,
               "worker_timeout": int, "epochs": float, "stop_timeout": float,
               "drain_timeout": float}  # fmt: skip
    if key in numbers:
        right = isinstance(value, (int, float)) and not isinstance(value, bool)
        if right and (numbers[key] is float or isinstance(value, int)):
            return numbers[key](value)
    elif key in LISTS:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
    elif key in (
        "dry_run",
        "lenient",
        "stop_on_nan",
        "test_once_over",
        "preflight",
        "preflight_only",
        "resume",
        "snapshot_early",
        "histograms",
        "compile",
    ):
        if isinstance(value, bool):
            return value
    elif isinstance(value, str):
        return value
    elif key == "gpu" and isinstance(value, int):
        return str(value)
    raise CaffeMnistError(f"{key} cannot be {value!r}", where=path)


def _shown(value: Any) -> Any:
    """A value as everybody may see it."""
    if isinstance(value, tuple):
        return tuple(map(_shown, value))
    return urls.without_secret(value) if isinstance(value, str) else value
