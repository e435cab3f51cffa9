"""`begun.json`: which training was begun last in a place, and where.

    {"version": 1, "training": "20260131-120000-1a2b3c", "above": 7,
     "final": {"iteration": 2000, "created": "2026-01-31T12:00:00Z"}}

`training` is the run that began it. A snapshot whose manifest names another training is not of
this one, whenever it arrived. Where either of them names none (those of older releases, and of
an uploader without a launcher), snapshots with a number up to `above`, and the `final` of that
iteration and time, are of earlier trainings. Earlier ones stay, can be named and verified, but
nobody goes on from them unless told to. Without the file, all that lies there is of one training.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from caffe_mnist.errors import CaffeMnistError

BEGUN = "begun.json"
VERSION = 1
LARGEST = 2**16


@dataclass(frozen=True)
class Begun:
    """The highest number of earlier trainings; iteration and time of their final model, if any;
    and the name of the training that was begun last ("" where it is not known)."""

    above: int = 0
    final: tuple[int, str] | None = None
    training: str = ""

    def to_json(self) -> bytes:
        """The bytes of `begun.json`."""
        named = {"training": self.training} if self.training else {}
        fields: dict[str, object] = {"version": VERSION, **named, "above": self.above}
        if self.final is not None:
            fields["final"] = {"iteration": self.final[0], "created": self.final[1]}
        return (json.dumps(fields) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes, where: object) -> Begun:
        """Read it; raises CaffeMnistError for anything else, and for newer versions."""
        try:
            found = json.loads(content)
            version, above, final = found["version"], found["above"], found.get("final")
            if version != VERSION:
                raise CaffeMnistError(
                    f"is of version {version}, this program knows {VERSION}",
                    where=where,
                    hint="use a newer release",
                )
            if isinstance(above, bool) or not isinstance(above, int) or above < 0:
                raise ValueError(f"{str(above)[:50]!r} is no number of a snapshot")
            training = found.get("training", "")
            if not isinstance(training, str):
                raise ValueError(f"{str(training)[:50]!r} is no name of a training")
            if final is None:
                return cls(above, None, training)
            return cls(above, (int(final["iteration"]), str(final["created"])), training)
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            what = f"does not say where a training began: {str(error)[:200]}"
            hint = "remove it, and all that lies there counts as one training"
            raise CaffeMnistError(what, where=where, hint=hint) from None

    def is_earlier(self, number: int | None, iteration: int, created: str, training: str) -> bool:
        """Whether a snapshot is of an earlier training; without a `number` it is a final one.

        `training` is what its manifest names.
        """
        if self.training and training:
            return training != self.training
        if number is None:
            return (iteration, created) == self.final
        return number <= self.above
