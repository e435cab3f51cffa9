"""ImageData: pictures from files that a list names, and their labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.data.picture_list import Entry, endless, read_list
from caffe_mnist.engine.data.pictures import Bytes, read_picture
from caffe_mnist.engine.data.prefetch import Prefetch
from caffe_mnist.engine.data.records import Batch, transformed
from caffe_mnist.engine.data.transfer import Sent
from caffe_mnist.engine.data.transform import Transform, begin_reading
from caffe_mnist.engine.data.workers import Workers
from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.layers.source import PictureSource
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2


@layers.register("ImageData")
class ImageData(PictureSource):
    """Tops: pictures N × C × H × W (as large as the batch's first), and labels N.

    Options: source, batch_size, root_folder, new_height and new_width, is_color, shuffle,
    rand_skip; transform_param. Reads ahead in threads. Of several solvers each reads its share
    while training.
    """

    tops = (2, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the list, and the first picture for its shape."""
        param, stream = self.param.image_data_param, self.surroundings.generator
        if not param.HasField("source"):
            raise self.error("needs image_data_param.source")
        if param.batch_size < 1:
            raise self.error("needs a positive batch_size")
        if (param.new_height > 0) != (param.new_width > 0):
            raise self.error("needs both new_height and new_width, or none")
        self.entries = read_list(param.source)
        self.transform = Transform(self.param.transform_param, self.phase, f"layer {self.name!r}")
        self.transform.begin(stream)
        # Of several solvers all go through one order, the root's, and each takes its share.
        same = self.surroundings.team.agree if self.phase == caffe_pb2.TRAIN else int
        self.seed = same(stream.word()) if param.shuffle else None
        self.skipped = same(stream.word()) % param.rand_skip if param.rand_skip else 0
        if self.skipped >= len(self.entries):
            raise self.error(f"rand_skip skips more than the {len(self.entries)} pictures")
        first = next(endless(self.entries, self.skipped, self.seed))
        self.workers = Workers()
        (picture,) = self.transform.varied([self._picture(first)], self.workers, calm=True)
        self.shape = (param.batch_size, *self.transform.shape(*picture.shape))
        begin_reading(self.transform, stream)
        self.ahead = self._read_from(0)

    def extent(self) -> str:
        """The pictures of the list."""
        return f"{len(self.entries)} pictures"

    def skip_to(self, passes: int, taken: int) -> None:
        """Go on at the picture after `taken` batches."""
        self.ahead.close()
        self.passes = passes
        size = self.param.image_data_param.batch_size
        self.transform.seek(passes * size)
        self.ahead = self._read_from(taken * size)

    def seeds(self) -> dict[str, Any]:
        """Those of crops and mirrors and of the order, and what rand_skip came to."""
        return {"seed": self.transform.seed, "order": self.seed, "skipped": self.skipped}

    def take_seeds(self, state: Mapping[str, Any]) -> None:
        """As they were; a list that is shuffled now and was not then keeps its own order."""
        self.transform.seed = int(state["seed"])
        if self.seed is not None and state["order"] is not None:
            self.seed = int(state["order"])
        self.skipped = int(state["skipped"]) if self.param.image_data_param.rand_skip else 0

    def _read_from(self, number: int) -> Prefetch[Sent]:
        entries = endless(self.entries, self.skipped + number, self.seed)
        rank, solvers = self.share_of_data()
        mine = islice(entries, rank, None, solvers)
        return self.read_ahead(self._batches(mine), self.param.data_param.prefetch)

    def _batches(self, entries: Iterator[Entry]) -> Iterator[Batch]:
        param = self.param.image_data_param
        while True:
            chosen = list(islice(entries, param.batch_size))
            pictures = self.transform.varied(self.workers.map(self._picture, chosen), self.workers)
            shapes = [self.transform.shape(*picture.shape) for picture in pictures]
            for entry, shape in zip(chosen, shapes):
                if shape != shapes[0]:
                    raise CaffeMnistError(
                        f"the picture is {shape}, the batch's first is {shapes[0]}",
                        where=self._path(entry),
                        hint="set new_height and new_width, or a crop_size",
                    )
            labels = np.array([label for _, label in chosen], np.float32)
            yield transformed(pictures, self.transform, param.source, self.workers), labels

    def _picture(self, entry: Entry) -> Bytes:
        param = self.param.image_data_param
        return read_picture(self._path(entry), param.is_color, param.new_height, param.new_width)

    def close(self) -> None:
        """End the reading threads."""
        super().close()
        self.workers.close()

    def _path(self, entry: Entry) -> str:
        """As in Caffe, the folder is put before the name as it is."""
        return self.param.image_data_param.root_folder + entry[0]
