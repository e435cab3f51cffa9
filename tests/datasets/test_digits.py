"""The generated digits: the same everywhere, all different, and digits."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from caffe_mnist.datasets import digits, mnist
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.datum import decode_batch
from caffe_mnist.datasets.glyphs import GLYPHS, STEPS
from caffe_mnist.errors import CaffeMnistError


def test_every_machine_draws_the_same() -> None:
    """The bytes of seed 0 never change, whatever draws them."""
    pixels, labels = digits.draw(0, 300)
    found = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
    assert found == "5f3e46f4fe87083aafe2c103053e9d7cd3088b9e4e9d43df9c2777a7de9026ab"


def test_an_image_depends_on_its_number_alone() -> None:
    """Drawn with others or by itself, in any batch, image n is image n."""
    pixels, labels = digits.draw(100, 60, seed=3)
    for number in (100, 131, 159):
        one, label = digits.draw(number, 1, seed=3)
        assert (one[0] == pixels[number - 100]).all()
        assert label[0] == labels[number - 100]


def test_all_images_are_different() -> None:
    """Images of a set, of its test set and of another seed do not repeat."""
    sets = [digits.draw(0, 500), digits.draw(digits.FIRST_TEST_IMAGE, 500), digits.draw(0, 500, 1)]
    assert len({image.tobytes() for pixels, _ in sets for image in pixels}) == 1500


def test_ten_classes_of_white_on_black() -> None:
    """Every digit is about as frequent, bright somewhere, and dark at the border."""
    pixels, labels = digits.draw(0, 1000)
    assert np.bincount(labels, minlength=10).min() > 70
    assert (pixels.max(axis=(1, 2)) > 150).all()
    border = np.concatenate([pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], 1)
    assert border.mean() < 8


def test_digits_can_be_told_apart() -> None:
    """The nearest of 2,000 others has the same label nine times in ten."""
    known, known_labels = digits.draw(0, 2000)
    asked, asked_labels = digits.draw(digits.FIRST_TEST_IMAGE, 200)
    a, b = (x.reshape(len(x), -1).astype(np.float64) for x in (known, asked))
    distance = (a**2).sum(1)[None] - 2 * b @ a.T
    assert (known_labels[distance.argmin(1)] == asked_labels).mean() > 0.9


def test_splines_pass_through_their_points() -> None:
    """The weights of each dot sum to one, and a stroke begins and ends at its points."""
    for glyph in GLYPHS:
        weights = glyph.spline()
        assert (weights.sum(1) == 2 * STEPS**3).all()
        assert weights[0, glyph.strokes[0][0]] == 2 * STEPS**3
        assert weights[-1, glyph.strokes[-1][-1]] == 2 * STEPS**3


def test_files_and_databases_agree(tmp_path: Path) -> None:
    """IDX files and databases hold what was drawn."""
    digits.write(tmp_path / "out", train=50, test=20, seed=4)
    names = {*mnist.NAMES, mnist.TRAIN_DATABASE, mnist.TEST_DATABASE, "dataset.json"}
    assert set(os.listdir(tmp_path / "out")) == names
    for name, first, count in (
        (mnist.TRAIN_DATABASE, 0, 50),
        (mnist.TEST_DATABASE, digits.FIRST_TEST_IMAGE, 20),
    ):
        pixels, labels = digits.draw(first, count, 4)
        with Database(tmp_path / "out" / name) as database:
            found = decode_batch(list(database.records()))
        assert found is not None
        assert (found[0][:, 0] == pixels).all()
        assert (found[1] == labels).all()


def test_what_is_there_stays(tmp_path: Path) -> None:
    """Files of the same names are not replaced, unless that is asked for."""
    path = tmp_path / mnist.TEST_LABELS
    path.write_text("mine")
    with pytest.raises(CaffeMnistError, match="exist already"):
        digits.write(tmp_path, train=5, test=5)
    assert os.listdir(tmp_path) == [mnist.TEST_LABELS]
    digits.write(tmp_path, train=5, test=5, overwrite=True)
    assert len(os.listdir(tmp_path)) == 7


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    """Interrupted while drawing, the folder is as before."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        digits.write(tmp_path / "out", train=5, test=5, progress=stop)
    assert os.listdir(tmp_path) == []
