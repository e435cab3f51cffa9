"""What Caffe ends with a failed check is one line here: losses, data, recurrent layers."""

from __future__ import annotations

from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text


def _net(type: str, settings: str, *shapes: tuple[int, ...], tops: int = 1) -> Net:
    text = ""
    for index, shape in enumerate(shapes):
        dims = " ".join(f"dim: {size}" for size in shape)
        text += (
            f'layer {{ name: "in{index}" type: "Input" top: "in{index}" '
            f"input_param {{ shape {{ {dims} }} }} }}\n"
        )
    bottoms = " ".join(f'bottom: "in{index}"' for index in range(len(shapes)))
    outs = " ".join(f'top: "out{index}"' for index in range(tops))
    text += f'layer {{ name: "layer" type: "{type}" {bottoms} {outs} {settings} }}'
    return Net(parse_text(text, caffe_pb2.NetParameter, "test"), Surroundings())


@pytest.mark.parametrize(
    ("type", "settings", "shapes", "tops", "message"),
    [
        ("EuclideanLoss", "", ((2, 3), (2, 4)), 1, "compares 3 values an item with 4"),
        ("EuclideanLoss", "", ((2, 3), (3, 2)), 1, "as many targets as predictions"),
        ("EuclideanLoss", "", ((2, 3),), 1, "takes at least 2 bottom"),
        ("SigmoidCrossEntropyLoss", "", ((2, 3), (2, 4)), 1, "a target for each prediction"),
        ("HingeLoss", "", ((2, 3), (2, 3)), 1, "one label an item"),
        ("ContrastiveLoss", "", ((2, 3), (2, 4), (2,)), 1, "two bottoms of N × C"),
        ("ContrastiveLoss", "", ((2, 3), (2, 3), (2, 3)), 1, "a mark for each of 2 pairs"),
        ("InfogainLoss", "", ((2, 3), (2,)), 1, "the matrix as source or as third bottom"),
        ("InfogainLoss", "", ((2, 3), (2,), (2, 2)), 1, "4 values for 3 classes"),
        (
            "InfogainLoss",
            "loss_param { normalize: true }",
            ((2, 3), (2,), (3, 3)),
            1,
            "use normalization",
        ),
        ("SPP", "", ((2, 3, 8, 8),), 1, "a positive pyramid_height"),
        ("SPP", "spp_param { pyramid_height: 2 }", ((2, 3),), 1, "a bottom of 4 axes"),
        (
            "SPP",
            "spp_param { pyramid_height: 4 }",
            ((1, 1, 5, 5),),
            1,
            "cannot cut a side of 5 into 4 windows",
        ),
        (
            "Deconvolution",
            "convolution_param { num_output: 3 kernel_size: 2 group: 2 }",
            ((1, 2, 4, 4),),
            1,
            "group 2 must divide",
        ),
        (
            "Deconvolution",
            "convolution_param { num_output: 1 kernel_size: 2 pad: 3 }",
            ((1, 2, 4, 4),),
            1,
            "pad 3 leaves nothing",
        ),
        ("LSTM", "", ((3, 2, 4), (3, 2)), 1, "a positive num_output"),
        ("LSTM", "recurrent_param { num_output: 2 }", ((3, 2, 4), (2, 3)), 1, "marks of shape"),
        ("RNN", "recurrent_param { num_output: 2 }", ((3, 2), (3, 2)), 1, "steps × sequences"),
        (
            "RNN",
            "recurrent_param { num_output: 2 }",
            ((3, 2, 4), (3, 2), (3, 5)),
            1,
            "a static input for each of 2",
        ),
        (
            "LSTM",
            "recurrent_param { num_output: 2 expose_hidden: true }",
            ((3, 2, 4), (3, 2), (1, 2, 2), (1, 2, 3)),
            3,
            "a state of shape 1 × 2 × 2",
        ),
        ("LSTMUnit", "", ((1, 2, 3), (1, 2, 9), (1, 2)), 2, "gate sums of 1 × 2 × 12"),
        ("DummyData", "", (), 1, "gives 0 shapes"),
        ("DummyData", "dummy_data_param { num: 1 channels: 2 }", (), 1, "height and width once"),
        ("MemoryData", "memory_data_param { batch_size: 2 }", (), 2, "positive batch_size"),
        ("HDF5Data", "hdf5_data_param { batch_size: 2 }", (), 1, "needs hdf5_data_param.source"),
        ("HDF5Output", "", ((2, 3), (2,)), 0, "needs hdf5_output_param.file_name"),
        ("ImageData", "", (), 2, "needs image_data_param.source"),
        (
            "ImageData",
            'image_data_param { source: "x" new_height: 3 }',
            (),
            2,
            "both new_height and new_width",
        ),
        ("WindowData", "", (), 2, "needs window_data_param.source"),
        ("Python", "", ((1,),), 1, "needs python_param.module and layer"),
        (
            "Python",
            'python_param { module: "no_such_module_here" layer: "A" }',
            ((1,),),
            1,
            "finds no module 'no_such_module_here'",
        ),
        (
            "Python",
            'python_param { module: "json" layer: "Nothing" }',
            ((1,),),
            1,
            "finds no class 'Nothing'",
        ),
    ],
)
def test_settings_that_cannot_work(
    type: str, settings: str, shapes: tuple[tuple[int, ...], ...], tops: int, message: str
) -> None:
    """The net is not made; the line names the layer and says what is wrong."""
    with pytest.raises(CaffeMnistError) as caught:
        _net(type, settings, *shapes, tops=tops)
    assert str(caught.value).startswith(f"layer 'layer' ({type}): ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("type", ["HingeLoss", "MultinomialLogisticLoss", "SoftmaxWithLoss"])
def test_a_label_that_is_no_class(type: str) -> None:
    """Named with the classes there are, instead of numbers from beside the array."""
    net = _net(type, "", (2, 3), (2,))
    net.blobs["in1"].data[1] = 3
    with pytest.raises(CaffeMnistError, match=r"3 classes \(0 to 2\)"):
        net.forward()


def test_memory_data_without_data() -> None:
    """A net that is run before arrays are given says how to give them."""
    settings = "memory_data_param { batch_size: 2 channels: 1 height: 1 width: 1 }"
    with pytest.raises(CaffeMnistError, match="set_input_arrays"):
        _net("MemoryData", settings, tops=2).forward()


def test_hdf5_data_that_is_not_there(tmp_path: Path) -> None:
    """A missing file, one that is none, one without the dataset: each named."""
    source = tmp_path / "list.txt"
    settings = f'hdf5_data_param {{ source: "{source}" batch_size: 2 }}'
    with pytest.raises(CaffeMnistError, match=str(source)):
        _net("HDF5Data", settings)
    source.write_text(f"{tmp_path}/a.h5\n")
    with pytest.raises(CaffeMnistError, match=r"a\.h5: cannot read as HDF5"):
        _net("HDF5Data", settings)
    (tmp_path / "a.h5").write_bytes(b"nothing")
    with pytest.raises(CaffeMnistError, match=r"a\.h5: cannot read as HDF5"):
        _net("HDF5Data", settings)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["other"] = np.zeros(3)
    with pytest.raises(CaffeMnistError, match="no dataset 'out0'"):
        _net("HDF5Data", settings)


def test_hdf5_output_of_two_passes(tmp_path: Path) -> None:
    """A second pass would lose the first one's data, and is an error as in Caffe."""
    net = _net(
        "HDF5Output", f'hdf5_output_param {{ file_name: "{tmp_path}/o" }}', (2,), (2,), tops=0
    )
    net.forward()
    with pytest.raises(CaffeMnistError, match="takes one forward pass"):
        net.forward()
    net.close()


def test_pictures_that_are_not_there(tmp_path: Path) -> None:
    """A list with a fault, a missing picture, and a file that is none: each named."""
    source = tmp_path / "list.txt"
    settings = f'image_data_param {{ source: "{source}" root_folder: "{tmp_path}/" }}'
    for text, message in (
        ("", "lists no pictures"),
        ("a.png\n", r"list\.txt:1: 'a\.png' is not a path"),
        ("a.png x\n", "label 'x' is not a whole number"),
        ("a.png 1\n", r"a\.png: cannot read"),
        ("list.txt 1\n", r"list\.txt: no picture"),
    ):
        source.write_text(text)
        with pytest.raises(CaffeMnistError, match=message):
            _net("ImageData", settings, tops=2)


def test_pictures_of_several_sizes_in_one_batch(tmp_path: Path) -> None:
    """The picture that does not fit is named, with what to do."""
    for name, size in (("a.png", 4), ("b.png", 5)):
        cv2.imwrite(str(tmp_path / name), np.zeros((size, size, 3), np.uint8))
    (tmp_path / "list.txt").write_text(f"{tmp_path}/a.png 0\n{tmp_path}/b.png 1\n")
    settings = f'image_data_param {{ source: "{tmp_path}/list.txt" batch_size: 2 }}'
    net = _net("ImageData", settings, tops=2)
    with pytest.raises(CaffeMnistError, match=r"b\.png: .*new_height and new_width"):
        net.forward()
    net.close()


def test_a_list_of_windows_that_breaks_off(tmp_path: Path) -> None:
    """The picture whose lines end is named by its number."""
    source = tmp_path / "windows.txt"
    settings = f'window_data_param {{ source: "{source}" batch_size: 2 }}'
    settings += " transform_param { crop_size: 4 }"
    for text, message in (
        ("", "lists no pictures"),
        ("# 0 a.png 3 4 4 2 1 0.5 0 0 2", "picture 1: the file breaks off"),
        ("a.png", "where '# NUMBER' of a picture should be"),
        ("# 0 a.png 3 4 4 1 1 0.9 0 0 2 2", "no windows without an object"),
    ):
        source.write_text(text)
        with pytest.raises(CaffeMnistError, match=message):
            _net("WindowData", settings, tops=2)
