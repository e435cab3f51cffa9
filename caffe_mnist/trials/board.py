"""Trials side by side, a few at once, and again where they were left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from caffe_mnist.trials.trial import Outcome, Trial, last_error

LOOK_EVERY = 0.1


@dataclass(frozen=True)
class Slot:
    """A place for one trial at a time: a GPU, or a share of the cores."""

    arguments: tuple[str, ...] = ()
    threads: int = 0


@dataclass
class Board:
    """Runs trials in slots. `common` are arguments of every run, `store` the URL above them."""

    slots: Sequence[Slot]
    common: Sequence[str]
    store: str | None = None
    stopping: int = 0
    _running: dict[int, tuple[Trial, subprocess.Popen[bytes]]] = field(default_factory=dict)

    def run(
        self,
        following: Callable[[], Trial | None],
        ended: Callable[[Trial, Outcome], None],
    ) -> int:
        """Run what `following` gives until it gives None; returns the signal that ended it, or 0.

        On SIGINT, SIGTERM or SIGHUP every running trial is told to stop, with a snapshot, and
        is waited for: started again, the trial goes on from there.
        """
        before = {
            number: signal.signal(number, self._note)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if signal.getsignal(number) != signal.SIG_IGN
        }
        try:
            return self._run(following, ended)
        finally:
            for _, process in self._running.values():
                _signal(process, signal.SIGKILL)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _run(
        self,
        following: Callable[[], Trial | None],
        ended: Callable[[Trial, Outcome], None],
    ) -> int:
        more = True
        while more or self._running:
            more = more and not self.stopping
            for index, slot in enumerate(self.slots):
                if more and index not in self._running:
                    trial = following()
                    more = trial is not None
                    if trial is not None:
                        self._start(index, slot, trial)
            for index, (trial, process) in list(self._running.items()):
                if process.poll() is not None:
                    del self._running[index]
                    if not self.stopping:
                        ended(trial, _outcome(trial, process.returncode))
            if self._running:
                time.sleep(LOOK_EVERY)
        return self.stopping

    def _start(self, index: int, slot: Slot, trial: Trial) -> None:
        trial.begin()
        # A record of an earlier, stopped start must not be taken for this one's.
        (trial.folder / "model" / "run.json").unlink(missing_ok=True)
        process = trial.start([*self.common, *slot.arguments], self.store, slot.threads)
        self._running[index] = (trial, process)

    def _note(self, number: int, _: FrameType | None) -> None:
        again = bool(self.stopping)
        self.stopping = number
        for _trial, process in self._running.values():
            _signal(process, signal.SIGKILL if again else signal.SIGTERM)


def slots(gpus: str | None, number: int) -> list[Slot]:
    """A slot for each GPU of a list, or `number` slots that share the cores."""
    if gpus:
        return [Slot((f"--gpu={gpu.strip()}",)) for gpu in gpus.split(",")]
    if number <= 1:
        return [Slot()]
    return [Slot(threads=max(1, (os.cpu_count() or 1) // number)) for _ in range(number)]


def trial_folder(out: Path, number: int) -> Path:
    """Where trial `number` is kept."""
    return out / "trials" / f"{number:04d}"


def _outcome(trial: Trial, code: int) -> Outcome:
    found = trial.outcome()
    if found is not None and (code == 0 or found.fault):
        return found
    fault = last_error(trial.folder) or f"ended with {code}"
    return Outcome({}, 0.0, 0, fault)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """To the launcher of a trial, which stops its trainer; a kill to all of its session."""
    try:
        if number == signal.SIGKILL:
            os.killpg(process.pid, number)
        elif process.poll() is None:
            process.send_signal(number)
    except ProcessLookupError:
        pass
    except PermissionError as error:
        print(f"cannot stop process {process.pid}: {error.strerror}", file=sys.stderr)
