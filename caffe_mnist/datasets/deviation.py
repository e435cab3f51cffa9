"""The standard deviation of a database's pixels, beside the mean image (`std.binaryproto`).

Of moments: 2 × C × H × W in double precision, the sums of all records' values and of their
squares. Of bytes both are whole numbers below 2**53, so that they are exact, in any order, and so
is the deviation over all records (divided by their number, not by one less).
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Moments = npt.NDArray[np.float64]

STD = "std.binaryproto"


def deviation(moments: Moments, records: int) -> npt.NDArray[np.float32]:
    """The standard deviation of each of the C × H × W values."""
    import numpy as np

    first, second = moments / records
    found: npt.NDArray[np.float64] = np.sqrt(np.maximum(second - first**2, 0))
    return found.astype(np.float32)


def channel_deviations(moments: Moments, records: int) -> list[float]:
    """The standard deviation of each channel, over all records and places."""
    import numpy as np

    first, second = (moments / records).reshape(*moments.shape[:2], -1).mean(-1)
    return [float(value) for value in np.sqrt(np.maximum(second - first**2, 0))]


def channel_averages(moments: Moments, records: int) -> list[float]:
    """The mean of each channel, over all records and places."""
    averages = (moments[0] / records).reshape(moments.shape[1], -1).mean(-1)
    return [float(value) for value in averages]


def add_moments(parts: Sequence[Moments | None]) -> Moments | None:
    """Moments added up; None if one is not there or of another shape."""
    import numpy as np

    known = [one for one in parts if one is not None]
    if len(known) < len(parts) or len({one.shape for one in known}) != 1:
        return None
    total: Moments = np.sum(known, axis=0)
    return total


def write_whole_deviation(folder: str, moments: Moments | None, records: int) -> None:
    """The deviation of all records in `folder`; without moments none, and an older one goes."""
    from caffe_mnist.datasets.mean import write_mean

    path = os.path.join(folder, STD)
    if moments is not None:
        write_mean(path, deviation(moments, records))
        return
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def write_moments(path: str, moments: Moments) -> None:
    """Moments as a blob of double precision, of shape 2 × C × H × W."""
    from caffe_mnist.schema import caffe_pb2

    blob = caffe_pb2.BlobProto()
    blob.shape.dim.extend(moments.shape)
    blob.double_data.extend(moments.ravel().tolist())
    with replacing(path) as aside:
        aside.write_bytes(blob.SerializeToString())


def read_moments(path: str) -> Moments:
    """What `write_moments` wrote; raises CaffeMnistError for anything else."""
    import numpy as np

    from caffe_mnist.schema import caffe_pb2
    from caffe_mnist.schema.messages import read_binary

    blob = read_binary(path, caffe_pb2.BlobProto)
    shape, values = tuple(blob.shape.dim), np.array(blob.double_data, np.float64)
    if len(shape) != 4 or shape[0] != 2 or values.size != np.prod(shape):
        raise CaffeMnistError(f"holds no moments, but a blob of {shape}", where=path)
    return values.reshape(shape)
