"""caffe.io without real Caffe: picture files, sizes, crops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from caffe_mnist import pycaffe as caffe

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 4)).astype(np.uint8)


@pytest.mark.parametrize("color", [True, False])
def test_files(color: bool, tmp_path: Path) -> None:
    """Gray, RGB and RGBA files of 8 and 16 bits give 0 … 1 in 3 channels, or one."""
    values = PIXELS / 255.0
    rgb, gray, opacity = values[:, :, :3], values[:, :, 0], values[:, :, 3:]
    weights = np.array([0.2125, 0.7154, 0.0721])
    cases = {
        "rgb.png": (PIXELS[:, :, :3], rgb, rgb @ weights),
        "rgba.png": (PIXELS, rgb, (rgb * opacity + 1 - opacity) @ weights),
        "gray.png": (PIXELS[:, :, 0], gray, gray),
        "deep.png": (PIXELS[:, :, 0].astype(np.uint16) * 257, gray, gray),
        "bits.png": (PIXELS[:, :, 0] > 99, (PIXELS[:, :, 0] > 99) * 1.0, None),
    }
    for name, (pixels, as_color, as_gray) in cases.items():
        Image.fromarray(pixels).save(tmp_path / name)
        expected = as_color if color or as_gray is None else as_gray
        if expected.ndim == 2:
            expected = np.repeat(expected[:, :, np.newaxis], 3 if color else 1, 2)
        found = caffe.io.load_image(str(tmp_path / name), color)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-6, err_msg=name)


def test_no_picture(tmp_path: Path) -> None:
    """A file that is not there, or no picture, is an OSError."""
    (tmp_path / "no.png").write_text("no picture")
    for name in ("no.png", "nothing.png"):
        with pytest.raises(OSError, match=name):
            caffe.io.load_image(tmp_path / name)


def test_sizes() -> None:
    """The same size and one colour change nothing; an unknown order of interpolation is named."""
    image = PIXELS[:, :, :3].astype(np.float32)
    np.testing.assert_allclose(caffe.io.resize_image(image, (6, 8)), image, atol=1e-3)
    assert (caffe.io.resize_image(np.full((3, 3, 1), 5.0), (9, 2)) == 5).all()
    with pytest.raises(RuntimeError, match="order 2"):
        caffe.io.resize_image(image, (3, 3), 2)
    with pytest.raises(RuntimeError, match="order 3"):
        caffe.io.resize_image(PIXELS, (3, 3), 3)


def test_ten_crops() -> None:
    """Corners, middle, and the mirror images of these five."""
    crops = caffe.io.oversample([PIXELS], (4, 4))
    assert crops.shape == (10, 4, 4, 4)
    np.testing.assert_array_equal(crops[3], PIXELS[2:, 4:])
    np.testing.assert_array_equal(crops[4], PIXELS[1:5, 2:6])
    np.testing.assert_array_equal(crops[5:], crops[:5, :, ::-1])
