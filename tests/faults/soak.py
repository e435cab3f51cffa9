"""Jobs that are killed and started again through faults, round after round; nothing may be lost.

    python -m tests.faults.soak --rounds 200 --seed 1

A round starts a job (or goes on with the one before, by --resume, or begins anew in its place),
brings a fault between it and the store, kills a process or all of them, or lets it come to its
end, and holds what is in the store against the promises. The seed decides which; the moments are
the machine's. Exit status 1 when a promise was broken; what was there is left in a folder then.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caffe_mnist.datasets import digits
from caffe_mnist.schema import caffe_pb2
from tests.faults.promises import Found, check_promises
from tests.fixtures import faults
from tests.fixtures.faults import FaultProxy
from tests.fixtures.jobs import ROOT, Job
from tests.fixtures.swift import PROGRAMS, Swift, running

FAULTS: dict[str, dict[str, Any]] = {
    "nobody listens": {"kind": faults.DOWN},
    "refused": {"kind": faults.REFUSE, "times": 6},
    "reset in a body": {"kind": faults.RESET, "times": 6, "after": 400},
    "reset at once": {"kind": faults.RESET, "times": 6},
    "lost answers": {"kind": faults.LOST, "times": 6},
    "hanging answers": {"kind": faults.HANG, "times": 3},
    "a flipped byte": {"kind": faults.FLIP, "times": 6, "after": 900},
    "a damaged answer": {"kind": faults.FLIP_ANSWER, "times": 6, "after": 300},
    "a slow link": {"kind": faults.SLOW, "rate": 20_000},
    "a stall": {"kind": faults.STALL, "times": 3, "after": 300},
    "500": {"kind": faults.BROKEN, "times": 8},
    "503 SlowDown": {"kind": faults.BUSY, "times": 8},
    "late answers": {"kind": faults.LATE, "rate": 0.1},
}
VICTIMS = ("trainer", "uploader", "launcher", "all", "machine", "stop", "nobody")
WORDS = {"trainer": "\0-solver\0", "uploader": "storage.uploader"}
PATIENCE = 240.0


@dataclass
class Tally:
    """What a soak has done, over all its lanes."""

    rounds: int = 0
    published: int = 0
    jobs: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    finished_later: int = 0
    anew: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    losses: list[str] = field(default_factory=list)

    def line(self) -> str:
        """All of it."""
        kills = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        return (
            f"rounds {self.rounds}, jobs {self.jobs}, faults {sum(self.faults.values())} of "
            f"{len(self.faults)} kinds, kills {sum(self.kills.values())} ({kills}), second jobs "
            f"refused {self.refused}, finished later {self.finished_later}, begun anew "
            f"{self.anew}, snapshots published {self.published}, losses: {len(self.losses)}"
        )


class Lane:
    """One job after the other, in a folder of its own, behind a proxy of its own."""

    def __init__(self, folder: Path, swift: Swift, seed: str, tally: Tally) -> None:
        self.folder, self.swift, self.tally = folder, swift, tally
        self.chance = random.Random(seed)
        self.proxy = FaultProxy(swift.port)
        self.story: list[str] = []
        self.number = 0
        self.data = folder / "digits"
        self.data.mkdir(parents=True)
        digits.write_idx(self.data, train=60, test=20, seed=1)
        self.new_job()

    def new_job(self) -> None:
        """Another place in the store, another trainer, other limits."""
        chance = self.chance
        self.number += 1
        self.tally.jobs += 1
        self.bucket = self.swift.bucket()
        place = self.folder / f"job{self.number}"
        place.mkdir()
        self.job = Job(place, self.data, f"s3://{self.bucket}/run")
        self.job.environment = {
            **self.swift.env(self.proxy.endpoint),
            "CAFFE_MNIST_LONGEST_REQUEST": "2",
        }
        self.found, self.begun, self.end = Found(), False, 10 * chance.randrange(3, 7)
        self.anew = False
        self.keep, self.keep_local = chance.choice([0, 0, 2, 3]), chance.choice([0, 0, 2, 4])
        trainers = [str(self.job.trainer)] * 12 + ["embedded"]
        real = ROOT / ".caffe" / "bin" / "caffe"
        self.caffe = chance.choice(trainers + ([str(real)] if real.exists() else []))
        self.story = [f"job {self.number}: {self.caffe}, to {self.end}, keep {self.keep}, "
                      f"keep-local {self.keep_local}"]  # fmt: skip

    def round(self) -> None:
        """One start, one fault, one kill or end, one look at everything."""
        chance = self.chance
        fault = chance.choice([None, *FAULTS])
        victim = chance.choice(VICTIMS)
        when = chance.choice(["before", "during", "during", "to the end"])
        self.story.append(f"{fault}, {when}; victim: {victim}")
        self.proxy.fault(None)
        local = self._local()
        self.anew = self.begun and chance.random() < 0.12
        if self.anew:
            self.story.append("anew")
        if fault and when == "before":
            self.proxy.fault(**FAULTS[fault])
        process = self._start(chance.choice([0.5, 3, 20]))
        try:
            self._until(process, chance.random() * self.end, chance.random() * 0.3)
            if fault and when != "before":
                self.proxy.fault(**FAULTS[fault])
                self._until(process, chance.random() * self.end, chance.random() * 0.5)
            second = self._second(process) if chance.random() < 0.1 else None
            self._kill(victim, process)
            if when != "to the end":
                self._wait(process, chance.random() * 2)
            else:
                self._wait(process, PATIENCE)
            if fault and self.proxy.hits:
                self.tally.faults[fault] += 1
            self.proxy.fault(None)
            status = self._ended(process)
        finally:
            self._kill_all(process)
        self._look(status, local, victim, second)
        if victim == "machine":
            shutil.rmtree(self.job.model, ignore_errors=True)
            shutil.rmtree(self.job.folder / "data", ignore_errors=True)

    def _start(self, drain: float) -> subprocess.Popen[str]:
        fake = {"FAKE_PACE": str(self.chance.choice([0.02, 0.05, 0.1]))}
        if self.chance.random() < 0.1:
            fake["FAKE_CUT_AT"] = "20"
        flags = [
            f"--caffe={self.caffe}", f"--set=max_iter={self.end}", f"--keep={self.keep}",
            f"--keep-local={self.keep_local}", f"--drain-timeout={drain}", "--stop-timeout=20",
            "--set=test_iter=1", "--set=layer[mnist].data_param.batch_size=4",
        ]  # fmt: skip
        if self.anew:
            flags += ["--resume", "--snapshot=none"]  # takes a dead one's place over
        elif self.begun:
            flags.append(self.chance.choice(["--resume", "--resume", "--snapshot=auto"]))
        self.begun = True
        self.stderr = self.job.folder / "stderr"
        self.job.model.mkdir(exist_ok=True)
        self.job_log = self.job.model / "train.log"
        with self.stderr.open("w") as file:
            return subprocess.Popen(
                self.job.command(*flags),
                cwd=self.job.folder,
                env=self.job.surroundings(fake),
                stdin=subprocess.DEVNULL,
                stderr=file,
                text=True,
            )

    def _until(self, process: subprocess.Popen[str], iteration: float, rest: float) -> None:
        """Until the trainer has come so far, or nothing moves; and a moment more."""
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            seen = re.findall(r"Iteration (\d+)", self.job.log())
            if seen and int(seen[-1]) >= iteration and self._has("running "):
                break
            time.sleep(0.05)
        self._wait(process, rest)

    def _has(self, text: str) -> bool:
        return text in self.stderr.read_text()

    def _wait(self, process: subprocess.Popen[str], seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)

    def _second(self, process: subprocess.Popen[str]) -> Any:
        """Another job for the same place, past the faults; None where nobody can refuse it."""
        folder = self.job.folder / f"second{len(self.story)}"
        folder.mkdir()
        other = Job(folder, self.data, self.job.url, self.swift.env())
        command = other.command(f"--caffe={self.job.trainer}", "--set=max_iter=10")
        with self._held() as held:
            if not held or process.poll() is not None:
                return None
            done = subprocess.run(
                command, env=other.surroundings({}), cwd=folder, capture_output=True, text=True
            )
        self.tally.refused += 1
        return done

    @contextlib.contextmanager
    def _held(self) -> Iterator[bool]:
        """The trainer stands still meanwhile, so that its job cannot end; False if it has."""
        pids = self.job.processes(WORDS["trainer"]) if self._has("running ") else []
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            yield bool(pids) and pids == self.job.processes(WORDS["trainer"])
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def _kill(self, victim: str, process: subprocess.Popen[str]) -> None:
        if process.poll() is not None or victim == "nobody":
            return
        if victim == "stop":
            process.send_signal(signal.SIGTERM)
            self.tally.kills["stop"] += 1
            return
        pids = [process.pid]
        if victim in WORDS:
            pids = self.job.processes(WORDS[victim])[:1]
        elif victim != "launcher":
            pids += self.job.processes()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if pids:
            self.tally.kills[victim] += 1

    def _ended(self, process: subprocess.Popen[str]) -> int | None:
        """Wait until nothing of the job runs; the launcher's exit status, None if it was killed."""
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None or self.job.processes():
            assert time.monotonic() < deadline, f"{self.job.processes()} did not end"
            time.sleep(0.05)
        return process.returncode if process.returncode >= 0 else None

    def _kill_all(self, process: subprocess.Popen[str]) -> None:
        for pid in [process.pid, *self.job.processes()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def _local(self) -> int:
        """The newest whole snapshot on the disk, by its own files."""
        newest = -1
        earlier, name = self._noted()
        if name != self.found.training and self.found.training:
            return newest  # another training than that in the store
        for path in self.job.model.glob("*_iter_*.solverstate"):
            weights = path.with_suffix(".caffemodel")
            try:
                status = path.stat()
                if [status.st_ino, status.st_size, status.st_mtime_ns] in earlier:
                    continue
                state = caffe_pb2.SolverState.FromString(path.read_bytes())
                net = caffe_pb2.NetParameter.FromString(weights.read_bytes())
            except Exception:  # a half one
                continue
            if net.layer and state.HasField("current_step"):
                newest = max(newest, state.iter)
        return newest

    def _noted(self) -> tuple[list[list[int]], str]:
        """The marks of earlier trainings' files on the disk, and the name of the one there."""
        try:
            found = json.loads((self.job.model / ".begun.json").read_bytes())
        except FileNotFoundError:
            return [], ""
        return found["earlier"], found["training"]

    def _look(self, status: int | None, local: int, victim: str, second: Any) -> None:
        said = self.stderr.read_text()
        log = set(self.job.log().splitlines())  # of the trainer, which is a program of its own
        own = [line for line in said.splitlines() if line not in log]
        assert not [line for line in own if "Traceback" in line], "a traceback"
        match = re.search(r"^train: starting (from iteration (\d+)|from the start)", said, re.M)
        started = int(match.group(2) or 0) if match else None
        objects = self.swift.objects(self.bucket, "run")
        found = check_promises(
            objects,
            self.found,
            at_least=0,
            keep=self.keep,
            spare=0 if status == 0 and "is not removed yet" not in said else 1,
            status=status,
            last=self.end,
            model=self.job.model,
            keep_local=self.keep_local if status == 0 else 0,
            started=started,
            local=local,
            anew=self.anew,
            second=second,
        )
        lines = [line for line in said.splitlines() if "storage sync" in line]
        if status == 1 and lines:
            found = self._finish_later("final/" in lines[-1], found)
            status = 0 if "final/" in lines[-1] else 1
        self.tally.rounds += 1
        if found.training != self.found.training and self.found.training:
            self.tally.anew += 1
        before = self.found.complete
        new = [name for name, one in found.complete.items() if before.get(name) != one]
        self.tally.published += len(new)
        self.found = found
        if status == 0 or len(self.story) > 12:
            if self.chance.random() < 0.3 and status == 0:
                self.end += 20  # the same job goes on further, over its own final model
            else:
                self.new_job()

    def _finish_later(self, final: bool, found: Found) -> Found:
        """`storage sync`, as the last line says; what it says it lacks is then there."""
        done = subprocess.run(
            [
                sys.executable, "-m", "caffe_mnist.storage", "sync", str(self.job.model),
                self.job.url,
            ],
            env=self.job.surroundings({}),
            capture_output=True,
            text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"sync ended with {done.returncode}: {done.stderr}"
        assert not (self.job.model / "unfinished.json").exists()
        self.tally.finished_later += 1
        objects = self.swift.objects(self.bucket, "run")
        return check_promises(
            objects, found, keep=self.keep, spare=1, status=0 if final else None, last=self.end
        )


def run(rounds: int, seed: int, lanes: int, folder: Path, verbose: bool) -> Tally:
    """So many rounds in all, in so many lanes at once."""
    tally, left, lock = Tally(), rounds, threading.Lock()

    def work(number: int, swift: Swift) -> None:
        nonlocal left
        lane = Lane(folder / f"lane{number}", swift, f"{seed}.{number}", tally)
        while True:
            with lock:
                if left <= 0:
                    return
                left -= 1
            try:
                lane.round()
            except Exception as error:
                trace = "" if isinstance(error, AssertionError) else traceback.format_exc()
                report(lane, f"{error}\n{trace}")
            if verbose:
                print(f"{tally.line()}", file=sys.stderr, flush=True)

    def report(lane: Lane, what: str) -> None:
        tally.rounds += 1
        story = "\n  ".join(lane.story)
        tally.losses.append(f"{what}\n  {story}\n{lane.stderr.read_text()[-3000:]}")
        print(f"LOSS in {lane.job.folder}: {tally.losses[-1]}", file=sys.stderr, flush=True)
        lane.new_job()

    with running(folder / "swift") as swift:
        threads = [
            threading.Thread(target=work, args=(n, swift), daemon=True) for n in range(lanes)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return tally


def main(argv: Sequence[str] | None = None) -> int:
    """The soak as a program."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=2, help="jobs at once (2)")
    parser.add_argument("--quiet", action="store_true", help="only the last line")
    given = parser.parse_args(argv)
    if not (PROGRAMS / "swift-proxy-server").exists():
        print("soak: OpenStack Swift is not installed", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="soak."))
    begun = time.monotonic()
    tally = run(given.rounds, given.seed, given.lanes, folder, not given.quiet)
    for name, count in sorted(tally.faults.items()):
        print(f"{count:5} x {name}")
    print(f"seed {given.seed}, {time.monotonic() - begun:.0f} s: {tally.line()}")
    if tally.losses:
        print(f"what was there is in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
