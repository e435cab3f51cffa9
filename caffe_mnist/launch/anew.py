"""A training that begins anew where an earlier one lies: the earlier is kept, and left alone.

In the store `begun.json` says which snapshots are of before; on the disk `.begun.json` has the
marks of their files. Whoever goes on later (`--resume`) passes over both.
"""

from __future__ import annotations

from collections.abc import Callable

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.launch.plan import Plan
from caffe_mnist.storage.begun import BEGUN, Begun
from caffe_mnist.storage.pairs import Mark, marks_of, read_marks, write_marks
from caffe_mnist.storage.snapshots import survey
from caffe_mnist.storage.store import open_store

MARKS = ".begun.json"


def begin_anew(plan: Plan, above: int, say: Callable[[str], object]) -> None:
    """Note what is there of earlier trainings; `above` is a number that is to be left alone.

    The place in the store must be ours. Raises StoreError when the store fails.
    """
    marks, path = marks_of(plan.prefix), plan.model_folder / MARKS
    if marks or path.exists():
        write_marks(path, marks)
    url = plan.settings.train_url
    if not url:
        return
    store, found = open_store(url), survey(url)
    final = next((one.manifest for one in found.complete if one.number is None), None)
    begun = Begun(
        max(above, *found.taken, 0), None if final is None else (final.iteration, final.created)
    )
    if begun != Begun():
        store.write(BEGUN, begun.to_json())
    elif store.size(BEGUN) is not None:
        store.delete(BEGUN)
    if found.current:
        reached = found.current[-1].manifest.iteration
        say(
            f"{url} holds an earlier training, as far as iteration {reached}: it stays, "
            "and --resume goes on with this one"
        )


def before_begun(plan: Plan) -> frozenset[Mark]:
    """The marks of snapshots on the disk that are of earlier trainings."""
    path = plan.model_folder / MARKS
    try:
        return read_marks(path) if path.exists() else frozenset()
    except CaffeMnistError:  # damaged: better to go on from one snapshot too many
        return frozenset()
