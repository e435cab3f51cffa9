"""Random numbers: one stream, whatever the sizes in which it is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from caffe_mnist.engine.random_numbers import RandomNumbers


def test_words_are_those_of_mt19937() -> None:
    """The 10,000th word of the default seed is the one that the C++ standard names."""
    assert RandomNumbers(5489).words(10000)[-1] == 4123659995


@pytest.mark.parametrize("seed", range(8))
def test_normals_follow_each_other(seed: int) -> None:
    """Drawn one by one or all at once, the numbers are the same, and so is what follows."""
    whole, single = RandomNumbers(seed), RandomNumbers(seed)
    values = whole.normal((900,), 1, 2)
    assert torch.equal(values, torch.cat([single.normal((1,), 1, 2) for _ in range(900)]))
    assert whole.word() == single.word()


def test_normals_are_normal() -> None:
    """Mean, deviation and the share of the tail are those of a normal distribution."""
    values = RandomNumbers(3).normal((2_000_000,), 0, 1).numpy()
    assert abs(values.mean()) < 0.003
    assert abs(values.std() - 1) < 0.002
    assert (np.abs(values) > 3.5).mean() == pytest.approx(4.65e-4, rel=0.1)


def test_uniform_and_bernoulli() -> None:
    """Within their limits, with their means."""
    numbers = RandomNumbers(4)
    values = numbers.uniform((100, 1000), -1, 3)
    assert values.min() >= -1
    assert values.max() <= 3
    assert values.mean().item() == pytest.approx(1, abs=0.02)
    hits = numbers.bernoulli((100, 1000), 0.3)
    assert set(hits.unique().tolist()) == {0.0, 1.0}
    assert hits.mean().item() == pytest.approx(0.3, abs=0.01)


def test_shuffle_and_below() -> None:
    """A shuffle keeps everything; numbers below n are all met."""
    numbers = RandomNumbers(5)
    things = list(range(50))
    numbers.shuffle(things)
    assert sorted(things) == list(range(50))
    assert things != list(range(50))
    assert {numbers.below(7) for _ in range(200)} == set(range(7))


def test_without_a_seed_every_stream_is_another() -> None:
    """Two streams without a seed differ."""
    assert RandomNumbers().words(4).tolist() != RandomNumbers().words(4).tolist()


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_pieces(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large blobs are drawn in pieces: the same numbers, whatever their size."""

    def drawn() -> list[Any]:
        numbers = RandomNumbers(11)
        return [
            numbers.normal((3, 900), 1, 2).tolist(),
            numbers.uniform((2500,), -1, 3).tolist(),
            numbers.bernoulli((2600,), 0.3).tolist(),
            numbers.word(),
        ]

    whole = drawn()
    monkeypatch.setattr("caffe_mnist.engine.random_numbers.AT_ONCE", at_once)
    assert drawn() == whole
