"""The online service of a model: python -m caffe_mnist.serve PACKAGE|FINAL|URL."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from caffe_mnist.engine.lean_torch import start_lean
from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage

if TYPE_CHECKING:
    from caffe_mnist.service.answers import Model
    from caffe_mnist.service.custom import CustomService

PROGRAM = "python -m caffe_mnist.serve"
EPILOG = """\
MODEL is a package (the folder that holds `model`), a run's final folder, or a store's URL of
either; only complete snapshots are taken from a store.

examples:
  serve store/final
  serve s3://bucket/run/final --port 8080 --host 0.0.0.0 --token-file token
  curl -F images=@seven.png http://127.0.0.1:8080/
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop; exit status 0, 1 for a taken port, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Answer pictures over HTTP with a trained model.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    add = parser.add_argument
    add("model", metavar="MODEL", help="a package, a final folder, or a URL of either")
    add("--host", default="127.0.0.1", metavar="H", help="address to listen on (127.0.0.1)")
    add("--port", type=_port, default=8080, metavar="N", help="0: any free one (8080)")
    add("--token-file", metavar="FILE", help="ask for this token; needed beyond loopback")
    add("--trust-code", action="store_true", help="run the package's customize_service.py")
    add("--queue", type=_count, default=256, metavar="N", help="pictures that may wait (256)")
    add("--batch", type=_count, default=64, metavar="N", help="most pictures at once (64)")
    add("--max-body", type=_count, default=12 * 10**6, metavar="BYTES", help="(12000000)")
    return exit_status(lambda: run(parser.parse_args(argv)), PROGRAM)


def run(options: argparse.Namespace) -> int:
    """Check everything, load the model, listen, serve."""
    _need("starlette", "uvicorn", "multipart", "prometheus_client", "torch")
    _check_place(options.model)
    from caffe_mnist.service.server import check_host, listen, read_token, url_of
    from caffe_mnist.service.server import run as serve

    token = read_token(options.token_file) if options.token_file else None
    hosts = check_host(options.host, token)
    with listen(options.host, options.port) as listener, contextlib.ExitStack() as stack:
        from caffe_mnist.service.application import Service, Settings
        from caffe_mnist.service.requests import Limits

        limits = Limits(body=options.max_body)
        settings = Settings(limits, token, options.queue, options.batch, hosts)
        service = Service(None, None, settings)

        def load() -> None:
            model, custom = _load(options, stack.enter_context(model_folder(options.model)))
            service.begin(model, custom)
            _say(f"{options.model} at {url_of(listener)}")

        return serve(service, listener, load)


def _load(options: argparse.Namespace, folder: Path) -> tuple[Model | None, CustomService | None]:
    """The model, or the package's own class where its code is trusted."""
    from caffe_mnist.service.package import read_package

    package = replace(read_package(folder), name=_name(options.model))
    if package.custom is None or not options.trust_code:
        start_lean()
    if package.custom is not None and options.trust_code:
        from caffe_mnist.service.custom import CustomService

        return None, CustomService(package)
    if package.custom is not None:
        _say(f"{package.custom.name} is not run: --trust-code runs it")
    from caffe_mnist.service.answers import Model

    return Model(package), None


def _check_place(model: str) -> None:
    """Refuse at once what is no place; all else is looked at while the service is up."""
    from caffe_mnist.storage.store import open_store
    from caffe_mnist.storage.urls import is_local, parse

    if not is_local(model):
        open_store(model)
    elif not Path(parse(model).path).is_dir():
        raise CaffeMnistError("there is no such folder", where=model)


@contextlib.contextmanager
def model_folder(model: str) -> Iterator[Path]:
    """The package or final folder, fetched and checked where it lies in a store."""
    from caffe_mnist.service.package import is_part
    from caffe_mnist.storage.copies import download_folder
    from caffe_mnist.storage.manifest import MANIFEST
    from caffe_mnist.storage.snapshots import fetch
    from caffe_mnist.storage.store import open_store
    from caffe_mnist.storage.urls import is_local, join, parse

    if is_local(model):
        path = Path(parse(model).path)
        if not path.is_dir():
            raise CaffeMnistError("there is no such folder", where=model)
        if (path / "model").is_dir() or (path / "config.json").is_file():
            yield path
            return
    with tempfile.TemporaryDirectory(prefix="caffe_mnist.") as folder:
        target = Path(folder)
        store = open_store(model)
        if store.size(MANIFEST) is not None:
            fetch(model, target, is_part)
        elif store.size("model/config.json") is not None:
            download_folder(join(model, "model"), target, label="model")
        elif store.size("config.json") is not None:
            download_folder(model, target, label="model")
        else:
            raise CaffeMnistError(
                f"is no package and no complete snapshot: there is no {MANIFEST}",
                where=model,
                hint="TRAIN_URL/final, or a package",
            )
        yield target


def _name(model: str) -> str:
    """What the model is called: the last folder of its place that says something."""
    parts = [part for part in model.rstrip("/").split("/") if part not in ("final", "model", "")]
    return parts[-1] if parts and not parts[-1].endswith(":") else "caffe-mnist"


def _need(*modules: str) -> None:
    from importlib.util import find_spec

    for name in modules:
        if find_spec(name) is None and find_spec(f"python_{name}") is None:
            raise CaffeMnistError(
                f"the service needs {name}", hint="pip install 'caffe-mnist[service,engine,images]'"
            )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count of at least 1")
    return int(text)


def _say(text: str) -> None:
    print(f"serve: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
