"""Caffe's log, line by line, as small values.

Real Caffe and the embedded engine write the same lines; anything else is ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Union

NUMBER = r"([-+]?(?:nan|inf|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?))"
WHOLE = r"(\d{1,18})"  # in an int of Caffe's are fewer digits
PREFIX = re.compile(
    r"^([IWEF])(?:\d{4})?(\d{4}) (\d\d):(\d\d):(\d\d\.\d+)\s+\d+ ([\w.+-]+):\d+\] (.*)$"
)
# glog's head behind what containers, journals and platforms put before a line.
HEAD = re.compile(r"[IWEF](?:\d{4})?\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [\w.+-]+:\d+\] ")
LONGEST_FOREIGN = 200
# NVIDIA's Caffe has the time alone at first, and epochs between the speed and the loss.
DISPLAY = re.compile(
    rf"Iteration {WHOLE}(?: \((?:{NUMBER} iter/s, {NUMBER} ?s/\d+ iters?|{NUMBER} s)\))?"
    rf"(?:, [\d.]{{1,20}}/[\d.]{{1,20}} ?ep)?, loss = {NUMBER}"
)
# Forks with several solvers put a number before their words: "[0] Iteration 20, loss = 1".
SOLVER = re.compile(r"^\s*\[[\d.]{1,9}\]( +)(?=Iteration |Train net |Test net )")
RATE = re.compile(rf"Iteration {WHOLE}, lr = {NUMBER}")
TESTING = re.compile(rf"Iteration {WHOLE}, Testing net \(#{WHOLE}\)")
OUTPUT = re.compile(rf"\s+(Train|Test) net output #{WHOLE}: (.+?) = {NUMBER}(?: \(\*|\s*$)")
SNAPSHOT = re.compile(r"Snapshotting (?:solver state )?to (?:binary proto|HDF5) file (.+)")


@dataclass(frozen=True)
class Display:
    """Loss at an iteration; `speed` in iterations a second where the log gives it."""

    iteration: int
    loss: float
    speed: float | None


@dataclass(frozen=True)
class Rate:
    """Learning rate at an iteration."""

    iteration: int
    rate: float


@dataclass(frozen=True)
class Testing:
    """A test of net `net` begins at an iteration."""

    iteration: int
    net: int


@dataclass(frozen=True)
class Output:
    """One output value of the train or a test net; it belongs to the iteration before it."""

    phase: str
    index: int
    name: str
    value: float


@dataclass(frozen=True)
class Snapshot:
    """A file of a snapshot is being written."""

    path: str


@dataclass(frozen=True)
class Finished:
    """The training ended by itself (or, with `early`, was asked to stop)."""

    early: bool


Event = Union[Display, Rate, Testing, Output, Snapshot, Finished]


def read_line(line: str) -> Event | None:
    """What a line of the log says, or None."""
    match = PREFIX.match(line.rstrip("\n"))
    if match is None:
        return None
    text = SOLVER.sub(r"\1", match.group(7)) if "[" in match.group(7)[:6] else match.group(7)
    if found := OUTPUT.match(text):
        phase = found.group(1).lower()
        return Output(phase, int(found.group(2)), found.group(3), float(found.group(4)))
    if found := DISPLAY.match(text := text.lstrip()):
        speed = float(found.group(2)) if found.group(2) else None
        iteration = int(found.group(1))
        # Caffe's first speed is the iteration it starts at, over a time of next to nothing.
        if speed is not None and (iteration == 0 or not speed > 0):
            speed = None
        return Display(iteration, float(found.group(5)), speed)
    if found := RATE.match(text):
        return Rate(int(found.group(1)), float(found.group(2)))
    if found := TESTING.match(text):
        return Testing(int(found.group(1)), int(found.group(2)))
    if found := SNAPSHOT.match(text):
        return Snapshot(found.group(1))
    if text == "Optimization stopped early.":
        return Finished(early=True)
    if text == "Optimization Done." and match.group(6) == "solver.cpp":
        return Finished(early=False)
    return None


def from_head(line: str) -> str:
    """A line of a foreign log from glog's head on, without what stands before it."""
    found = HEAD.search(line, 0, LONGEST_FOREIGN)
    return line[found.start() :] if found else line


def level(line: str) -> str | None:
    """The level letter (I, W, E, F) of a log line; None for a line without glog's prefix."""
    match = PREFIX.match(line)
    return match.group(1) if match else None
