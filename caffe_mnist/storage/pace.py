"""How fast a large object is sent: parts at once, their sizes, and the limits of time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from caffe_mnist.storage.backends import Limits
from caffe_mnist.storage.sources import BLOCK

# S3 takes 10,000 parts.
MOST_PARTS = 9000


@dataclass(frozen=True)
class Pace:
    """How many parts of an object travel at once, how large they may be, the limits for each."""

    at_once: int
    limits: Limits
    largest: int = BLOCK

    def part(self, size: int) -> int:
        """The size of the parts of an object of `size` bytes."""
        return max(BLOCK, min(self.largest, size // 32), -(-size // MOST_PARTS))

    def for_object(self, size: int) -> Limits:
        """The limits for an object of `size` bytes: stores take their time to join many parts."""
        seconds = self.limits.request
        while seconds * LEAST_SPEED < size and seconds < LONGEST_REQUEST:
            seconds *= 2
        return replace(self.limits, request=seconds)


# Bytes a second that a large object is expected to move with, and the most seconds granted.
LEAST_SPEED = 5e6
LONGEST_REQUEST = 600.0
# The library's limit of time is for a whole request, so a link that is slow but moves needs a
# longer one. It is granted only where the short one was too short and the store still answers:
# a store that hangs is noticed by the first.
PACES = (
    Pace(4, Limits(request=60, retries=6, retrying=50), largest=12 * 2**20),
    Pace(1, Limits(request=300, retrying=250)),
    Pace(1, Limits(request=1800, retrying=250)),
)
