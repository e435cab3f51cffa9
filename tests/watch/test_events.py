"""Values for TensorBoard, read back by TensorBoard's own reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caffe_mnist.watch.events import Events, tag

pytest.importorskip("tensorboard")


def read(folder: Path) -> Any:
    """Everything in the event files of a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder))
    found.Reload()
    return found


def test_values_come_back(tmp_path: Path) -> None:
    """Each value under its tag, at its iteration, with its time."""
    events = Events(tmp_path / "events", wall_clock=lambda: 1234.5)
    events.value("loss", 0, 2.5)
    events.value("loss", 100, 0.5)
    events.value("test1_accuracy", 100, 0.75)
    events.close()
    found = read(tmp_path / "events")
    assert [(one.step, one.value, one.wall_time) for one in found.Scalars("train/loss")] == [
        (0, 2.5, 1234.5), (100, 0.5, 1234.5),
    ]  # fmt: skip
    assert [one.value for one in found.Scalars("test1/accuracy")] == [0.75]


def test_a_resumed_run_hides_what_was_lost(tmp_path: Path) -> None:
    """Values that the killed part had written beyond the snapshot are not shown twice."""
    killed = Events(tmp_path)
    for iteration in (0, 10, 20, 30):
        killed.value("loss", iteration, 1.0)
    killed.close()
    for path in tmp_path.iterdir():  # written by a clock that was ahead
        path.rename(path.with_name("events.out.tfevents.4000000000.host.9.9"))
    resumed = Events(tmp_path, first=20)
    resumed.value("loss", 20, 2.0)
    resumed.close()
    again = Events(tmp_path, first=20)  # within the same second
    again.value("loss", 20, 3.0)
    again.close()
    found = read(tmp_path).Scalars("train/loss")
    assert [(one.step, one.value) for one in found] == [(0, 1.0), (10, 1.0), (20, 3.0)]


def test_values_are_seen_while_the_run_goes_on(tmp_path: Path) -> None:
    """A reader beside the run sees each value as soon as it was written."""
    events = Events(tmp_path)
    events.value("loss", 0, 1.0)
    assert [one.value for one in read(tmp_path).Scalars("train/loss")] == [1.0]
    events.close()


def test_histograms(tmp_path: Path) -> None:
    """Count, bounds and sum are those of the values; values that are no numbers are left out."""
    events = Events(tmp_path)
    events.histogram("conv1/0", 5, np.array([-1, 0, 3, np.nan], np.float32))
    events.histogram("nothing", 5, np.array([], np.float32))
    events.close()
    found = read(tmp_path).Histograms("weights/conv1/0")[0].histogram_value
    assert (found.num, found.min, found.max, found.sum) == (3, -1, 3, 2)


def test_nothing_is_made_without_values(tmp_path: Path) -> None:
    """A run that logs nothing leaves no empty file."""
    events = Events(tmp_path / "events")
    events.close()
    assert not (tmp_path / "events").exists()


def test_a_disk_that_is_full_ends_the_events_only(tmp_path: Path) -> None:
    """The training goes on; why there are no curves is said once."""
    (tmp_path / "events").write_text("a file where the folder should be")
    events = Events(tmp_path / "events")
    events.value("loss", 0, 1.0)
    events.value("loss", 1, 1.0)
    events.close()
    assert events.fault is not None
    assert "no more events" in events.fault


@pytest.mark.parametrize(
    ("column", "name"),
    [("loss", "train/loss"), ("lr", "train/learning_rate"), ("test0_loss", "test0/loss"),
     ("train_loss2", "train/loss2"), ("test10_acc_1", "test10/acc_1")],
)  # fmt: skip
def test_tags(column: str, name: str) -> None:
    """Grouped by net, as TensorBoard folds them."""
    assert tag(column) == name
