"""A model package for the platform: python -m caffe_mnist.package FINAL OUT."""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage

PROGRAM = "python -m caffe_mnist.package"
RUNTIMES = tuple(
    f"python{version}{kind}" for version in ("2.7", "3.6", "3.7") for kind in ("", "-cpu", "-gpu")
)
EPILOG = """\
FINAL is a run's final folder or its URL; OUT a folder or URL, which gets a folder `model` and is
what the platform's import takes. `serve OUT` serves it here.

examples:
  package store/final package
  package s3://bucket/run/final s3://bucket/package --customize
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Make the package; the exit status is 0, 1 for a store that fails, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Make the model package that the platform imports.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    add = parser.add_argument
    add("final", metavar="FINAL", help="a final folder, or its URL")
    add("out", metavar="OUT", help="where the folder `model` is made: a folder or URL")
    add("--name", metavar="NAME", help="of the weights' file (that of the run)")
    add("--algorithm", default="image_classification", metavar="WORDS", help="model_algorithm")
    add(
        "--runtime", choices=RUNTIMES, default="python3.7-cpu", metavar="R", help=" ".join(RUNTIMES)
    )
    add(
        "--customize",
        nargs="?",
        const="",
        metavar="FILE",
        help="add a customize_service.py: FILE, or one that prepares pictures as the training did",
    )
    add("--labels", metavar="FILE", help="names of the classes, one a line")
    add("--overwrite", action="store_true", help="replace the package that is there")
    return exit_status(lambda: run(parser.parse_args(argv)), PROGRAM)


def run(options: argparse.Namespace) -> int:
    """Fetch the parts, put them together aside, and bring the package to its place."""
    from caffe_mnist.service.package import read_package

    _check(options)
    with tempfile.TemporaryDirectory(prefix="caffe_mnist.") as folder:
        final, model = Path(folder) / "final", Path(folder) / "package" / "model"
        _fetch(options.final, final)
        source = read_package(final)
        model.mkdir(parents=True)
        _assemble(options, source, final, model)
        read_package(model.parent)
        _publish(model, options.out, options.overwrite)
    print(f"package: {options.out}: model/ with {', '.join(_names(options))}")
    return 0


def _check(options: argparse.Namespace) -> None:
    if not re.fullmatch(r"[A-Za-z][^&!'\"<>=]{0,35}", options.algorithm):
        raise CaffeMnistError(
            f"{options.algorithm!r}: a letter, then at most 35 characters without &!'\"<>=",
            where="--algorithm",
        )
    if options.name is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,48}", options.name):
        raise CaffeMnistError(f"{options.name!r}: 1 to 48 letters, digits, - and _", where="--name")
    if options.customize and not Path(options.customize).is_file():
        raise CaffeMnistError("there is no such file", where=options.customize)


def _fetch(url: str, folder: Path) -> None:
    from caffe_mnist.service.package import is_part
    from caffe_mnist.storage.manifest import MANIFEST
    from caffe_mnist.storage.snapshots import fetch
    from caffe_mnist.storage.store import open_store

    if "://" not in url and not Path(url).is_dir():
        raise CaffeMnistError("there is no such folder", where=url)
    if open_store(url).size(MANIFEST) is None:
        raise CaffeMnistError(
            f"is no complete snapshot: there is no {MANIFEST}", where=url, hint="TRAIN_URL/final?"
        )
    fetch(url, folder, is_part)


def _assemble(options: argparse.Namespace, source: Any, final: Path, model: Path) -> None:
    from caffe_mnist.service.package import CONFIG, CUSTOM, LABELS, make_config, read_labels

    name = options.name or re.sub(r"_iter_\d+$", "", source.weights.name.split(".")[0])
    kind = ".caffemodel.h5" if source.weights.name.endswith(".h5") else ".caffemodel"
    _copy(source.deploy, model / "deploy.prototxt")
    _copy(source.weights, model / f"{name}{kind}")
    for mean in _means(source.deploy):
        _copy(final / mean, model / mean)
    labels = source.labels
    if options.labels:
        labels = read_labels(Path(options.labels))
    if labels:
        (model / LABELS).write_text("".join(f"{one}\n" for one in labels), encoding="utf-8")
    config = make_config(_accuracy(final / "run.json"), options.runtime, options.algorithm)
    (model / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
    if options.customize:
        _copy(Path(options.customize), model / CUSTOM)
    elif options.customize is not None:
        from caffe_mnist.service.template import customize_service

        text = customize_service(model / "deploy.prototxt", labels)
        (model / CUSTOM).write_text(text, encoding="utf-8")


def _means(deploy: Path) -> list[str]:
    """The mean image that the deploy net names; raises CaffeMnistError if it is not beside it."""
    from caffe_mnist.schema import caffe_pb2
    from caffe_mnist.schema.messages import read_text
    from caffe_mnist.schema.upgrade import upgrade_net

    net = upgrade_net(read_text(deploy, caffe_pb2.NetParameter), deploy)
    names = [Path(layer.transform_param.mean_file).name for layer in net.layer]
    found = list(dict.fromkeys(name for name in names if name))
    for name in found:
        if not (deploy.parent / name).is_file():
            raise CaffeMnistError(f"its mean image {name} is not beside it", where=deploy.name)
    return found


def _accuracy(record: Path) -> float | None:
    """What the run's last test measured."""
    try:
        results = json.loads(record.read_text())["results"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    found = [value for key, value in results.items() if re.match(r"test\d+_.*accuracy", key)]
    return float(found[0]) if found else None


def _copy(source: Path, target: Path) -> None:
    import shutil

    shutil.copyfile(source, target)


def _publish(model: Path, out: str, overwrite: bool) -> None:
    from caffe_mnist.storage.copies import upload_folder
    from caffe_mnist.storage.store import open_store
    from caffe_mnist.storage.urls import is_local, join, parse

    if is_local(out):
        _place(model, Path(parse(out).path), overwrite)
        return
    store = open_store(join(out, "model"))
    there = [entry.name for entry in store.list()]
    if there and not overwrite:
        raise CaffeMnistError(
            "there is a model already", where=store.url, hint="--overwrite replaces it"
        )
    upload_folder(model, store.url)
    for name in set(there) - {path.name for path in model.iterdir()}:
        store.delete(name)


def _place(model: Path, out: Path, overwrite: bool) -> None:
    """Into a folder of this machine: aside, then renamed."""
    import os
    import shutil

    from caffe_mnist.service.package import CONFIG

    target = out / "model"
    if target.exists() and not overwrite:
        raise CaffeMnistError(
            "there is a model already", where=target, hint="--overwrite replaces it"
        )
    if target.exists() and not (target / CONFIG).is_file():
        raise CaffeMnistError("exists and is no package: not replaced", where=target)
    try:
        out.mkdir(parents=True, exist_ok=True)
        aside, old = out / f".model.{os.getpid()}", out / f".model.{os.getpid()}.old"
        try:
            shutil.copytree(model, aside)
            if target.exists():
                target.rename(old)
            aside.rename(target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            if old.exists() and not target.exists():
                old.rename(target)
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise CaffeMnistError(f"cannot write: {error.strerror}", where=out) from None


def _names(options: argparse.Namespace) -> list[str]:
    names = ["deploy.prototxt", "the caffemodel", "config.json"]
    return [*names, *(["customize_service.py"] if options.customize is not None else [])]


if __name__ == "__main__":
    sys.exit(main())
