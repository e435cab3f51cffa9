"""A curve as it grows."""

from __future__ import annotations

from caffe_mnist.dashboard.curve import MOST_POINTS, Curve


def _curve(iterations: range) -> Curve:
    curve = Curve()
    for n in iterations:
        curve.add(n, n / 2)
    return curve


def test_a_short_curve_is_kept_whole() -> None:
    """Point by point; a value that comes again takes the place of the former."""
    curve = _curve(range(5))
    curve.add(4, 9.0)
    assert curve.points() == [(0, 0.0), (1, 0.5), (2, 1.0), (3, 1.5), (4, 9.0)]
    assert curve.last == 9.0
    assert Curve().points() == []
    assert Curve().last is None


def test_a_long_curve_is_even() -> None:
    """Points at equal distances from the first to the last, at any length."""
    for length in (MOST_POINTS, MOST_POINTS + 1, 10_000, 123_457):
        points = _curve(range(length)).points()
        steps = {second - first for (first, _), (second, _) in zip(points, points[1:-1])}
        assert len(steps) == 1
        assert len(points) <= MOST_POINTS + 1
        assert points[-1][0] == length - 1


def test_going_back_forgets() -> None:
    """A long curve, too, of which not every point was kept."""
    curve = _curve(range(5000))
    curve.add(1001, 7.0)
    points = curve.points()
    assert points[-1] == (1001, 7.0)
    assert max(n for n, _ in points[:-1]) < 1001
