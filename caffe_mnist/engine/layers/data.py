"""Data: pictures and labels from a record database (LMDB, LevelDB)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.level_database import LevelDatabase
from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.data.prefetch import Prefetch
from caffe_mnist.engine.data.records import Batch, Record, batch, batches
from caffe_mnist.engine.data.transform import Transform, begin_reading
from caffe_mnist.engine.glog import info
from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.layers.source import PictureSource
from caffe_mnist.schema import caffe_pb2


@layers.register("Data")
class Data(PictureSource):
    """Tops: pictures N × C × H × W, and labels N. Reads ahead in a thread."""

    tops = (1, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Open the database and learn the pictures' shape from its first record."""
        param = self.param.data_param
        if not param.HasField("source"):
            raise self.error("needs data_param.source")
        if param.batch_size < 1:
            raise self.error("needs a positive batch_size")
        where, stream = f"layer {self.name!r}", self.surroundings.generator
        self.transform = Transform(self.param.transform_param, self.phase, where)
        is_lmdb = param.backend == caffe_pb2.DataParameter.LMDB
        self.database: Database | LevelDatabase
        self.database = Database(param.source) if is_lmdb else LevelDatabase(param.source)
        records: Iterator[Record] = self.database.records()
        pictures, _ = batch([next(records)], self.transform, param.source)
        self.shape = (param.batch_size, *pictures.shape[1:])
        self.transform.begin(stream)
        begin_reading(self.transform, stream)
        self.ahead = self._read_from(0)

    def skip_to(self, passes: int) -> None:
        """Go on at the record after `passes` batches."""
        self.ahead.close()
        pictures = passes * self.param.data_param.batch_size
        self.transform.seek(pictures)
        self.ahead = self._read_from(pictures)

    def _read_from(self, record: int) -> Prefetch[Batch]:
        param = self.param.data_param
        source = batches(self.database, self.transform, param.batch_size, record, _say_restart)
        return Prefetch(source, param.prefetch)

    def close(self) -> None:
        """End the reading thread and close the database."""
        super().close()
        self.database.close()


def _say_restart() -> None:
    info("data_layer.cpp:73", "Restarting data prefetching from start.")
