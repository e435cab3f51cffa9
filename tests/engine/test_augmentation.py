"""Pictures that vary while training: each change by itself, from the seed and the number alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.engine.data.augmentation import Augmentation, Chance
from caffe_mnist.engine.data.pictures import Bytes
from caffe_mnist.engine.data.workers import Workers
from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

PART = "random_aspect_ratio_param { min_area_ratio: 0.2 aspect_ratio_change: 1.5 }"


def augmentation(text: str) -> Augmentation:
    """Of these settings."""
    param = parse_text(text, caffe_pb2.TransformationParameter, "test")
    found = Augmentation.of(param, caffe_pb2.TRAIN, "layer 'd'")
    assert found is not None
    return found


def picture(channels: int = 3, height: int = 20, width: int = 30) -> Bytes:
    """Smooth, so that resizing keeps neighbours alike; middling, so that nothing is cut off."""
    rows, columns = np.mgrid[:height, :width]
    planes = [60 + 2 * rows + columns + 20 * k for k in range(channels)]
    return np.stack(planes).astype(np.uint8)


def varied(text: str, number: int, channels: int = 3) -> Bytes:
    """Picture `number` of the seed 5."""
    return augmentation(text).apply(picture(channels), Chance(5, number))


def test_off_by_default_and_in_testing() -> None:
    """Without these settings, and in the phase TEST, there is none."""
    plain = parse_text("mirror: true crop_size: 3", caffe_pb2.TransformationParameter, "test")
    assert Augmentation.of(plain, caffe_pb2.TRAIN, "d") is None
    turned = parse_text("max_rotation_angle: 3", caffe_pb2.TransformationParameter, "test")
    assert Augmentation.of(turned, caffe_pb2.TEST, "d") is None


@pytest.mark.parametrize("channels", [1, 3])
def test_brightness_and_contrast(channels: int) -> None:
    """One summand, one factor for all bytes, within their bounds; not the same each time."""
    found = set()
    for number in range(30):
        text = "distort_param { brightness_prob: 0.7 brightness_delta: 30 }"
        differences = varied(text, number, channels).astype(int) - picture(channels)
        assert len(np.unique(differences)) == 1
        found.add(int(differences.flat[0]))
    assert min(found) < -10
    assert max(found) > 10
    assert 0 in found
    for number in range(10):
        text = "distort_param { contrast_prob: 1 contrast_lower: 0.5 contrast_upper: 1.2 }"
        changed, before = varied(text, number, channels).astype(float), picture(channels)
        factor = changed.sum() / before.sum()
        assert 0.49 < factor < 1.21
        assert np.abs(changed - before * factor).max() < 1


def test_hue_and_saturation() -> None:
    """In the words of HSV: the hue is shifted, the saturation multiplied, the value stays."""
    text = (
        "distort_param { hue_prob: 1 hue_delta: 20 saturation_prob: 1 saturation_lower: 0.4 "
        "saturation_upper: 0.6 }"
    )
    before = cv2.cvtColor(picture().transpose(1, 2, 0), cv2.COLOR_BGR2HSV).astype(int)
    for number in range(5):
        changed = varied(text, number).transpose(1, 2, 0)
        after = cv2.cvtColor(np.ascontiguousarray(changed), cv2.COLOR_BGR2HSV).astype(int)
        assert np.abs(after[..., 2] - before[..., 2]).max() <= 1
        assert 0.35 < after[..., 1].mean() / before[..., 1].mean() < 0.65
    assert np.array_equal(varied(text, 1, channels=1), picture(1))


def test_channels_in_another_order() -> None:
    """Whole planes change places."""
    seen = set()
    for number in range(20):
        planes = varied("distort_param { random_order_prob: 1 }", number)
        assert np.array_equal(np.sort(planes, 0), picture())
        seen.add(tuple(int(plane[0, 0]) for plane in planes))
    assert len(seen) > 3


def test_rotation() -> None:
    """About the middle, by up to the angle: there it is the old value; the size stays."""
    seen = set()
    for number in range(10):
        turned = varied("max_rotation_angle: 45", number)
        assert turned.shape == (3, 20, 30)
        assert abs(int(turned[0, 10, 15]) - int(picture()[0, 10, 15])) <= 2
        seen.add(int(turned[0, 2, 15]))
    assert len(seen) > 3


def test_scale() -> None:
    """The shorter side is anything between the bounds, the shape of the picture the same."""
    sides = set()
    for number in range(60):
        _, height, width = varied("crop_size: 8 min_side_min: 8 min_side_max: 11", number).shape
        assert width == round(height * 1.5)
        sides.add(height)
    assert sides == {8, 9, 10, 11}


def test_random_part() -> None:
    """A part of the picture, in the size of the crop: neighbours ascend as in the picture."""
    means = []
    for number in range(40):
        part = varied("crop_size: 6 " + PART, number)
        assert part.shape == (3, 6, 6)
        assert (np.diff(part[0].astype(int), axis=0) >= 0).all()
        assert picture()[0].min() <= part[0].min() <= part[0].max() <= picture()[0].max()
        means.append(float(part[0].mean()))
    assert np.ptp(means) > 10


def test_same_for_seed_and_number() -> None:
    """Whatever was drawn before; another for another number or seed."""
    text = f"crop_size: 6 max_rotation_angle: 30 {PART}"
    assert np.array_equal(varied(text, 3), varied(text, 3))
    assert not np.array_equal(varied(text, 3), varied(text, 4))
    other = augmentation(text).apply(picture(), Chance(6, 3))
    assert not np.array_equal(varied(text, 3), other)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("max_rotation_angle: -1", "max_rotation_angle is to be from 0 to 180"),
        ("crop_size: 3 min_side_min: 5 min_side_max: 4", "are to ascend from 1"),
        ("min_side_min: 5 min_side_max: 6", "needs a crop_size"),
        ("max_rotation_angle: 181", "from 0 to 180"),
        ("distort_param { hue_prob: 1.5 }", "hue_prob is to be from 0 to 1"),
        ("distort_param { brightness_delta: -1 }", "brightness_delta is to be from 0 to 255"),
        ("crop_size: 7 min_side_min: 5 min_side_max: 8", "no larger than it"),
        (PART, "random_aspect_ratio_param needs a crop_size"),
        ("crop_size: 3 random_aspect_ratio_param { max_area_ratio: 2 }", "ascend from 0 to 1"),
        ("distort_param { contrast_prob: 1 contrast_lower: 2 }", "contrast_lower and"),
    ],
)
def test_misuse(text: str, what: str) -> None:
    """One line that names the setting."""
    with pytest.raises(CaffeMnistError, match=what):
        augmentation(text)


def test_pictures_of_floats_are_refused() -> None:
    """Only bytes can be varied."""
    with pytest.raises(CaffeMnistError, match="cannot vary pictures of 1 channels of float32"):
        augmentation("max_rotation_angle: 3").apply(np.zeros((1, 4, 4), np.float32), Chance(1, 1))


def net(source: Path, kind: str = "Data") -> Net:
    """Batches of three from encoded pictures of several sizes."""
    text = f"""layer {{ name: "d" type: "Data" top: "x" top: "label"
      transform_param {{ crop_size: 6 mirror: true distort_param {{ brightness_prob: 1
        brightness_delta: 40 }} {PART} }}
      data_param {{ source: "{source}" batch_size: 3 backend: LMDB }} }}"""
    surroundings = Surroundings(caffe_pb2.TRAIN, generator=RandomNumbers(9))
    return Net(parse_text(text, caffe_pb2.NetParameter, "net"), surroundings)


def batches(source: Path, count: int, skip: int = 0) -> np.ndarray:
    """The next batches of a net after so many."""
    made = net(source)
    if skip:
        made.skip_to(skip)
    found = []
    for _ in range(count):
        made.forward()
        found.append(made.blobs["x"].data.numpy().copy())
    made.close()
    return np.stack(found)


def test_data_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small and large pictures, whatever the threads, and the same from any place on."""
    with DatabaseWriter(tmp_path / "db") as writer:
        records = []
        for k in range(5):
            content = cv2.imencode(".png", picture(3, 4 + 3 * k, 9).transpose(1, 2, 0))[1]
            datum = caffe_pb2.Datum(data=content.tobytes(), encoded=True, label=k)
            records.append((b"%08d" % k, datum.SerializeToString()))
        writer.put(records)
    once = batches(tmp_path / "db", 6)
    assert once.shape == (6, 3, 3, 6, 6)
    assert not np.array_equal(once[0], once[5])
    assert np.array_equal(batches(tmp_path / "db", 3, skip=3), once[3:])
    monkeypatch.setattr(Workers, "map", lambda self, function, items: [*map(function, items)])
    assert np.array_equal(batches(tmp_path / "db", 6), once)
