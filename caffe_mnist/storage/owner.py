"""Whose place in a store it is: `owner.json`, so that two jobs do not mix.

It is made by a conditional create and its content changes every 15 seconds (a beat), by the
launcher and by its uploader. Its owner is dead when

- its processes are gone, as far as this is the same machine since the same boot; or
- nothing changed for 60 seconds, or for 20 when the store's own clock says that the last beat is
  over a minute old. Clocks of two machines are never compared, and a jump of the store's clock
  alone kills nobody.

Where a store ignores conditions, whoever stands in `owner.json` a moment later has it. Whoever
finds another's name there has lost the place, and must not write a byte more.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from caffe_mnist.errors import CaffeMnistError, JobError
from caffe_mnist.storage.holder import Holder, now, runs_here, this_boot
from caffe_mnist.storage.store import MissingError, StoreError, open_store
from caffe_mnist.storage.urls import join

OWNER = "owner.json"
BEAT_EVERY = 15.0
DEAD_AFTER = 60.0
# More than one beat: so long even an owner whose last beat looks old is watched.
WATCHED = 20.0
LOOK_EVERY = 1.0
# Between writing and reading back, where no condition decides.
SETTLE = 1.0


class OwnedError(JobError):
    """The place belongs to another job: to `run`."""

    run = ""


class Owner:
    """One run's claim to the place `url`. Its methods raise StoreError when the store fails.

    `clock` and `sleep` are the time it goes by, `runs` says whether a holder that lived on this
    machine still does.
    """

    def __init__(
        self,
        url: str,
        run: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        runs: Callable[[Holder], bool] | None = None,
        say: Callable[[str], object] = lambda text: None,
    ) -> None:
        self.url = url
        self.lost: Holder | None = None
        self._me = Holder(run, os.uname().nodename, os.getpid(), this_boot(), now())
        self._store = open_store(url, quick=True)
        self._clock, self._sleep, self._say = clock, sleep, say
        self._runs = runs or runs_here
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def claim(self, take_over: bool = False) -> bool:
        """Make the place ours; with `take_over` also that of a dead owner.

        True when it was taken from an owner that could awake yet (it was not seen dead, only
        silent): stay away from what it may still be writing. Raises OwnedError, with run, host
        and heartbeat of the owner, when the place is not to be had.
        """
        quick, self._store = self._store, open_store(self.url)  # a busy store is waited for now
        try:
            return self._claim(take_over)
        finally:
            self._store = quick

    def _claim(self, take_over: bool) -> bool:
        while True:
            content = self._read()
            if content is None:
                if self._create():
                    return False
                continue
            holder = Holder.from_json(content)
            if holder.run == self._me.run:
                return False
            if not take_over:
                hint = "--resume takes over a dead one"
                if self._is_gone(holder):
                    hint = "it is dead: --resume takes over"
                raise self._owned(holder, hint)
            last = self._watch(content)
            if last is None:
                continue
            self._store.write(OWNER, self._beaten().to_json())
            self._stands()
            return not self._is_gone(last)

    def beat(self) -> None:
        """Say that we live. Sets `lost` where another has the place."""
        content = self._read()
        if content is None:  # the bucket was away, or somebody tidied up
            if self._store.create(OWNER, self._beaten().to_json()):
                return
            content = self._read()
            if content is None:
                return
        holder = Holder.from_json(content)
        if holder.run != self._me.run:
            # A bit that turned over on the way must not end a job: look twice.
            holder = Holder.from_json(self._read() or content)
        if holder.run == self._me.run:
            self._store.write(OWNER, self._beaten(holder.beats).to_json())
        else:
            self.lost = holder

    def check(self) -> None:
        """Whether the place is still ours: raises OwnedError if it is not. A beat too."""
        if self.lost is None:
            self.beat()
        error = self.taken_over()
        if error is not None:
            raise error

    def taken_over(self) -> OwnedError | None:
        """That another has the place, as far as the last beat has seen; asks no store."""
        if self.lost is None:
            return None
        return self._owned(self.lost, "it took over from this one, which must not go on", "")

    def start(self, ending: bool = False) -> None:
        """Beat from now on, in a thread; `ending`: only what is left is being uploaded."""
        self._me = replace(self._me, ending=ending)
        if self._thread is None:
            self._thread = threading.Thread(target=self._beat_on, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Beat no more (waits for a beat under way, which has its limits)."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def release(self) -> bool:
        """Give the place up if it is ours; False if the store did not let us."""
        self.stop()
        try:
            content = self._read()
            if content is not None and Holder.from_json(content).run == self._me.run:
                self._store.delete(OWNER)
        except CaffeMnistError:
            return False
        return True

    def _beat_on(self) -> None:
        while self.lost is None and not self._end.wait(BEAT_EVERY):
            with contextlib.suppress(CaffeMnistError):  # the next one may reach the store
                self.beat()

    def _read(self) -> bytes | None:
        try:
            return self._store.read(OWNER, limit=2**16)
        except MissingError:
            return None

    def _beaten(self, beats: int = 0) -> Holder:
        self._me = replace(self._me, heartbeat=now(), beats=max(beats, self._me.beats) + 1)
        return self._me

    def _create(self) -> bool:
        if not self._store.create(OWNER, self._beaten().to_json()):
            return False
        if self._store.create(OWNER, self._beaten().to_json()):  # the second time it must not
            self._stands()
        return True

    def _stands(self) -> None:
        """Raise OwnedError if somebody else stands in `owner.json` a moment later."""
        self._sleep(SETTLE)
        content = self._read()
        holder = Holder.from_json(content) if content is not None else self._me
        if holder.run != self._me.run:
            raise self._owned(holder, "it was faster")

    def _watch(self, content: bytes) -> Holder | None:
        """Until the owner is surely dead; None when it has left meanwhile."""
        holder = Holder.from_json(content)
        if self._is_gone(holder):
            return holder
        age = self._age()
        enough = DEAD_AFTER if age is None or age < DEAD_AFTER else WATCHED
        self._say(f"{_named(holder)} has {self.url}; waiting up to {enough:.0f} s for a heartbeat")
        begun = self._clock()
        while self._clock() - begun < enough and not self._is_gone(holder):
            self._sleep(LOOK_EVERY)
            found = self._read()
            if found is None:
                return None
            if found != content:
                content, holder, begun = found, Holder.from_json(found), self._clock()
                if not holder.ending:
                    hint = "it is alive: stop it first, or give another place"
                    raise self._owned(holder, hint)
        return holder

    def _age(self) -> float | None:
        """Seconds since the last beat by the store's own clock; None if it does not say."""
        mark = f"owner.{self._me.run}"
        try:
            self._store.write(mark, b"\n")
            try:
                ours, theirs = self._store.entry(mark), self._store.entry(OWNER)
            finally:
                self._store.delete(mark)
        except StoreError:
            return None
        return ours.modified - theirs.modified if ours and theirs else None

    def _is_gone(self, holder: Holder) -> bool:
        here = bool(holder.boot) and (holder.host, holder.boot) == (self._me.host, self._me.boot)
        return here and not self._runs(holder)

    def _owned(self, holder: Holder, hint: str, ago: str | None = None) -> OwnedError:
        if ago is None:
            age = self._age()
            ago = "" if age is None else f", {max(age, 0):.0f} s ago"
        beat = f"last heartbeat {holder.heartbeat or 'unknown'}{ago}"
        error = OwnedError(
            f"belongs to {_named(holder)} ({beat})", where=join(self.url, OWNER), hint=hint
        )
        error.run = holder.run
        return error


def _named(holder: Holder) -> str:
    return f"run {holder.run} on host {holder.host}"
