"""The job's place in its store: claimed before anything is done, given up at the end."""

from __future__ import annotations

from collections.abc import Callable

from caffe_mnist.launch.settings import Settings
from caffe_mnist.storage.holder import new_run
from caffe_mnist.storage.owner import OwnedError, Owner
from caffe_mnist.storage.reasons import NO_PERMISSION
from caffe_mnist.storage.store import StoreError, open_store
from caffe_mnist.storage.survey import FINAL, survey


class Place:
    """Below --train-url nobody else writes while this job does. Without one there is no claim.

    `run` is this job's name, `above` the highest number below it that is to be left alone.
    """

    def __init__(self, settings: Settings, say: Callable[[str], object]) -> None:
        self.run = new_run()
        self.above = 0
        self._settings, self._say = settings, say
        self._owner: Owner | None = None

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        """Give it up, as far as the store lets us."""
        if self._owner is not None:
            self._owner.release()

    def claim(self) -> None:
        """Make it ours; with --resume or --snapshot auto also that of a dead owner.

        Raises OwnedError if it is another's, and StoreError if the store does not answer: a wrong
        key or bucket, and one that does not permit what a job does, is said before anything is
        done.
        """
        url = self._settings.train_url
        if not url:
            return
        open_store(url).list(FINAL)
        self._look_at_removal(url)
        self._owner = Owner(url, self.run, say=self._say)
        take_over = self._settings.resume or self._settings.snapshot == "auto"
        if self._owner.claim(take_over):
            found = survey(url)
            # The silent owner may be writing to its next number yet, which no listing shows.
            self.above = max([*found.leftovers, max(found.taken, default=0) + 1])
        self._owner.start()

    def _look_at_removal(self, url: str) -> None:
        """Ask to remove what is not there: keys that may not are told of at the start.

        Nobody has made an object of that name, so that nothing is changed.
        """
        try:
            open_store(url).delete(f"claim.{self.run}")
        except StoreError as error:
            if self._settings.keep or NO_PERMISSION not in error.what:
                raise
            self._say(f"{error}: owner.json will stay there, and the next job needs --resume")

    def check(self) -> None:
        """Ask the store whether the place is still ours; raises OwnedError if it is not."""
        if self._owner is not None:
            self._owner.check()

    @property
    def lost(self) -> OwnedError | None:
        """That another job has taken the place over, and this one must not go on."""
        return None if self._owner is None else self._owner.taken_over()
