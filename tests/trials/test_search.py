"""Searches: what comes next, also after a restart."""

from __future__ import annotations

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.trials.search import GridSearch, OptunaSearch, Search
from caffe_mnist.trials.space import Values, parse_space

SPACE = parse_space(["base_lr=0.0001:1:log", "type=SGD,Adam", "max_iter=10:20"])


def _score(values: Values) -> float:
    """Best at base_lr 0.1 with Adam."""
    return -abs(float(values["base_lr"]) - 0.1) + (values["type"] == "Adam")


def _told(search: Search, until: int) -> list[Values]:
    found = []
    for number in range(until):
        found.append(search.values(number))
        search.tell(number, _score(found[-1]))
    return found


def test_optuna_finds_what_is_good() -> None:
    """Later trials come nearer to the best values than chance does."""
    pytest.importorskip("optuna")
    found = _told(OptunaSearch(SPACE, 40, seed=3), 40)
    assert sum(values["type"] == "Adam" for values in found[20:]) > 14
    assert max(map(_score, found)) > 0.97
    assert all(0.0001 <= float(values["base_lr"]) <= 1 for values in found)
    assert all(10 <= int(values["max_iter"]) <= 20 for values in found)


def test_a_sweep_that_goes_on_draws_nothing_twice() -> None:
    """What an earlier start gave is learnt from, and the next values are those it had given."""
    pytest.importorskip("optuna")
    whole = _told(OptunaSearch(SPACE, 14, seed=3), 14)
    again = OptunaSearch(SPACE, 14, seed=3)
    for number in range(12):
        again.known(number, whole[number])
        again.tell(number, _score(whole[number]))
    assert again.values(12) not in whole[:12]


def test_failed_trials_do_not_count() -> None:
    """A trial that failed is told, and the search goes on."""
    pytest.importorskip("optuna")
    search = OptunaSearch(SPACE, 3, seed=0)
    search.values(0)
    search.tell(0, None)
    assert search.values(1)


def test_another_sweep_is_noticed() -> None:
    """Values that the space does not have are of another sweep."""
    grid = GridSearch(SPACE, 2)
    with pytest.raises(CaffeMnistError, match="another sweep"):
        grid.known(0, {"base_lr": "7"})
    pytest.importorskip("optuna")
    for values in ({"base_lr": "7"}, {"base_lr": "2", "type": "SGD", "max_iter": "10"}):
        with pytest.raises(CaffeMnistError, match="another sweep"):
            OptunaSearch(SPACE, 3, seed=0).known(0, values)
