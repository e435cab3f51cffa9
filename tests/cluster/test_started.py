"""Who started us, as the environment says; addresses; MIN:MAX and HOST:PORT."""

from __future__ import annotations

import pytest

from caffe_mnist.cluster.address import interface_of, is_here
from caffe_mnist.cluster.machines import Machines, find_machines
from caffe_mnist.cluster.started import OF_TORCHRUN, Started, first_of, started_by
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.launch.settings import Settings
from caffe_mnist.launch.together import as_started, forget_torchrun, together_flags

SLURM = {
    "SLURM_STEP_NUM_TASKS": "3", "SLURM_STEP_NUM_NODES": "3", "SLURM_PROCID": "2",
    "SLURM_STEP_NODELIST": "gpu[07-09]", "SLURM_JOB_ID": "4711",
}  # fmt: skip
TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "x", "RANK": "3", "LOCAL_RANK": "1", "GROUP_RANK": "1",
    "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "GROUP_WORLD_SIZE": "2",
    "MASTER_ADDR": "host0", "MASTER_PORT": "29500", "TORCHELASTIC_RESTART_COUNT": "0",
}  # fmt: skip


@pytest.mark.parametrize(
    ("listed", "first"),
    [
        ("n1", "n1"),
        ("n1,n2", "n1"),
        ("gpu[03-05,9],big1", "gpu03"),
        ("a[2,4]-ib,b", "a2-ib"),
        ("rack1-node[001-128]", "rack1-node001"),
    ],
)
def test_the_first_of_slurms_list(listed: str, first: str) -> None:
    """As `scontrol show hostnames` would write it."""
    assert first_of(listed) == first


def test_srun_says_it_all() -> None:
    """How many machines, which this is, and where they meet; a requeued job resumes."""
    started = started_by(SLURM)
    assert started == Started("3", "gpu07:30112", 2)
    assert started_by({**SLURM, "SLURM_RESTART_COUNT": "1"}) == Started(
        "3", "gpu07:30112", 2, again=True
    )
    assert started_by({**SLURM, "SLURM_STEP_NUM_TASKS": "1"}) is None
    assert started_by({}) is None
    with pytest.raises(CaffeMnistError, match="3 tasks on 1 machines"):
        started_by({**SLURM, "SLURM_STEP_NUM_NODES": "1"})


def test_torchrun_says_it_all() -> None:
    """The first process of a machine starts all its workers, the others have nothing to do."""
    found, spare = as_started(Settings(), TORCHRUN)
    assert spare
    assert (found.nodes, found.rdzv, found.node_rank) == ("2", "host0:29501", 1)
    assert found.workers == 2
    found, spare = as_started(
        Settings(), {**TORCHRUN, "LOCAL_RANK": "0", "TORCHELASTIC_RESTART_COUNT": "1"}
    )
    assert not spare
    assert found.resume
    assert found.snapshot == "auto"
    environment = dict(TORCHRUN)
    forget_torchrun(environment)
    assert not set(environment) & set(OF_TORCHRUN)


def test_what_is_given_goes_before_what_the_starter_means() -> None:
    """--nodes 1 is a job of one's own; MIN:MAX meets where srun says."""
    assert as_started(Settings(nodes="1"), SLURM) == (Settings(nodes="1"), False)
    found, _ = as_started(Settings(nodes="2:3"), SLURM)
    assert (found.nodes, found.rdzv, found.node_rank) == ("2:3", "gpu07:30112", 2)
    found, _ = as_started(Settings(rdzv="other:1"), SLURM)
    assert found.rdzv == "other:1"


def test_flags_for_the_trainer() -> None:
    """Only what was asked for."""
    assert together_flags(Settings(), None) == ()
    settings = Settings(workers=2, nodes="2:3", node_rank=1, max_restarts=4)
    machines = Machines(2, 3, "h", 9, first=False)
    assert " ".join(together_flags(settings, machines)) == (
        "-workers 2 -nodes 2:3 -rdzv h:9 -node_rank 1 -max_restarts 4"
    )


def test_addresses_of_this_machine() -> None:
    """Loopback is here, a documentation address is not."""
    assert is_here("127.0.0.1")
    assert not is_here("192.0.2.123")
    assert interface_of("127.0.0.1") == "lo"
    assert interface_of("192.0.2.123") == ""
    here = find_machines("1:2", "127.0.0.1:5")
    assert (here.first, here.endpoint, here.interface) == (True, "127.0.0.1:5", "")
    assert not find_machines("2", "127.0.0.1", 1).first
    assert find_machines("2", "[::1]:7", 0).endpoint == "[::1]:7"
    # A name that is not known yet, of a pod that is not there yet.
    assert find_machines("2", "nobody.invalid:5", 1).host == "nobody.invalid"


@pytest.mark.parametrize(
    ("nodes", "rdzv", "rank", "words"),
    [
        ("two", "h", None, "'two' is no number"),
        ("3:2", "h", None, "MAX not less"),
        ("0", "h", None, "MIN is 1 or more"),
        ("2", "", None, "need a place to meet"),
        ("2", "h:0", None, "is not HOST:PORT"),
        ("2", ":5", None, "names no host"),
        ("2", "nobody.invalid:5", None, "has no address"),
        ("2", "localhost", 2, "2 is not 0 to 1"),
    ],
)
def test_what_cannot_be(nodes: str, rdzv: str, rank: int | None, words: str) -> None:
    """One line each."""
    with pytest.raises(CaffeMnistError, match=words):
        find_machines(nodes, rdzv, rank)
