"""Blobs as user code sees them: arrays that the net really uses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from caffe_mnist.engine.arrays import BlobArrays, ParameterArrays
from caffe_mnist.engine.blob import Blob, Parameter


def test_arrays_are_the_blobs_own_memory() -> None:
    """What is written through one view is in the blob and in every other view."""
    blob = Blob((2, 3))
    view = BlobArrays(blob)
    view.data[...] = 4
    view.diff[1] = 5
    assert blob.data.sum() == 24
    assert BlobArrays(blob).diff[1].tolist() == [5, 5, 5]
    blob.data = torch.ones(2, 3)
    assert view.data.sum() == 6


@pytest.mark.parametrize("what", ["data", "diff"])
def test_arrays_are_in_c_order(what: str) -> None:
    """Whatever memory format a layer left, flat writing reaches the blob."""
    blob = Blob((2, 3, 4, 5))
    values = torch.arange(120.0).reshape(2, 3, 4, 5)
    blob.data = blob.diff = values.contiguous(memory_format=torch.channels_last)
    array = getattr(BlobArrays(blob), what)
    assert array.flags.c_contiguous
    assert array.flags.writeable
    array.reshape(-1)[1] = -7
    assert getattr(blob, what)[0, 0, 0, 1] == -7


def test_parameters_keep_their_memory() -> None:
    """A parameter's gradient adds up in the array; clearing it starts from zero."""
    parameter = Parameter((3,))
    view = BlobArrays(parameter)
    view.data[:] = [1, 2, 3]
    view.diff[:] += 2
    parameter.add_diff(torch.ones(3))
    assert view.diff.tolist() == [3, 3, 3]
    parameter.clear_diff()
    assert view.diff.tolist() == [0, 0, 0]
    assert parameter.data.tolist() == [1, 2, 3]


def test_old_names_of_axes() -> None:
    """Missing axes count 1; more than four have no such names."""
    view = BlobArrays(Blob((5, 6)))
    assert (view.num, view.channels, view.height, view.width, view.count) == (5, 6, 1, 1, 30)
    view.reshape(1, 2, 3, 4)
    assert (view.num, view.channels, view.height, view.width) == (1, 2, 3, 4)
    view.reshape(1, 2, 3, 4, 5)
    with pytest.raises(ValueError, match="5 axes"):
        _ = view.num


def test_reshaping() -> None:
    """NumPy's whole numbers are taken, negative ones are not."""
    view = BlobArrays(Blob((4,)))
    view.reshape(*np.array([2, 2]))
    assert view.shape == (2, 2)
    with pytest.raises(ValueError, match="cannot have the shape"):
        view.reshape(-1, 2)


def test_user_code_adds_parameters() -> None:
    """`add_blob` appends to the layer's own list; the views stay the same objects."""
    blobs: list[Parameter] = []
    views = ParameterArrays(blobs, torch.device("cpu"))
    views.add_blob(2, 3)
    views.add_blob(1)
    views[0].data[...] = 3
    assert len(views) == 2
    assert [blob.shape for blob in blobs] == [(2, 3), (1,)]
    assert blobs[0].data.sum() == 18
    assert views[0] is views[0]
    assert [view.count for view in views] == [6, 1]


@pytest.mark.gpu
def test_arrays_of_another_device_are_written_back() -> None:
    """Copies are one array until `commit`, which brings them to the device."""
    blob = Blob((2,), torch.device("cuda"))
    view = BlobArrays(blob)
    view.data[0] = 3
    view.data[1] = 4
    view.commit()
    assert blob.data.device.type == "cuda"
    assert blob.data.tolist() == [3, 4]
