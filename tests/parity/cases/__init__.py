"""All cases of the layers: a file for each file of `caffe_mnist/engine/layers/`, found here."""

from __future__ import annotations

import importlib
import pkgutil

from tests.parity.cases.case import Case

CASES: list[Case] = [
    case
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__))
    if module != "case"
    for case in importlib.import_module(f"{__name__}.{module}").CASES
]
