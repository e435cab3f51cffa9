"""The same numbers in another shape."""

from __future__ import annotations

from collections.abc import Sequence

from caffe_mnist.exchange.arriving.draft import Draft, UnfitError
from caffe_mnist.exchange.arriving.value import Value, count, words


def shaped(draft: Draft, value: Value, sizes: Sequence[int], *, zero_copies: bool = False) -> Value:
    """In the shape `sizes`, of which one may be -1; `zero_copies`: 0 is the value's own size."""
    value = draft.plain(value) if value.pads else value
    shape = value.shape
    if zero_copies:
        if any(size == 0 and axis >= len(shape) for axis, size in enumerate(sizes)):
            raise UnfitError(f"copies an axis that {words(shape)} has not")
        sizes = [shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    known = count(tuple(size for size in sizes if size != -1))
    made = tuple(count(shape) // known if size == -1 and known else size for size in sizes)
    if count(made) != count(shape) or list(sizes).count(-1) > 1:
        raise UnfitError(f"makes {words(tuple(sizes))} of {words(shape)}")
    return value.seen_as(made)


def flattened(draft: Draft, value: Value, first: int, last: int = -1) -> Value:
    """Axes `first` to `last` as one."""
    shape = value.shape
    rank = max(len(shape), 1)
    first, last = first % rank, last % rank
    return shaped(
        draft, value, (*shape[:first], count(shape[first : last + 1]), *shape[last + 1 :])
    )
