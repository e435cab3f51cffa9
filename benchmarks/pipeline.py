"""Does the input pipeline keep the net fed? Training from a database against training from memory.

    python benchmarks/pipeline.py [--net FILE] [--batch 16] [--iterations 3] [--rounds 3] [--gpu]
    python benchmarks/pipeline.py --reader [--records 2000]

ResNet-50 is trained on an LMDB of encoded pictures (JPEG, 256 × 256, cut to 224 × 224 anywhere,
mirrored, less the mean image) and, in turns in the same process, on batches that lie in memory
(MemoryData). With --reader, how many records a second the Data layer gives by itself: raw and
encoded, with one worker and with two; and the ImageData layer, from files. Tables in Markdown.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as the caffe command sets it

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
NET = ROOT / "prototxt/resnet50/resnet50_train_val.prototxt"
SIDE, CROP = 256, 224


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--net", type=Path, default=NET)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--iterations", type=int, default=3, help="of each, in every round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=512)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--reader", action="store_true", help="the Data layer by itself")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pipeline-") as folder:
        write_database(Path(folder), arguments.records, encoded=True)
        if arguments.reader:
            write_database(Path(folder), arguments.records, encoded=False)
            print_readers(Path(folder), arguments.batch)
        else:
            print_training(Path(folder), arguments)
    return 0


def write_database(folder: Path, records: int, *, encoded: bool) -> None:
    """Pictures like photographs in size: about 25 KB as JPEG; and a mean image beside them."""
    import cv2

    from caffe_mnist.datasets.mean import write_mean
    from caffe_mnist.datasets.record import head, tail
    from caffe_mnist.datasets.writer import DatabaseWriter
    from caffe_mnist.schema import caffe_pb2

    random = np.random.default_rng(1)

    def record(number: int) -> bytes:
        small = random.integers(0, 256, (40, 40, 3), np.uint8)
        picture = cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        if not encoded:
            return head(3, SIDE, SIDE) + picture.transpose(2, 0, 1).tobytes() + tail(number % 1000)
        content = cv2.imencode(".jpg", picture)[1].tobytes()
        return caffe_pb2.Datum(data=content, encoded=True, label=number % 1000).SerializeToString()

    with DatabaseWriter(folder / ("encoded" if encoded else "raw")) as writer:
        for first in range(0, records, 64):
            numbers = range(first, min(first + 64, records))
            writer.put([(b"%08d" % number, record(number)) for number in numbers])
    write_mean(folder / "mean.binaryproto", np.full((3, SIDE, SIDE), 120, np.float32))


def data_layer(folder: Path, name: str, batch: int) -> str:
    """The layer that reads a database of the benchmark."""
    return (
        'layer { name: "data" type: "Data" top: "data" top: "label" transform_param { '
        f'crop_size: {CROP} mirror: true mean_file: "{folder}/mean.binaryproto" }} '
        f'data_param {{ source: "{folder}/{name}" batch_size: {batch} backend: LMDB }} }}\n'
    )


def image_layer(folder: Path, batch: int) -> str:
    """The layer that reads the encoded pictures as files, which are written here."""
    from caffe_mnist.datasets.database import Database
    from caffe_mnist.schema import caffe_pb2

    with Database(folder / "encoded") as database, open(folder / "list", "w") as names:
        for number, (_, value) in enumerate(database.records()):
            datum = caffe_pb2.Datum.FromString(bytes(value))
            (folder / f"{number}.jpg").write_bytes(datum.data)
            names.write(f"{number}.jpg {datum.label}\n")
    return (
        'layer { name: "data" type: "ImageData" top: "data" top: "label" transform_param { '
        f'crop_size: {CROP} mirror: true mean_file: "{folder}/mean.binaryproto" }} '
        f'image_data_param {{ source: "{folder}/list" root_folder: "{folder}/" '
        f"batch_size: {batch} }} }}\n"
    )


def print_training(folder: Path, arguments: argparse.Namespace) -> None:
    """Seconds an iteration from the database and from memory, in turns."""
    import torch

    layers = {
        "memory": 'layer { name: "data" type: "MemoryData" top: "data" top: "label" '
        f"memory_data_param {{ batch_size: {arguments.batch} channels: 3 "
        f"height: {CROP} width: {CROP} }} }}\n",
        "database": data_layer(folder, "encoded", arguments.batch),
    }
    solvers = {name: make_solver(arguments, layer) for name, layer in layers.items()}
    pictures = torch.randn(4 * arguments.batch, 3, CROP, CROP) * 50
    labels = torch.arange(len(pictures)) % 1000
    solvers["memory"].net.layers[0].give(pictures, labels.float())
    times: dict[str, list[float]] = {name: [] for name in solvers}
    for turn in range(arguments.rounds + 1):
        for name in sorted(solvers, reverse=bool(turn % 2)):
            started = time.perf_counter()
            solvers[name].step(arguments.iterations if turn else 1)
            if arguments.gpu:
                torch.cuda.synchronize()
            if turn:  # the first one builds and allocates
                times[name].append((time.perf_counter() - started) / arguments.iterations)
    print("| data from | ms an iteration | each round |\n| --- | --- | --- |")
    for name, found in times.items():
        rounds = ", ".join(f"{value * 1000:.0f}" for value in found)
        print(f"| {name} | {statistics.median(found) * 1000:.1f} | {rounds} |")
    ratios = [one / other for one, other in zip(times["database"], times["memory"])]
    print(f"\nfrom the database: {(statistics.median(ratios) - 1) * 100:+.1f} % (middle round)")
    for solver in solvers.values():
        solver.close()


def make_solver(arguments: argparse.Namespace, layer: str) -> Any:
    """A solver of the net with its own data layers replaced by `layer`."""
    import torch

    from caffe_mnist.engine.solver import Solver
    from caffe_mnist.engine.solver_run import Run
    from caffe_mnist.schema import caffe_pb2
    from caffe_mnist.schema.messages import parse_text, read_text

    net = read_text(arguments.net, caffe_pb2.NetParameter)
    rest = [one for one in net.layer if one.type not in ("Data", "Input", "Accuracy")]
    param = caffe_pb2.SolverParameter(base_lr=1e-6, lr_policy="fixed", max_iter=10**6)
    param.net_param.CopyFrom(parse_text(layer, caffe_pb2.NetParameter, "data"))
    param.net_param.layer.extend(rest)
    device = torch.device("cuda" if arguments.gpu else "cpu")
    return Solver(param, Run(device=device))


def print_readers(folder: Path, batch: int) -> None:
    """Records a second, for raw and encoded records and several numbers of workers."""
    from caffe_mnist.engine.data.workers import Workers
    from caffe_mnist.engine.layer import Surroundings
    from caffe_mnist.engine.net import Net
    from caffe_mnist.schema import caffe_pb2
    from caffe_mnist.schema.messages import parse_text

    print("| records | workers | records/s |\n| --- | --- | --- |")
    layers = {name: data_layer(folder, name, batch) for name in ("raw", "encoded")}
    layers["files"] = image_layer(folder, batch)
    for name, text in layers.items():
        for count in (1, 2):
            net: Any = Net(parse_text(text, caffe_pb2.NetParameter, "data"), Surroundings())
            layer = net.layers[0]
            getattr(layer, "batches", layer).workers = Workers(count)
            best = 0.0
            for _ in range(4):
                started, done = time.perf_counter(), 0
                while time.perf_counter() - started < 0.7:
                    net.forward()
                    done += batch
                best = max(best, done / (time.perf_counter() - started))
            net.close()
            print(f"| {name} | {count} | {best:.0f} |")


if __name__ == "__main__":
    sys.exit(main())
