"""The lock on a place in a store: one owner, whoever dies, whatever the store answers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from caffe_mnist.storage.holder import Holder, new_run, runs_here, this_boot
from caffe_mnist.storage.owner import OWNER, OwnedError, Owner
from caffe_mnist.storage.store import Store, StoreError, open_store
from tests.fixtures.faults import REFUSE, FaultProxy
from tests.fixtures.swift import Swift


class Time:
    """A clock that moves by sleeping; `at` runs something when a moment has come."""

    def __init__(self) -> None:
        self.now = 0.0
        self._plans: list[tuple[float, Callable[[], object]]] = []

    def at(self, moment: float, action: Callable[[], object]) -> None:
        """Plan an action."""
        self._plans.append((moment, action))

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        due = [plan for plan in self._plans if plan[0] <= self.now]
        self._plans = [plan for plan in self._plans if plan not in due]
        for _, action in due:
            action()


def owner(url: object, run: str, time: Time | None = None, alive: bool = True) -> Owner:
    """An owner whose time is `time`; processes of others are `alive`."""
    time = time or Time()
    return Owner(str(url), run, clock=lambda: time.now, sleep=time.sleep, runs=lambda holder: alive)


def holder(url: object) -> Holder:
    """Who stands in owner.json."""
    return Holder.from_json(open_store(str(url)).read(OWNER))


def test_a_free_place(tmp_path: Path) -> None:
    """It is had at once, says whose it is, and is free again afterwards."""
    time = Time()
    first = owner(tmp_path, "one", time)
    assert first.claim() is False
    found = json.loads((tmp_path / OWNER).read_text())
    assert (found["version"], found["run"], found["pid"]) == (1, "one", os.getpid())
    assert found["host"] == os.uname().nodename
    assert found["boot"] == this_boot()
    assert first.release()
    assert not list(tmp_path.iterdir())
    assert time.now == 0


def test_the_second_is_refused(tmp_path: Path) -> None:
    """With run, host and heartbeat of the first, and nothing is left behind of the second."""
    owner(tmp_path, "one").claim()
    with pytest.raises(OwnedError) as caught:
        owner(tmp_path, "two").claim()
    assert caught.value.status == 1
    host = os.uname().nodename
    assert f"{OWNER}: belongs to run one on host {host} (last heartbeat 20" in str(caught.value)
    assert " s ago)" in str(caught.value)
    assert owner(tmp_path, "two").release()  # which does not touch the first
    assert holder(tmp_path).run == "one"
    assert [path.name for path in tmp_path.iterdir()] == [OWNER]


def test_a_dead_process_of_this_machine(tmp_path: Path) -> None:
    """No waiting: it is refused with the way out, and taken over when that is asked for."""
    owner(tmp_path, "one").claim()
    time = Time()
    with pytest.raises(OwnedError, match="it is dead: --resume takes over"):
        owner(tmp_path, "two", time, alive=False).claim()
    assert owner(tmp_path, "two", time, alive=False).claim(take_over=True) is False
    assert holder(tmp_path).run == "two"
    assert time.now <= 2


def test_another_machine_that_is_silent(tmp_path: Path) -> None:
    """60 s without a beat by our own clock; its clock does not matter, and it may awake."""
    (tmp_path / OWNER).write_bytes(
        Holder("one", "other", heartbeat="2199-01-01T00:00:00Z").to_json()
    )
    time = Time()
    assert owner(tmp_path, "two", time).claim(take_over=True) is True
    assert 60 <= time.now <= 63
    assert holder(tmp_path).run == "two"


def test_a_silence_that_the_store_has_seen(tmp_path: Path) -> None:
    """Where its last beat is old by the store's clock, one beat's time is enough."""
    (tmp_path / OWNER).write_bytes(Holder("one", "other").to_json())
    os.utime(tmp_path / OWNER, (1e9, 1e9))
    time = Time()
    assert owner(tmp_path, "two", time).claim(take_over=True) is True
    assert 20 <= time.now <= 23


@pytest.mark.parametrize("jumped", [False, True])
def test_another_machine_that_lives(tmp_path: Path, jumped: bool) -> None:
    """A beat while we wait: refused, also when the store's clock makes the last one look old."""
    time = Time()
    first = owner(tmp_path, "one", time)
    first.claim()
    if jumped:
        os.utime(tmp_path / OWNER, (1e9, 1e9))
    time.at(15, first.beat)
    with pytest.raises(OwnedError, match=r"run one .*it is alive"):
        owner(tmp_path, "two", time).claim(take_over=True)
    assert 15 <= time.now <= 17
    assert holder(tmp_path).run == "one"


def test_one_that_is_ending_is_waited_for(tmp_path: Path) -> None:
    """Its launcher is gone, its uploader saves the rest: no harm, the place is free soon."""
    time = Time()
    first = owner(tmp_path, "one", time)
    first.claim()
    for moment in range(15, 150, 15):
        content = Holder("one", "other", beats=moment, ending=True).to_json()
        time.at(moment, lambda content=content: (tmp_path / OWNER).write_bytes(content))  # type: ignore[misc]
    time.at(150, lambda: (tmp_path / OWNER).unlink())
    assert owner(tmp_path, "two", time).claim(take_over=True) is False
    assert 150 <= time.now <= 153


def test_two_take_over_one(tmp_path: Path) -> None:
    """Only one has the place: who stands there a moment later."""
    (tmp_path / OWNER).write_bytes(Holder("dead", "other").to_json())
    time = Time()
    other = Holder("three", "third").to_json()
    time.at(60.5, lambda: (tmp_path / OWNER).write_bytes(other))
    with pytest.raises(OwnedError, match=r"run three"):
        owner(tmp_path, "two", time).claim(take_over=True)


def test_whoever_was_taken_over_stops(tmp_path: Path) -> None:
    """A machine that awakes finds another's name: it neither beats nor releases nor goes on."""
    first = owner(tmp_path, "one")
    first.claim()
    first.check()
    second = owner(tmp_path, "two", alive=False)
    second.claim(take_over=True)
    with pytest.raises(OwnedError, match=r"run two .*it took over"):
        first.check()
    assert first.lost is not None
    first.release()
    second.check()
    assert holder(tmp_path).run == "two"


def test_a_bit_that_turns_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that was damaged on the way is no other owner: it is looked at twice."""
    first = owner(tmp_path, "one")
    first.claim()
    good = Store.read
    answers = iter([b'{"run": "ooe"}'])
    monkeypatch.setattr(
        Store, "read", lambda *args, **limit: next(answers, None) or good(*args, **limit)
    )
    first.check()
    assert first.lost is None


def test_beats_differ(tmp_path: Path) -> None:
    """Also those of the uploader beside the launcher, and with a clock that stands still."""
    launcher, uploader = owner(tmp_path, "one"), owner(tmp_path, "one")
    launcher.claim()
    seen = {(tmp_path / OWNER).read_bytes()}
    for each in (launcher, uploader, uploader, launcher, uploader):
        each.beat()
        seen.add((tmp_path / OWNER).read_bytes())
    assert len(seen) == 6


def test_a_place_that_was_emptied(tmp_path: Path) -> None:
    """A bucket that vanished and came back: the owner puts its name there again."""
    first = owner(tmp_path, "one")
    first.claim()
    (tmp_path / OWNER).unlink()
    first.check()
    assert holder(tmp_path).run == "one"


@pytest.mark.parametrize("content", [b"", b"junk", b"[]", b'{"version": 9, "who": 1}', b"\xff" * 9])
def test_an_owner_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    """Is an owner all the same: one line, and dead when it stays as it is."""
    (tmp_path / OWNER).write_bytes(content)
    with pytest.raises(OwnedError, match="unknown"):
        owner(tmp_path, "two").claim()
    time = Time()
    assert owner(tmp_path, "two", time).claim(take_over=True)
    assert time.now >= 60


def test_a_store_that_ignores_conditions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that create at the same time, who stands there a moment later has the place."""

    def create(store: Store, name: str, content: bytes) -> bool:
        store.write(name, content)
        return True

    monkeypatch.setattr(Store, "create", create)
    time = Time()
    other = Holder("other", "third").to_json()
    time.at(0.5, lambda: (tmp_path / OWNER).write_bytes(other))
    with pytest.raises(OwnedError, match=r"run other .*it was faster"):
        owner(tmp_path, "two", time).claim()
    (tmp_path / OWNER).unlink()
    assert owner(tmp_path, "two", time).claim() is False


@pytest.fixture
def place(swift: Swift, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A place in a bucket, behind the proxy."""
    for name, value in swift.env(faults.endpoint).items():
        monkeypatch.setenv(name, value)
    yield f"s3://{swift.bucket()}/run"
    faults.fault(None)


def test_a_real_store(place: str) -> None:
    """The same with a bucket, whose server keeps conditions."""
    first = owner(place, "one")
    first.claim()
    assert holder(place).run == "one"
    with pytest.raises(OwnedError, match=r"run one on host .* \d+ s ago"):
        owner(place, "two").claim()
    assert first.release()
    assert open_store(place).list() == []


def test_a_store_that_is_away(place: str, faults: FaultProxy) -> None:
    """No claim; and an owner that cannot beat has lost nothing."""
    first = owner(place, "one")
    first.claim()
    faults.fault(REFUSE)
    with pytest.raises(StoreError):
        owner(place, "two").claim()
    with pytest.raises(StoreError):
        first.check()
    assert first.lost is None
    assert first.release() is False
    faults.fault(None)
    first.check()
    assert first.release()


def test_names_of_runs_and_processes() -> None:
    """Runs have names of their own; a process that is gone is seen to be."""
    assert len({new_run() for _ in range(100)}) == 100
    assert runs_here(Holder("x", pid=os.getpid()))
    assert not runs_here(Holder("no such run", pid=2**22 + 1))
