"""`template deploy NET`: the deploy net of a train_val net, its input as large as the data."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing
from caffe_mnist.launch.pictures import pictures_of
from caffe_mnist.layouts.deploy import deploy_text, input_tops
from caffe_mnist.layouts.rewrite import nets_of
from caffe_mnist.layouts.source import read_prototxt
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text, read_binary
from caffe_mnist.schema.reading import reading
from caffe_mnist.schema.shapes import parse_shape
from caffe_mnist.schema.upgrade import upgrade_net

EPILOG = """\
Data layers become Input layers; losses, accuracies and Silence go, with what only they need, and
auxiliary classifiers; a Softmax (Sigmoid) stays where its loss was. The input's size comes from
--shape, else from the data: crop_size, and the first records of the database, the list, the
HDF5 file or the mean image.

examples:
  template deploy train_val.prototxt --out deploy.prototxt
  template deploy solver.prototxt --shape 1x3x227x227
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("net", metavar="NET", help="a net that trains, or its solver")
    parser.add_argument("--out", metavar="FILE", help="write there (default: standard output)")
    parser.add_argument(
        "--shape", action="append", default=[], metavar="[BLOB=]NxCxHxW",
        help="the shape of an input; again for more",
    )  # fmt: skip
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="pictures at once (1)")
    parser.add_argument("--level", type=int, default=0, metavar="N", help="the net's level")
    parser.add_argument("--stage", action="append", default=[], help="a stage; again for more")


def run(options: argparse.Namespace) -> int:
    """Write the deploy net; returns 0."""
    with reading(options.define, options.lenient, _say):
        where, net = read_net(options.net)
        state = caffe_pb2.NetState(level=options.level, stage=options.stage)
        state.MergeFrom(net.state)
        given = dict(map(parse_shape, options.shape))
        inputs = input_tops(net, where, state)
        shapes = _shapes(inputs, where, given, options.batch)
        text = deploy_text(net, shapes, where, state=state)
    for top, shape in shapes.items():
        _say(f"input {top}: {'x'.join(map(str, shape))}")
    if not options.out:
        sys.stdout.write(text)
        return 0
    if os.path.exists(options.out) and os.path.samefile(options.out, where):
        raise CaffeMnistError("would overwrite what it is made of", where=options.out)
    with replacing(options.out) as aside:
        aside.write_text(text, encoding="utf-8")
    return 0


def read_net(path: str) -> tuple[Path, Any]:
    """The net of a file, or of the solver in it (that which tests, if it has several), in
    today's words; and where it was."""
    source = read_prototxt(path)
    if source.is_solver:
        solver = parse_text(source.text, caffe_pb2.SolverParameter, path)
        if solver.HasField("net_param"):
            return Path(path), upgrade_net(solver.net_param, path)
        nets = nets_of(source)
        if not nets:
            raise CaffeMnistError("names no net", where=path)
        source = read_prototxt(nets[-1])
    net = parse_text(source.text, caffe_pb2.NetParameter, source.path)
    upgraded = caffe_pb2.NetParameter.FromString(upgrade_net(net, source.path).SerializeToString())
    upgraded.state.CopyFrom(net.state)
    return Path(source.path), upgraded


def _shapes(
    inputs: Sequence[tuple[Any, str]],
    where: Path,
    given: Mapping[str, Sequence[int]],
    batch: int,
) -> dict[str, Sequence[int]]:
    """The shape of each input: as given, else by the data."""
    names = [top for _, top in inputs]
    unknown = sorted(set(given) - {"", *names})
    if unknown:
        what = f"{unknown[0]!r} is no input of the deploy net (inputs: {', '.join(names)})"
        raise CaffeMnistError(what, where="--shape")
    found: dict[str, Sequence[int]] = {}
    for layer, top in inputs:
        if top in given or ("" in given and top == names[0]):
            found[top] = given.get(top) or given[""]
        else:
            whole = _given(layer, top)
            if len(whole) in (0, 4):
                whole = [batch, *item_shape(layer, top, where)]
            found[top] = whole  # else steps in time and the like, which stay
    return found


def item_shape(layer: Any, top: str, where: Path) -> Sequence[int]:
    """One item of what a data layer gives: by what it says, by its data, by its mean.

    Raises CaffeMnistError where none tells.
    """
    if _given(layer, top):
        return _given(layer, top)[1:]
    if layer.type == "HDF5Data":
        return _of_hdf5(layer, top)
    try:
        return _of_pictures(layer, where)
    except CaffeMnistError as error:
        shape = _of_mean(layer) or _of_mnist(layer)
        if shape is None:
            what = f"the size of {top!r} is not known: {error}"
            raise CaffeMnistError(what, where=where, hint=f"--shape {top}=1x3x224x224") from None
        return shape


def _given(layer: Any, top: str) -> list[int]:
    """The shape that a layer itself says, or none."""
    param = {"Input": "input_param", "DummyData": "dummy_data_param"}.get(layer.type)
    if param is None or not getattr(layer, param).shape:
        return []
    shapes = getattr(layer, param).shape
    return list(shapes[min(list(layer.top).index(top), len(shapes) - 1)].dim)


def _of_pictures(layer: Any, where: Path) -> Sequence[int]:
    """Of a net with this one data layer alone."""
    alone = caffe_pb2.NetParameter()
    alone.layer.add().CopyFrom(layer)
    for name in ("include", "exclude"):
        alone.layer[0].ClearField(name)
    alone.layer.add(name="scores", type="InnerProduct", bottom=layer.top[:1], top=["scores"])
    return pictures_of(alone, where).shape


def _of_mean(layer: Any) -> Sequence[int] | None:
    """By the mean image; or by crop_size and as many mean values as there are channels."""
    transform = layer.transform_param
    crop = transform.crop_size
    if transform.mean_file:
        try:
            blob = read_binary(transform.mean_file, caffe_pb2.BlobProto)
        except CaffeMnistError:
            return None
        sizes = list(blob.shape.dim)[-3:] or [blob.channels, blob.height, blob.width]
        return [sizes[0], crop, crop] if crop else sizes
    if crop and len(transform.mean_value) == 3:
        return [3, crop, crop]
    return None


def _of_mnist(layer: Any) -> Sequence[int] | None:
    """MNIST's databases have names of their own, and are made when they are missing."""
    from caffe_mnist.datasets.mnist import TEST_DATABASE, TRAIN_DATABASE

    crop = layer.transform_param.crop_size
    if Path(layer.data_param.source).name not in (TRAIN_DATABASE, TEST_DATABASE):
        return None
    return [1, crop or 28, crop or 28]


def _of_hdf5(layer: Any, top: str) -> Sequence[int]:
    """By the dataset of the first file that the list names."""
    source = layer.hdf5_data_param.source
    try:
        import h5py

        first = Path(source).read_text(errors="surrogateescape").split()[0]
        with h5py.File(first, "r") as file:
            return [int(size) for size in file[top].shape[1:]]
    except (ImportError, OSError, LookupError, ValueError, TypeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        what = f"the size of {top!r} is not known: {why}"
        raise CaffeMnistError(what, where=source, hint=f"--shape {top}=1x3x224x224") from None


def _say(text: str) -> None:
    print(f"template: {text}", file=sys.stderr)
