"""Passes over the data as a unit: `--epochs N`, and tests over the whole test set (once).

Both change the solver and the nets that were written for this job, when the data are there and can
be counted. Caffe tests in batches of one size, so that a set is tested exactly once only where the
batch divides it: the test batch becomes the divisor nearest to what it was.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from caffe_mnist.cluster.machines import nodes_range
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.launch.early import early_iterations
from caffe_mnist.launch.plan import Plan
from caffe_mnist.launch.record import gpu_models
from caffe_mnist.launch.settings import Settings
from caffe_mnist.layouts.edit import append, set_values
from caffe_mnist.layouts.rewrite import places_of_nets, replace_texts
from caffe_mnist.layouts.source import NET, SOLVER, Prototxt, prototxt, read_prototxt
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.filter import filter_net
from caffe_mnist.schema.messages import parse_text
from caffe_mnist.schema.prototxt import Block
from caffe_mnist.schema.upgrade import upgrade_net

# The parameters of the layers that read from the disk.
PARAMS = {
    "Data": "data_param",
    "ImageData": "image_data_param",
    "HDF5Data": "hdf5_data_param",
}
# A test batch smaller than this share of the one that was asked for is said to be slow.
SLOW = 0.25


@dataclass(frozen=True)
class _Feed:
    """A data layer: its number among the net's layers, how much it gives at once, of how much."""

    index: int
    layer: Any
    batch: int
    records: int


def settle_epochs(plan: Plan, say: Callable[[str], object], written: Path | None = None) -> Plan:
    """Write max_iter, test_iter and test batches into the job's prototxts; the plan with them.

    `written` is the solver that was written for the job, by default in its folder.

    Raises CaffeMnistError where the data cannot be counted, or where a net reads several sets that
    do not end together.
    """
    settings = plan.settings
    if not settings.epochs and not settings.test_once_over:
        return plan
    written = written or plan.run_solver
    source = read_prototxt(written, SOLVER)
    solver = parse_text(source.text, caffe_pb2.SolverParameter, source.path)
    names = [solver.train_net or solver.net, *solver.test_net]
    names += [solver.net] * (len(solver.test_iter) - len(solver.test_net))
    places = places_of_nets(source)
    nets = {path: read_prototxt(path, NET) for path in dict.fromkeys(places.values())}
    if solver.net_param.layer or solver.train_net_param.layer or solver.test_net_param:
        what = "counts epochs of nets in files only, not of nets inside the solver"
        raise CaffeMnistError(what, where=source.path)
    text, new = source.text, plan
    if settings.epochs:
        new = _with_epochs(plan, solver, nets[places[names[0]]], say)
        text = _set(text, source.path, "max_iter", [str(new.max_iter)])
    if settings.test_once_over:
        counts = []
        for number, name in enumerate(names[1:]):
            state = solver.test_state[number] if solver.test_state else caffe_pb2.NetState()
            path = places[name]
            nets[path], count = _once_over(nets[path], state, number, say)
            counts.append(str(count))
        if not counts:
            raise CaffeMnistError(
                "tests nothing", where=plan.solver, hint="test_iter, test_interval"
            )
        text = _set(text, source.path, "test_iter", counts)
    replace_texts({written: text, **{path: net.text for path, net in nets.items()}})
    return new


def _with_epochs(plan: Plan, solver: Any, net: Prototxt, say: Callable[[str], object]) -> Plan:
    feed = _feeds(net, 0, solver.train_state)[0]
    each = feed.batch * max(solver.iter_size, 1) * workers_of(plan.settings)
    epoch = feed.records / each
    epochs = plan.settings.epochs
    max_iter = -(-round(feed.records * epochs) // each)
    say(f"one epoch is {epoch:,.1f} iterations ({feed.records:,} records, {each} at once): "
        f"{epochs:g} are {max_iter:,}")  # fmt: skip
    early: tuple[int, ...] = ()
    if plan.settings.snapshot_early:
        early = early_iterations(solver.snapshot, max_iter, plan.solver)
    return replace(plan, max_iter=max_iter, early=early)


def workers_of(settings: Settings) -> int:
    """How many workers each take a batch, on all GPUs, processes and machines of the job.

    Raises CaffeMnistError where that may change while the job runs.
    """
    here = settings.workers or 1
    if settings.gpus:
        here = len(gpu_models() if settings.gpus == "all" else settings.gpus.split(",")) or 1
    if settings.nodes is None:
        return here
    least, most = nodes_range(settings.nodes)
    if least != most:
        what = f"counts on as many machines all the time, and --nodes says {settings.nodes}"
        raise CaffeMnistError(what, where="--epochs", hint="--set max_iter=N, or --nodes N")
    return here * most


def _once_over(
    net: Prototxt, state: Any, number: int, say: Callable[[str], object]
) -> tuple[Prototxt, int]:
    """The net with a test batch that divides its test set, and how many there are."""
    feeds = _feeds(net, 1, state)
    feed = feeds[0]
    batch = divisor(feed.records, feed.batch)
    count = feed.records // batch
    text = (
        f"test net #{number} sees all {feed.records:,} records once: {count:,} batches of {batch}"
    )
    if batch != feed.batch:
        text += f" (batch_size was {feed.batch}, which does not divide them)"
        if batch < SLOW * feed.batch:
            text += "; tests will be slow: a record more or less would let larger batches divide"
        for one in feeds:
            net = _with_batch(net, one, batch)
    say(text)
    return net, count


def divisor(records: int, batch: int) -> int:
    """The divisor of `records` nearest to `batch`: the largest up to it, unless that is small and
    there is one up to twice as large."""
    below = next(size for size in range(min(batch, records), 0, -1) if records % size == 0)
    if below < SLOW * batch:
        above = range(batch + 1, min(2 * batch, records) + 1)
        return next((size for size in above if records % size == 0), below)
    return below


def _feeds(net: Prototxt, phase: int, state: Any) -> list[_Feed]:
    """The data layers of a phase: one, or several that go in step (pictures, and their labels).

    Raises CaffeMnistError where there is none, and where they do not end an epoch together.
    """
    param = upgrade_net(parse_text(net.text, caffe_pb2.NetParameter, net.path), net.path)
    stated = caffe_pb2.NetParameter.FromString(param.SerializeToString())
    stated.state.MergeFrom(state)
    stated.state.phase = phase  # type: ignore[assignment]
    name = ("TRAIN", "TEST")[phase]
    found = [one for one in filter_net(stated).layer if one.type in PARAMS]
    if not found:
        what = f"reads from no data layer in phase {name} ({', '.join(PARAMS)})"
        raise CaffeMnistError(what, where=net.path, hint="epochs are counted of one")
    feeds = []
    for layer in found:
        batch = getattr(layer, PARAMS[layer.type]).batch_size
        if batch < 1:
            raise CaffeMnistError(f"{layer.name} needs a positive batch_size", where=net.path)
        index = list(param.layer).index(layer)
        feeds.append(_Feed(index, layer, batch, count_records(layer)))
    if len({(feed.batch, feed.records) for feed in feeds}) > 1:
        of = " and ".join(f"{feed.records:,} from {feed.layer.name}, {feed.batch} at once"
                          for feed in feeds)  # fmt: skip
        what = f"reads {of}, in phase {name}: an epoch of which?"
        raise CaffeMnistError(what, where=net.path, hint="--set max_iter=N, test_iter=N")
    return feeds


def count_records(layer: Any) -> int:
    """How many records a data layer reads in one pass; raises CaffeMnistError if nobody knows."""
    if layer.type == "Data":
        return _records(layer.data_param.source)
    param = getattr(layer, PARAMS[layer.type])
    try:
        lines = Path(param.source).read_text(errors="surrogateescape").split("\n")
        if layer.type == "ImageData":
            return sum(1 for line in lines if line.strip())
        return sum(map(_rows, filter(None, map(str.strip, lines))))
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=param.source) from None


def _records(source: str) -> int:
    from caffe_mnist.datasets.sources import open_finite

    with closing(open_finite(source)) as records:
        return len(records)


def _rows(path: str) -> int:
    try:
        import h5py

        with h5py.File(path, "r") as file:
            return len(next(iter(file.values())))
    except ImportError:
        raise CaffeMnistError("counting its rows needs h5py", where=path) from None
    except (OSError, StopIteration, TypeError, ValueError) as error:
        raise CaffeMnistError(f"cannot read as HDF5: {error}", where=path) from None


def _with_batch(net: Prototxt, feed: _Feed, batch: int) -> Prototxt:
    """The net's text with another batch_size in one layer, as it is written (also the old way)."""
    blocks = [one.value for one in net.block.fields
              if one.name in ("layer", "layers") and isinstance(one.value, Block)]  # fmt: skip
    if feed.index >= len(blocks):
        raise CaffeMnistError("is too old to be changed", where=net.path, hint="upgrade net")
    for item in blocks[feed.index].fields:
        if item.name == PARAMS[feed.layer.type] and isinstance(item.value, Block):
            text = set_values(net.text, item.value, "batch_size", [str(batch)])
            return prototxt(net.path, text, NET)
    raise CaffeMnistError("says no batch_size where it is looked for", where=net.path)


def _set(text: str, where: str, name: str, values: list[str]) -> str:
    block = prototxt(where, text, SOLVER).block
    if not any(one.name == name for one in block.fields):
        return append(text, block, [f"{name}: {value}" for value in values])
    return set_values(text, block, name, values)
