"""DummyData: blobs of given shapes, made by fillers."""

from __future__ import annotations

from collections.abc import Sequence

from caffe_mnist.engine.blob import Blob, Parameter
from caffe_mnist.engine.fillers import fill
from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.layers.source import Source
from caffe_mnist.schema import caffe_pb2


@layers.register("DummyData")
class DummyData(Source):
    """Options: data_filler and shape (or num, channels, height, width): one, or one for each top.

    Constants (zero without a filler) are filled in once, others anew in every forward pass.
    """

    tops = (1, None)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Fill the constants; the others draw their first values going forward."""
        param = self.param.dummy_data_param
        if len(param.data_filler) not in (0, 1, len(top)):
            raise self.error(f"gives {len(param.data_filler)} data_fillers for {len(top)} tops")
        fillers = list(param.data_filler) or [caffe_pb2.FillerParameter(type="constant")]
        self.fillers = fillers * len(top) if len(fillers) == 1 else fillers
        self.shapes = self._shapes(len(top))
        for index, blob in enumerate(top):
            if self.fillers[index].type == "constant":
                self._fill(index, blob)
            else:
                blob.reshape(self.shapes[index])

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The shapes are given."""

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """New values, except for constants."""
        for index, blob in enumerate(top):
            if self.fillers[index].type != "constant":
                self._fill(index, blob)
            else:
                blob.data = blob.data

    def _fill(self, index: int, blob: Blob) -> None:
        values = Parameter(self.shapes[index], self.device)
        fill(values, self.fillers[index], self.surroundings.generator, f"layer {self.name!r}")
        blob.data = values.data

    def _shapes(self, tops: int) -> list[tuple[int, ...]]:
        param = self.param.dummy_data_param
        old = (param.num, param.channels, param.height, param.width)
        shapes: list[tuple[int, ...]] = [tuple(shape.dim) for shape in param.shape]
        if any(len(sizes) for sizes in old):
            if shapes:
                raise self.error("gives both shape and num, channels, height, width")
            if any(len(sizes) not in (1, tops) for sizes in old):
                raise self.error(
                    f"needs num, channels, height and width once, or for each of {tops} tops"
                )
            shapes = [
                tuple(sizes[k if len(sizes) > 1 else 0] for sizes in old) for k in range(tops)
            ]
        if len(shapes) not in (1, tops):
            raise self.error(f"gives {len(shapes)} shapes for {tops} tops")
        return shapes * tops if len(shapes) == 1 else shapes
