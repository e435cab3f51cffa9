"""Data: pictures and labels from a record database (LMDB, LevelDB), or a dataset of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.level_database import LevelDatabase
from caffe_mnist.datasets.sources import open_source
from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.data.records import Batches
from caffe_mnist.engine.data.transform import Transform, begin_reading
from caffe_mnist.engine.glog import info
from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.layers.source import PictureSource
from caffe_mnist.schema import caffe_pb2


@layers.register("Data")
class Data(PictureSource):
    """Tops: pictures N × C × H × W, and labels N. Reads ahead in threads.

    Beyond Caffe's, `source` may name an index (`dataset.json`), a part of a dataset or a mixture
    of several: `schema/sources.py`. Of several solvers each reads its share while training.
    """

    tops = (1, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Open the source and learn the pictures' shape from its first record."""
        param = self.param.data_param
        if not param.HasField("source"):
            raise self.error("needs data_param.source")
        if param.batch_size < 1:
            raise self.error("needs a positive batch_size")
        where, stream = f"layer {self.name!r}", self.surroundings.generator
        self.transform = Transform(self.param.transform_param, self.phase, where)
        is_lmdb = param.backend == caffe_pb2.DataParameter.LMDB
        self.database = open_source(param.source, Database if is_lmdb else LevelDatabase)
        share = self.share_of_data()
        self.batches = Batches(
            self.database, self.transform, param.batch_size, _say_restart, *share
        )
        self.shape = (param.batch_size, *self.batches.first().shape)
        self.transform.begin(stream)
        begin_reading(self.transform, stream)
        self.ahead = self.read_ahead(self.batches.read(0), param.prefetch)

    def extent(self) -> str:
        """The records, where a database tells; a LevelDB would be read through."""
        is_lmdb = self.param.data_param.backend == caffe_pb2.DataParameter.LMDB
        return f"{len(self.database)} records" if is_lmdb else ""

    def skip_to(self, passes: int, taken: int) -> None:
        """Go on at the record after `taken` batches."""
        self.ahead.close()
        self.passes = passes
        self.transform.seek(passes * self.param.data_param.batch_size)
        self.ahead = self.read_ahead(self.batches.read(taken), self.param.data_param.prefetch)

    def seeds(self) -> dict[str, Any]:
        """That of crops and mirrors."""
        return {"seed": self.transform.seed}

    def take_seeds(self, state: Mapping[str, Any]) -> None:
        """That of crops and mirrors."""
        self.transform.seed = int(state["seed"])

    def close(self) -> None:
        """End the reading threads and close the database."""
        super().close()
        self.batches.workers.close()
        self.database.close()


def _say_restart() -> None:
    info("data_layer.cpp:73", "Restarting data prefetching from start.")
