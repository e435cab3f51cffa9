"""A layout: where a container keeps code, data and models."""

from __future__ import annotations

import importlib
import os
import re
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.registry import Registry

layouts: Registry[Layout] = Registry("layout", package="caffe_mnist.layouts")


@dataclass(frozen=True)
class Layout:
    """Three folders; `{suffix}` in one stands for the last folder of the code's URL.

    An empty `code` means: wherever the nets are.
    """

    name: str
    code: str
    data: str
    model: str
    suffix: str = ""

    def folder(self, role: str, suffix: str | None = None) -> str:
        """The folder of role code, data or model.

        An empty `suffix` means: not given (the platform passes it so). Raises CaffeMnistError
        for want of one.
        """
        place: str = getattr(self, role)
        last = (suffix or self.suffix).strip("/")
        if "{suffix}" in place and not last:
            raise CaffeMnistError(
                f"{role} is {place}, and there is no suffix",
                where=f"layout {self.name}",
                hint="--data-path-suffix NAME",
            )
        return place.replace("{suffix}", last)


def find_layout(name: str) -> Layout:
    """A registered layout by name, or the one in a TOML file by path."""
    if name.endswith(".toml") or os.sep in name:
        return read_layout(Path(name))
    return layouts.get(name, where="--layout")


def read_layout(path: Path) -> Layout:
    """A layout of the user's own: `code`, `data`, `model`, optionally `name` and `suffix`.

    Raises CaffeMnistError for unknown or missing keys, and for values that are no strings.
    """
    found = read_toml(path)
    known = {field.name for field in fields(Layout)}
    unknown = sorted(set(found) - known)
    if unknown:
        raise CaffeMnistError(
            f"unknown key {', '.join(unknown)}",
            where=path,
            hint="known: " + ", ".join(sorted(known)),
        )
    missing = sorted({"code", "data", "model"} - set(found))
    if missing:
        raise CaffeMnistError(f"missing key {', '.join(missing)}", where=path)
    for key, value in found.items():
        if not isinstance(value, str):
            raise CaffeMnistError(f"{key} is {value!r}, expected a string", where=path)
        wrong = re.search(r"[{}]", value.replace("{suffix}", "") if key != "suffix" else value)
        if wrong:
            what = f"{key} is {value!r}: of braces, only {{suffix}} has a meaning"
            raise CaffeMnistError(what, where=path)
    return Layout(**{"name": path.stem, **found})


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a dict; raises CaffeMnistError, with line and column, if it is none."""
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        found: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
        return found
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None
    except (ValueError, RecursionError) as error:
        raise CaffeMnistError(f"is no TOML: {error}", where=path) from None
