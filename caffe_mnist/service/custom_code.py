"""The code of a package: modules of its folder, imported as Python 3 takes them.

The platform ran Python 2.7, so that files may be written for it. They stay as they are: what is
compiled is their modernised text, and no bytecode is left in the package.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
)
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.old_python import modern


class OldLoader(SourceFileLoader):
    """Loads a file that may be written for Python 2; says so where it is."""

    def get_code(self, fullname: str) -> types.CodeType:
        """Compiled anew each time."""
        text, done = modern(self.get_data(self.path), Path(self.path))
        if done:
            print(f"serve: {Path(self.path).name} {done} in memory", file=sys.stderr, flush=True)
        code: types.CodeType = self.source_to_code(text, self.path)
        return code


def import_file(path: Path, name: str) -> types.ModuleType:
    """The module that a file defines; what lies beside it can be imported, too.

    Raises CaffeMnistError, saying what went wrong.
    """
    folder = str(path.parent.resolve())
    _find_beside(folder)
    specification = importlib.util.spec_from_loader(name, OldLoader(name, str(path)))
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except CaffeMnistError:
        raise
    except (Exception, SystemExit) as error:
        raise CaffeMnistError(f"cannot be imported: {reason(error)}", where=path) from error
    return module


def reason(error: BaseException) -> str:
    """An exception in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _find_beside(folder: str) -> None:
    """Let `import` look into the folder first, and read what is there by our loader."""
    loaders: Any = ((ExtensionFileLoader, EXTENSION_SUFFIXES), (OldLoader, [".py"]))

    def hook(path: str) -> FileFinder:
        if path != folder and not path.startswith(f"{folder}/"):
            raise ImportError
        return FileFinder(path, *loaders)

    if folder not in sys.path:
        sys.path_hooks.insert(0, hook)
        sys.path.insert(0, folder)
        sys.path_importer_cache.pop(folder, None)
