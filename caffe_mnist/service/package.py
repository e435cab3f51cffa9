"""A model package as the platform takes it: a folder `model` with net, weights and config.json.

    OUT/model/deploy.prototxt        the net, its preprocessing in the Input layer's transform_param
    OUT/model/NAME.caffemodel        its weights
    OUT/model/config.json            what kind of model it is, and its API
    OUT/model/labels.txt             names of the classes, one a line (optional, ours)
    OUT/model/*.binaryproto          a mean image, if the net subtracts one
    OUT/model/customize_service.py   how the platform prepares pictures (optional)

Read are also a run's `final` folder and the `model` folder itself, with one net and one file of
weights each.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError

CONFIG = "config.json"
CUSTOM = "customize_service.py"
LABELS = "labels.txt"
MODEL_TYPES = ("Caffe",)
# Far more than any real one: a hostile package must not fill the memory.
LARGEST_TEXT = 2**20
# What else lies in a final folder: the rest of the training.
TRAINING = (".solverstate", ".solverstate.h5", ".log", ".csv", ".png")


@dataclass(frozen=True)
class Package:
    """Where the parts of a model are. `labels` are empty where no file names the classes."""

    folder: Path
    deploy: Path
    weights: Path
    labels: tuple[str, ...] = ()
    custom: Path | None = None
    name: str = "model"


def read_package(folder: Path) -> Package:
    """The package in `folder` (or in its folder `model`).

    Raises CaffeMnistError when there is not one net and one file of weights, for a
    config.json of another kind of model, and for links that lead out of the folder.
    """
    if not folder.is_dir():
        raise CaffeMnistError("there is no such folder", where=folder)
    inside = folder / "model" if (folder / "model").is_dir() else folder
    found = sorted(path for path in inside.iterdir() if path.is_file())
    for path in found:
        if not path.resolve().is_relative_to(inside.resolve()):
            raise CaffeMnistError("leads out of the package", where=path)
    weights = [path for path in found if path.name.endswith((".caffemodel", ".caffemodel.h5"))]
    nets = [path for path in found if path.suffix == ".prototxt"]
    if len(nets) > 1:
        nets = [path for path in nets if "deploy" in path.name] or nets
    if len(weights) != 1 or len(nets) != 1:
        raise CaffeMnistError(
            f"holds {len(weights)} caffemodels and {len(nets)} nets, expected one of each",
            where=inside,
            hint="a package, or the final folder of a run",
        )
    if (inside / CONFIG).exists():
        check_config(_json(inside / CONFIG), inside / CONFIG)
    custom = inside / CUSTOM
    return Package(
        inside,
        nets[0],
        weights[0],
        read_labels(inside / LABELS) if (inside / LABELS).exists() else (),
        custom if custom.is_file() else None,
        folder.resolve().name,
    )


def is_part(name: str) -> bool:
    """Whether a file of a final folder belongs to its model: net, weights, mean, names, record."""
    return not name.endswith(TRAINING)


def read_labels(path: Path) -> tuple[str, ...]:
    """The names of the classes, one a line."""
    lines = (line.strip() for line in _text(path).splitlines())
    return tuple(line for line in lines if line)


def check_config(config: Any, where: Path) -> None:
    """Raise CaffeMnistError for a config.json of no model that can be served here."""
    if not isinstance(config, dict):
        raise CaffeMnistError("is no JSON object", where=where)
    kind = config.get("model_type")
    if kind not in MODEL_TYPES:
        raise CaffeMnistError(
            f"is of model_type {kind!r}", where=where, hint="Caffe models are served here"
        )
    apis = config.get("apis", [])
    if not isinstance(apis, list) or len(apis) > 1:
        raise CaffeMnistError("apis must be a list of one", where=where)
    path = apis[0].get("url", "/") if apis and isinstance(apis[0], dict) else "/"
    if path != "/":
        raise CaffeMnistError(f"its API is at {path!r}, expected /", where=where)


def make_config(accuracy: float | None, runtime: str, algorithm: str) -> dict[str, Any]:
    """The content of config.json for a classifier of pictures."""
    pair = {
        "type": "array",
        "minItems": 2,
        "maxItems": 2,
        "items": [{"type": "string"}, {"type": "number"}],
    }
    answer = {
        "type": "object",
        "required": ["predicted_label", "scores"],
        "properties": {
            "predicted_label": {"type": "string"},
            "scores": {"type": "array", "items": pair},
        },
    }
    question = {"type": "object", "properties": {"images": {"type": "file"}}}
    return {
        "model_type": "Caffe",
        "model_algorithm": algorithm,
        "runtime": runtime,
        "metrics": {} if accuracy is None else {"accuracy": round(accuracy, 6)},
        "apis": [
            {
                "protocol": "http",
                "url": "/",
                "method": "post",
                "request": {"Content-type": "multipart/form-data", "data": question},
                "response": {"Content-type": "multipart/form-data", "data": answer},
            }
        ],
        "dependencies": [],
    }


def _json(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise CaffeMnistError(f"is no JSON: {error}", where=path) from None


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_TEXT:
            raise CaffeMnistError(f"is larger than {LARGEST_TEXT} bytes", where=path)
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None
    except UnicodeDecodeError:
        raise CaffeMnistError("is no UTF-8 text", where=path) from None
