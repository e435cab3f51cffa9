"""What scripts of Caffe's time expect of other libraries, where it is no longer there.

NumPy 1.24 dropped np.float, np.int and the like, which were Python's own types; and pycaffe
brought `six`, whose few names in use are easily given.
"""

from __future__ import annotations

import builtins
import importlib.util
import io
import sys
from functools import reduce
from types import ModuleType

import numpy as np

ALIASES = {
    "float": builtins.float,
    "int": builtins.int,
    "object": builtins.object,
    "str": builtins.str,
    "complex": builtins.complex,
    "bool": builtins.bool,
}


def provide() -> None:
    """Give both; what is there stays as it is."""
    for name, kind in ALIASES.items():
        if name not in vars(np):
            setattr(np, name, kind)
    if "six" not in sys.modules and importlib.util.find_spec("six") is None:
        six = _six()
        sys.modules["six"] = six
        sys.modules["six.moves"] = six.moves


def _six() -> ModuleType:
    moves = ModuleType("six.moves")
    vars(moves).update(
        range=range, xrange=range, map=map, zip=zip, filter=filter, input=input, reduce=reduce
    )
    six = ModuleType("six", "The names of `six` that scripts use, for Python 3.")
    vars(six).update(
        PY2=False,
        PY3=True,
        string_types=(str,),
        text_type=str,
        binary_type=bytes,
        integer_types=(int,),
        class_types=(type,),
        StringIO=io.StringIO,
        BytesIO=io.BytesIO,
        iterkeys=lambda mapping: iter(mapping.keys()),
        itervalues=lambda mapping: iter(mapping.values()),
        iteritems=lambda mapping: iter(mapping.items()),
        next=next,
        b=lambda text: text.encode("latin-1"),
        u=lambda text: text,
        print_=print,
        moves=moves,
    )
    return six
