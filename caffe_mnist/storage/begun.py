"""`begun.json`: where a training began in a place that holds an earlier one.

    {"version": 1, "above": 7, "final": {"iteration": 2000, "created": "2026-01-31T12:00:00Z"}}

Snapshots with a number up to `above`, and the `final` of that iteration and time, are of earlier
trainings: they stay, can be named and verified, but nobody goes on from them unless told to.
Without the file, all that lies there is of one training.
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
    """The highest number of earlier trainings; iteration and time of their final model, if any."""

    above: int = 0
    final: tuple[int, str] | None = None

    def to_json(self) -> bytes:
        """The bytes of `begun.json`."""
        fields: dict[str, object] = {"version": VERSION, "above": self.above}
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
            if final is None:
                return cls(above)
            return cls(above, (int(final["iteration"]), str(final["created"])))
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

    def is_earlier(self, number: int | None, iteration: int, created: str) -> bool:
        """Whether a snapshot is of an earlier training; without a `number` it is a final one."""
        if number is None:
            return (iteration, created) == self.final
        return number <= self.above
