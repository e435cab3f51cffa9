"""Generated pictures of flowers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("cv2")

from caffe_mnist import convert
from caffe_mnist.datasets import flowers


def _labels(folder: Path) -> list[str]:
    return [path.read_text().strip() for path in sorted(folder.glob("*.txt"))]


def test_pairs_of_five_classes(tmp_path: Path) -> None:
    """As many of each; a picture and a text of the same number; the same again from the seed."""
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        flowers.write(tmp_path / name, count=40, size=64, seed=seed)
    assert Counter(_labels(tmp_path / "a")) == dict.fromkeys(flowers.CLASSES, 8)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    pairs = [f"{n:05}.{kind}" for n in range(1, 41) for kind in ("jpg", "txt")]
    assert names == [*pairs, "dataset.json"]
    first, again, other = (
        [p.read_bytes() for p in sorted((tmp_path / n).iterdir())] for n in "abc"
    )
    assert first == again
    assert first != other
    assert len(set(first)) == 46


def test_pictures_have_the_size(tmp_path: Path) -> None:
    """Their longer side; they are JPEGs that are all different."""
    import cv2
    import numpy as np

    for number in range(12):
        picture = cv2.imdecode(np.frombuffer(flowers.picture(number, 96), np.uint8), 1)
        assert max(picture.shape[:2]) == 96
        assert picture.std() > 5


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written over unless told, and never anything that is no such pair."""
    out = tmp_path / "flowers"
    assert convert.main(["flowers", str(out), "--count=5", "--size=32"]) == 0
    before = sorted(out.iterdir())
    assert convert.main(["flowers", str(out), "--count=5"]) == 2
    assert convert.main(["flowers", str(out), "--count=10", "--size=32", "--overwrite"]) == 0
    assert len(list(out.iterdir())) == 21
    assert set(before) < set(out.iterdir())
    (out / "mine.jpg").touch()
    assert convert.main(["flowers", str(out), "--count=5", "--overwrite"]) == 2
    for size in ("3", "999999"):
        assert convert.main(["flowers", str(tmp_path / "x"), f"--size={size}"]) == 2
    assert "a side has 16 to 4096 pixels" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
