"""Names to things: a duplicate raises, an unknown name lists the known ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from caffe_mnist.registry import Registry, UnknownNameError


def test_register_and_get() -> None:
    """As a decorator or a call; the thing itself comes back."""
    registry: Registry[object] = Registry("layer type")

    @registry.register("ReLU")
    def relu() -> None:
        pass

    assert registry.get("ReLU") is relu
    assert registry.add("Sigmoid", 5) == 5
    assert list(registry) == ["ReLU", "Sigmoid"]
    assert "ReLU" in registry
    assert "relu" not in registry


def test_duplicate_raises_and_changes_nothing() -> None:
    """Two things of one name are a mistake of the programmer, never a silent choice."""
    registry: Registry[int] = Registry("filler")
    registry.add("constant", 1)
    with pytest.raises(ValueError, match="filler 'constant' is registered twice"):
        registry.add("constant", 2)
    assert registry.get("constant") == 1


def test_unknown_name_lists_the_known() -> None:
    """A user who mistyped sees what there is."""
    registry: Registry[int] = Registry("filler")
    registry.add("xavier", 1)
    registry.add("constant", 2)
    with pytest.raises(UnknownNameError) as caught:
        registry.get("xaver", where="layer conv1")
    expected = "layer conv1: unknown filler 'xaver' (known: constant, xavier)"
    assert str(caught.value) == expected
    assert caught.value.status == 2


def test_folder_is_scanned_at_the_first_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in the package's folder is enough; nothing is imported before it is asked for."""
    folder = tmp_path / "scanned_things"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from caffe_mnist.registry import Registry\nthings = Registry('thing', __name__)\n"
    )
    (folder / "one.py").write_text("from scanned_things import things\nthings.add('One', 1)\n")
    monkeypatch.syspath_prepend(tmp_path)
    import scanned_things  # type: ignore[import-not-found]

    assert "scanned_things.one" not in sys.modules
    assert list(scanned_things.things) == ["One"]
    assert scanned_things.things.get("One") == 1
