"""The promises of docs/snapshots.md, checked by one function against what a store really holds.

The store is read by the library alone and manifests are taken apart here, so that a fault of the
program's readers hides none of its writers.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import obstore

from caffe_mnist.schema import caffe_pb2

MANIFEST = "manifest.json"
BEGUN = "begun.json"
Files = dict[str, tuple[int, str]]


@dataclass(frozen=True)
class Snapshot:
    """A complete one: its iteration, size and SHA-256 of its files, and its training's name."""

    iteration: int
    files: Files
    training: str = ""

    @property
    def is_resumable(self) -> bool:
        """Whether it has a solver state."""
        return any(".solverstate" in name for name in self.files)


@dataclass(frozen=True)
class Found:
    """What a check found complete, by folder, and the training that was begun last ("": any)."""

    complete: dict[str, Snapshot] = field(default_factory=dict)
    training: str = ""

    @property
    def current(self) -> dict[str, Snapshot]:
        """Those of the training that was begun last."""
        wanted = self.training
        of = {name: one.training for name, one in self.complete.items()}
        return {name: one for name, one in self.complete.items() if of[name] in ("", wanted)}

    @property
    def numbered(self) -> dict[int, Snapshot]:
        """Those with a number."""
        return {int(name): one for name, one in self.complete.items() if name.isdigit()}

    @property
    def newest(self) -> int:
        """The furthest iteration to go on from; -1 if there is none."""
        resumable = (one.iteration for one in self.current.values() if one.is_resumable)
        return max(resumable, default=-1)


def check_promises(
    objects: Any,
    before: Found | None = None,
    *,
    at_least: int = 1,
    keep: int = 0,
    spare: int = 0,
    status: int | None = None,
    last: int | None = None,
    model: Path | None = None,
    keep_local: int = 0,
    started: int | None = None,
    local: int = -1,
    trained: bool | None = None,
    anew: bool = False,
    second: Any = None,
) -> Found:
    """Hold a store against the five promises; raises AssertionError.

    `objects`: the library's store of the job's place; `before`: what an earlier check found.
    1. Every manifest is true to the last byte, and what it makes complete is a snapshot.
    2. Nothing complete `before` is gone or changed, but what `keep` lets go; nothing is there
       twice; a start after that went on from `started`, which is no less than what was complete
       of the training begun last in the store or (`local`) on disk, or is 0 where it was to begin
       `anew`.
    3. A job that ended with `status` 0 left `final` of iteration `last`.
    4. At most `keep` numbered ones (and `spare`, after a kill), and on disk (below `model`) at
       most `keep_local`; what was to be `trained` while the store failed was trained.
    5. A `second` job (as subprocess.run gives it) was refused in one line, by run and host.
    And `at_least` so many snapshots must be there, or nothing was tested.
    """
    entries = {one["path"]: one for page in obstore.list(objects) for one in page}
    begun = json.loads(bytes(obstore.get(objects, BEGUN).bytes())) if BEGUN in entries else {}
    found = Found(_complete(objects, list(entries)), begun.get("training", ""))
    assert len(found.complete) >= at_least, f"only {sorted(found.complete)} is complete"
    _check_pointer(objects, entries, found)
    _check_doubles(found)
    before = before or Found()
    _check_kept(before, found, keep)
    if started is not None:
        newest = max(before.newest, local, 0)
        assert started >= newest or anew, f"went on from {started}, {newest} was complete"
        assert started == 0 or not anew, f"went on from {started}, and was to begin anew"
    if status == 0:
        assert "final" in found.complete, "exit status 0 without a complete final"
        there = found.complete["final"].iteration
        assert last is None or there == last, f"final is of {there}, not {last}"
    if keep:
        numbers = sorted(found.numbered)
        assert len(numbers) <= keep + spare, f"{numbers} are more than {keep}"
    if keep_local and model is not None:
        states = [path.name for path in model.glob("*_iter_*.solverstate")]
        assert len(states) <= keep_local, f"{states} are more than {keep_local}"
    assert trained is not False, "the training waited for the store"
    if second is not None:
        _check_refused(second)
    return found


def _complete(objects: Any, names: list[str]) -> dict[str, Snapshot]:
    complete = {}
    for name in names:
        match = re.fullmatch(rf"(\d+|final)/{MANIFEST}", name)
        if match is None:
            continue
        folder = match.group(1)
        manifest = json.loads(bytes(obstore.get(objects, name).bytes()))
        assert manifest["version"] == 1
        files = {one["name"]: (one["size"], one["sha256"]) for one in manifest["files"]}
        contents = {}
        for file, promised in files.items():
            place = f"{folder}/{file}"
            assert place in names, f"{name} promises {file}, which is not there"
            contents[file] = bytes(obstore.get(objects, place).bytes())
            real = (len(contents[file]), hashlib.sha256(contents[file]).hexdigest())
            assert real == promised, f"{place} is not what its manifest says"
        _check_snapshot(folder, manifest["iteration"], contents)
        complete[folder] = Snapshot(manifest["iteration"], files, manifest.get("training", ""))
    return complete


def _check_snapshot(folder: str, iteration: int, contents: Mapping[str, bytes]) -> None:
    """One pair of files of Caffe's, and of this very iteration."""
    kinds = {}
    for name, content in contents.items():
        match = re.search(r"_iter_(\d+)\.(caffemodel|solverstate)$", name)
        if match:
            assert int(match.group(1)) == iteration, f"{folder} of {iteration} holds {name}"
            assert match.group(2) not in kinds, f"{folder} holds two of {match.group(2)}"
            kinds[match.group(2)] = content
    assert len(kinds) == 2, f"{folder} is no pair: {sorted(contents)}"
    if folder != "final":
        assert len(contents) == 2, f"{folder} holds more than a pair: {sorted(contents)}"
    state = caffe_pb2.SolverState.FromString(kinds["solverstate"])
    assert state.iter == iteration, f"{folder} of {iteration} holds the state of {state.iter}"
    assert state.HasField("current_step"), f"the state in {folder} is cut"
    net = caffe_pb2.NetParameter.FromString(kinds["caffemodel"])
    assert len(net.layer) > 0, f"{folder} holds no layers"
    fake = re.fullmatch(r"net of iteration (\d+)", net.name)
    assert fake is None or int(fake.group(1)) == iteration, f"{folder} holds {net.name!r}"


def _check_pointer(objects: Any, entries: Mapping[str, Any], found: Found) -> None:
    if "newest.json" not in entries:
        return
    named = json.loads(bytes(obstore.get(objects, "newest.json").bytes()))
    there = found.complete.get(named["folder"])
    assert there is not None, f"newest.json names {named['folder']}, which is not complete"
    assert there.iteration == named["iteration"], f"newest.json says {named}"


def _check_doubles(found: Found) -> None:
    seen: dict[tuple[object, ...], int] = {}
    for number, one in found.numbered.items():
        key = (one.training, one.iteration, *sorted(digest for _, digest in one.files.values()))
        assert key not in seen, f"{number} and {seen[key]} are the same snapshot"
        seen[key] = number


def _check_kept(before: Found, found: Found, keep: int) -> None:
    same = found.training == before.training or not before.training
    went_on = found.newest >= before.newest or not same
    assert went_on, f"{found.newest} is the newest, it was {before.newest}"
    for folder, one in before.complete.items():
        now = found.complete.get(folder)
        if folder == "final":
            if not same and now is None:  # another training's own may be on its way
                continue
            assert now is None or now.iteration >= one.iteration, "final went back"
            # While its small files are replaced; those of another training may be as far.
            far = found.newest > one.iteration - (one.training != found.training)
            assert now is not None or far, "final is gone"
        elif now is None:
            later = found.current if folder not in before.current else {}
            higher = [
                number for number in found.numbered if number > int(folder) or str(number) in later
            ]
            assert keep, f"{folder} is gone"
            assert len(higher) >= keep, f"{folder} is gone, and only {higher} are newer"
        else:
            assert now == one, f"{folder} has changed"


def _check_refused(second: Any) -> None:
    errors = [line for line in second.stderr.splitlines() if ": error: " in line]
    assert second.returncode == 1, f"a second job ended with {second.returncode}: {errors}"
    assert len(errors) == 1, errors
    assert re.search(r"run \S+ on host \S+ \(last heartbeat ", errors[0]), errors[0]
    assert "Traceback" not in second.stderr
