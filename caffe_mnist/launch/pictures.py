"""The pictures that a net is tested on: their channels and size, before and after a crop."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.deploy import picture_layer

# Of a database, so many records tell whether all are of one size.
LOOKED_AT = 16
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Pictures:
    """What goes into the net, C × H × W, and how large pictures are before they are cropped.

    `before` is (height, width), (side, 0) where only the shorter side is the same in all, and
    None where nothing is cropped or sizes differ.
    """

    shape: Shape
    before: tuple[int, int] | None = None


def pictures_of(net: Any, where: object) -> Pictures:
    """Those of the TEST phase, by its data layer and by the data that are there.

    Raises CaffeMnistError where neither tells.
    """
    layer = picture_layer(net)
    if layer is None:
        raise CaffeMnistError("has not one data layer whose pictures it scores", where=where)
    crop = layer.transform_param.crop_size
    if layer.type == "WindowData":
        return Pictures((3, crop, crop))
    shapes = _shapes(layer)
    channels, height, width = shapes[0]
    if layer.type == "Data" and layer.transform_param.force_gray:
        channels = 1
    elif layer.type == "Data" and layer.transform_param.force_color:
        channels = 3
    if not crop:
        return Pictures((channels, height, width))
    return Pictures((channels, crop, crop), _before(shapes, crop))


def record_shapes(source: str) -> list[Shape]:
    """Channels, height and width of the first few records of what a Data layer's source names."""
    from caffe_mnist.datasets.datum import Image, decode
    from caffe_mnist.datasets.sources import open_piece
    from caffe_mnist.schema.sources import Piece, split_source

    piece = split_source(source)[0]
    options = tuple(one for one in piece.options if one[0] == "set")
    shapes = []
    with closing(open_piece(Piece(piece.path, options), _database)) as records:
        for key, value in islice(records.records(), LOOKED_AT):
            datum = decode(value, key, source)
            if not isinstance(datum, Image) and datum.encoded:
                shapes.append(_size_of_picture(datum.data, source))
            else:
                shapes.append((datum.channels, datum.height, datum.width))
    if not shapes:
        raise CaffeMnistError("holds no records", where=source)
    return shapes


def _database(path: str) -> Any:
    """An LMDB, or a LevelDB where its library is installed."""
    from caffe_mnist.datasets.database import Database

    if Path(path, "CURRENT").is_file() and not Path(path, "data.mdb").exists():
        from caffe_mnist.datasets.level_database import LevelDatabase

        return LevelDatabase(path)
    return Database(path)


def _shapes(layer: Any) -> list[Shape]:
    """Those that a data layer's settings say, or its first records have."""
    if layer.type == "Data":
        return record_shapes(layer.data_param.source)
    if layer.type == "ImageData":
        param = layer.image_data_param
        channels = 3 if param.is_color else 1
        if param.new_height and param.new_width:
            return [(channels, param.new_height, param.new_width)]
        return [(channels, *_first_listed(param.source, param.root_folder))]
    given: list[int] = []
    if layer.type == "Input" and layer.input_param.shape:
        given = list(layer.input_param.shape[0].dim)
    elif layer.type == "DummyData" and layer.dummy_data_param.shape:
        given = list(layer.dummy_data_param.shape[0].dim)
    elif layer.type == "MemoryData":
        memory = layer.memory_data_param
        given = [memory.batch_size, memory.channels, memory.height, memory.width]
    if len(given) != 4:
        raise CaffeMnistError(
            f"the {layer.type} layer does not say how large pictures are",
            where=f"layer {layer.name!r}",
            hint="a *deploy*.prototxt beside the solver goes with the model",
        )
    return [(given[1], given[2], given[3])]


def _first_listed(source: str, root: str) -> tuple[int, int]:
    """Height and width of the first picture that an ImageData layer's list names."""
    try:
        with open(source, encoding="utf-8", errors="surrogateescape") as lines:
            name = root + next(iter(lines)).rstrip("\r\n").rpartition(" ")[0]
        content = Path(name).read_bytes()
    except (OSError, StopIteration, ValueError):
        raise CaffeMnistError("the list's first picture cannot be read", where=source) from None
    return _size_of_picture(content, name)[1:]


def _before(shapes: list[Shape], crop: int) -> tuple[int, int] | None:
    sizes = {shape[1:] for shape in shapes}
    if sizes == {(crop, crop)}:
        return None
    sides = {min(size) for size in sizes}
    height, width = next(iter(sizes))
    if len(sizes) == 1 and height == width:
        return height, width
    return (sides.pop(), 0) if len(sides) == 1 else None


def _size_of_picture(content: bytes, where: object) -> Shape:
    """Of an encoded record, whose own numbers Caffe leaves out."""
    try:
        import cv2
        import numpy as np
    except ImportError:
        raise CaffeMnistError("reading pictures needs OpenCV", where=where) from None
    picture: Any = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise CaffeMnistError("the first record is no picture", where=where)
    height, width = picture.shape[:2]
    return 1 if picture.ndim == 2 else picture.shape[2], height, width
